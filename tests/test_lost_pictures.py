"""Pictures that are removed, damaged or replaced while an audit runs, in each of its phases."""

import os
import shutil

import pytest
import torch
from PIL import Image

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.data import sources
from o2u_nb.data.checks import without_lost
from o2u_nb.data.content import content_hash, hash_if_readable
from o2u_nb.errors import SourceError
from o2u_nb.eye_names import NETWORK
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.training import eyes
from o2u_nb.training.backbones import Backbone
from tests.kills import Colours
from tests.sources import TINY, write_source

FROZEN = "colours"
LOST = "lost before it was trained on"
READ, TRAINED = "Found", "Ranking"  # lines that begin so tell that this is done


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


def empty(path):
    path.write_bytes(b"")


def to_text(path):
    path.write_text("no picture\n")


def to_folder(path):
    path.unlink()
    path.mkdir()


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


def to_loop(path):
    path.unlink()
    path.symlink_to(path)


def to_endless_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


WAYS = [remove, cut, empty, to_text, to_folder, to_pipe, to_loop, to_endless_device]
PICTURES = ["red/027.png", "blue/002.png"]


@pytest.fixture(scope="module")
def colours():
    return Backbone(FROZEN, Colours().eval(), 8, (0.0,) * 3, (1 / 255,) * 3, "colours-1")


@pytest.fixture
def source(tmp_path, monkeypatch, colours):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setattr(eyes, "backbone", lambda name: colours)
    return write_source(tmp_path / "source")


def audit(source, out, when: str, change, *, names=(NETWORK,)) -> tuple[Audit, list[str]]:
    """Audit `source`, and call `change` on `PICTURES` at the first line that begins with `when`."""
    said, todo = [], [source / name for name in PICTURES]

    def say(line):
        said.append(line)
        if line.startswith(when):
            while todo:
                change(todo.pop())

    run_audit(source, out, preset="quick", eyes=list(names), say=say)
    assert not todo, said
    return Audit.open(out), said


@pytest.mark.parametrize("change", WAYS)
def test_a_picture_lost_between_reading_and_decoding_is_left_out_and_listed(
    source, tmp_path, change
):
    found, said = audit(source, tmp_path / "out", READ, change)
    problems = found.problems[found.problems["problem"] == LOST]
    assert sorted(problems["sample_id"]) == sorted(PICTURES)
    assert set(problems["action"]) == {"left out"}
    assert len(found.samples) == len(found.scores) == found.trace.n_samples == 58
    assert not found.samples.index.isin(PICTURES).any()
    assert found.facts["n_samples"] == 58
    (line,) = [line for line in said if line.startswith("Careful: 2 pictures can no longer")]
    assert "blue/002.png" in line and layout.PROBLEMS in line


@pytest.mark.parametrize("change", [remove, to_pipe, cut])
def test_a_frozen_eye_goes_on_without_it_too(source, tmp_path, change):
    found, _ = audit(source, tmp_path / "out", READ, change, names=[FROZEN])
    assert len(found.scores) == found.trace.n_samples == 58


def test_a_picture_lost_between_two_eyes_leaves_no_eye_that_saw_other_samples(source, tmp_path):
    found, said = audit(
        source, tmp_path / "out", "Training a head", remove, names=(FROZEN, NETWORK)
    )
    assert [list(trace.ids) for trace in found.eyes.values()] == [sorted(found.samples.index)] * 2
    assert len(found.samples) == 58
    assert sum(line.startswith("Training a head") for line in said) == 2


@pytest.mark.parametrize(
    ("when", "change", "problem"),
    [
        ("Training compact", remove, "gone since it was read"),
        ("Training compact", cut, "changed since it was read"),
        (TRAINED, to_pipe, "gone since it was read"),
        (TRAINED, to_loop, "gone since it was read"),
        (TRAINED, to_text, "changed since it was read"),
    ],
)
def test_a_picture_lost_after_it_was_seen_stays_with_what_was_seen(
    source, tmp_path, when, change, problem
):
    found, said = audit(source, tmp_path / "out", when, change)
    assert len(found.samples) == len(found.scores) == 60
    listed = found.problems.set_index("sample_id")["problem"]
    assert dict(listed[PICTURES]) == dict.fromkeys(PICTURES, problem)
    assert "blue/002.png" in "".join(line for line in said if line.startswith("Careful: 2"))
    found.session(reviewer="ann").keep([PICTURES[0]])  # a decision on it waits for no pipe


def test_what_is_trained_without_lost_pictures_is_what_a_source_without_them_gives(
    source, tmp_path
):
    found, _ = audit(source, tmp_path / "out", READ, remove)
    run_audit(source, tmp_path / "again", preset="quick", eyes=[NETWORK])
    again = Audit.open(tmp_path / "again")
    assert torch.equal(torch.tensor(found.trace.loss[:]), torch.tensor(again.trace.loss[:]))
    assert found.scores.equals(again.scores)
    assert run_audit(source, tmp_path / "out", preset="quick", eyes=[NETWORK], reopen=True)


def test_a_source_that_goes_away_as_a_whole_is_one_error_and_leaves_nothing(source, tmp_path):
    def say(line):
        if line.startswith(READ):
            shutil.rmtree(source)

    with pytest.raises(SourceError, match="nothing in the source can be audited; 60 left out"):
        run_audit(source, tmp_path / "out", preset="quick", say=say)
    assert not (tmp_path / "out").exists()


def test_samples_that_are_all_readable_stay_the_same_object(tmp_path):
    checked = sources.read(write_source(tmp_path / "source"))
    assert without_lost(checked) is checked


@pytest.mark.parametrize("change", [to_pipe, to_endless_device])
def test_the_digest_of_a_pipe_or_device_is_not_waited_for(tmp_path, change):
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    change(path)
    with pytest.raises(OSError, match="a device or pipe, not a file"):
        content_hash(str(path))
    assert hash_if_readable(str(path)) is None
