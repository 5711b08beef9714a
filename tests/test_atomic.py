"""A file is written whole or not at all, also when several write it, or the power goes."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from o2u_nb.data import atomic
from o2u_nb.errors import OutputError
from tests.sources import snapshot


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


def test_content_is_on_the_disk_before_it_takes_the_old_ones_place_and_then_its_name(
    tmp_path, monkeypatch
):
    target, seen = tmp_path / "a", []
    target.write_bytes(b"old")
    real = os.fsync

    def sync(descriptor):
        what = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((what, target.read_bytes()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with atomic.replacing(target) as file:
        file.write(b"new")
    assert seen == [("file", b"old"), ("folder", b"new")]
    with atomic.replacing(target, durable=False) as file:
        file.write(b"newer")
    assert len(seen) == 2 and target.read_bytes() == b"newer"


def test_two_that_write_a_file_at_once_do_not_mix(tmp_path):
    target = tmp_path / "a"
    with atomic.replacing(target) as first:
        first.write(b"first")
        with atomic.replacing(target) as second:
            second.write(b"2")
        assert target.read_bytes() == b"2"
    assert target.read_bytes() == b"first" and len(list(tmp_path.iterdir())) == 1


def test_who_has_the_old_file_mapped_keeps_it(tmp_path):
    target = tmp_path / "a.npy"
    np.save(target, np.arange(1000.0))
    mapped = np.load(target, mmap_mode="r")
    with atomic.replacing(target) as file:
        file.write(b"short")
    assert mapped[999] == 999  # a file that is cut short in place ends the process with SIGBUS


def test_files_of_others_that_look_half_written_stay(tmp_path):
    for name in ("a.partial", ".a.partial", ".o2u_nb-1.partial"):
        (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    with atomic.replacing(tmp_path / "a") as file:
        file.write(b"ours")
    found = snapshot(tmp_path)
    assert found.pop(tmp_path / "a")[1] == b"ours" and found == before


def test_every_new_folder_is_sent_to_the_disk_by_the_one_above_it(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(atomic, "sync_folder", lambda folder: synced.append(Path(folder)))
    made = atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert made == [tmp_path / "a" / "b" / "c", tmp_path / "a" / "b", tmp_path / "a"]
    assert set(synced) == {tmp_path / "a" / "b", tmp_path / "a", tmp_path}
    assert atomic.make_folder(tmp_path / "a") == []


def test_a_folder_that_cannot_be_sent_to_the_disk_is_no_error_but_a_failing_disk_is(
    tmp_path, monkeypatch
):
    def refuses(number):
        def sync(descriptor):
            raise OSError(number, os.strerror(number))

        return sync

    monkeypatch.setattr(os, "fsync", refuses(errno.EINVAL))
    atomic.sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refuses(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        atomic.sync_folder(tmp_path)
    with pytest.raises(OutputError, match="Input/output error"), atomic.replacing(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nothing_is_not_replaced(tmp_path):
    """What it leads to may be on a disk that is away."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="link to nothing"), atomic.replacing(tmp_path / "link"):
        pytest.fail("it was begun")
    assert (tmp_path / "link").is_symlink() and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_folder_or_a_link_to_one_is_not_replaced(tmp_path, kind):
    """A link to a folder was: `to_parquet` to it left a file where the link had been."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with pytest.raises(OutputError, match=r"(?i)is a directory"), atomic.replacing(tmp_path / kind):
        pytest.fail("it was begun")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder").is_dir()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "link"]


def test_a_folder_that_may_not_be_listed_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    asked = []
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "fsync", asked.append)
    atomic.sync_folder(tmp_path)
    assert not asked
