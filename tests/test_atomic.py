"""A file is written whole or not at all, also when several write it, or the power goes."""

import os

import pytest

from o2u_nb.data import atomic
from o2u_nb.errors import OutputError


def test_replacing_keeps_the_old_file_when_the_new_one_fails(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic.replacing(target) as file:
        file.write(b"half")
        raise RuntimeError("stop")
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_an_output_error(tmp_path):
    with (
        pytest.raises(OutputError, match="No space left on device"),
        atomic.replacing(tmp_path / "a"),
    ):
        raise OSError(28, "No space left on device")


def test_durable_bytes_are_on_the_disk_before_they_take_the_old_ones_place(tmp_path, monkeypatch):
    target, seen = tmp_path / "a", []
    target.write_bytes(b"old")
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(target.read_bytes()), real(fd)))
    with atomic.replacing(target, durable=True) as file:
        file.write(b"new")
    assert seen == [b"old"] and target.read_bytes() == b"new"
    with atomic.replacing(target) as file:
        file.write(b"newer")
    assert len(seen) == 1


def test_two_that_write_a_shared_file_at_once_do_not_mix(tmp_path):
    target = tmp_path / "a"
    with atomic.replacing(target, shared=True) as first:
        first.write(b"first")
        with atomic.replacing(target, shared=True) as second:
            second.write(b"2")
        assert target.read_bytes() == b"2"
    assert target.read_bytes() == b"first" and len(list(tmp_path.iterdir())) == 1
