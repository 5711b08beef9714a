"""The same audit asked for again: opened when nothing has changed, refused with the reason else."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb import again
from o2u_nb import folder as layout
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.errors import AuditExistsError
from o2u_nb.presets import PRESETS
from o2u_nb.review.session import ReviewSession
from o2u_nb.training import job
from tests.pages import numbered
from tests.sources import TINY, snapshot, write_source


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setitem(PRESETS, "instant", replace(TINY, name="instant"))
    return write_source(tmp_path / "source")


@pytest.fixture
def audited(source, tmp_path, monkeypatch):
    """An audit of `source` in `out` with three decisions; from then on nothing can be trained."""
    audit = Audit.run(source, tmp_path / "out", preset="quick", quiet=True)
    session = ReviewSession(audit, reviewer="ann")
    session.keep(session.columns.ids_at(np.arange(3)))

    def refuse(*_):
        raise AssertionError("It trains.")

    monkeypatch.setattr(job, "train", refuse)
    return audit


def test_the_same_run_opens_the_audit_with_its_decisions(audited, source, tmp_path, capsys):
    before = snapshot(tmp_path / "out")
    found = Audit.run(source, tmp_path / "out", preset="quick")
    assert "Opened the finished audit" in capsys.readouterr().out
    assert ReviewSession(found).counts["keep"] == 3
    pd.testing.assert_frame_equal(found.scores, audited.scores)
    assert snapshot(tmp_path / "out") == before


def test_other_settings_are_named(audited, source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(AuditExistsError, match="preset 'quick', and 'instant' is asked for") as no:
        Audit.run(source, out, preset="instant", quiet=True)
    assert f"Audit.open({str(out)!r})" in str(no.value) and "overwrite=True" in str(no.value)
    with pytest.raises(AuditExistsError, match="seed 0, and 4 is asked for"):
        Audit.run(source, out, preset="quick", seed=4, quiet=True)
    with pytest.raises(AuditExistsError, match=r"eyes None, and \['network'\] is asked for"):
        Audit.run(source, out, preset="quick", eyes=("network",), quiet=True)


def changed_picture(source):
    path = next((source / "red").iterdir())
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    os.utime(path, (1, 1))  # also where the new file looks older than the audit


def new_picture(source):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(source / "red" / "new.png")


def gone_picture(source):
    next((source / "red").iterdir()).unlink()


@pytest.mark.parametrize(
    "change, said",
    [
        (changed_picture, "pictures or their paths have changed"),
        (new_picture, "1 samples are new"),
        (gone_picture, "1 samples are gone"),
    ],
)
def test_a_changed_source_is_named(audited, source, tmp_path, change, said):
    change(source)
    with pytest.raises(AuditExistsError, match=said):
        Audit.run(source, tmp_path / "out", preset="quick", quiet=True)


def test_overwriting_and_refusing_are_still_there(audited, source, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(AuditExistsError, match="already holds an audit of 60 samples, made on 20"):
        Audit.run(source, out, preset="quick", reopen=False, quiet=True)
    with pytest.raises(AssertionError, match="It trains"):
        Audit.run(source, out, preset="quick", overwrite=True, quiet=True)
    assert main(["audit", str(source), "--out", str(out), "--preset", "quick"]) == 2
    said = capsys.readouterr().err
    assert f"Audit.open({str(out)!r})" in said and "--overwrite" in said and said.count("\n") == 1


def test_what_was_saved_from_a_notebook_is_opened_by_its_name_only(audited, source, tmp_path):
    saved = tmp_path / "saved"
    Audit.save(saved, audited.samples, audited.trace, quiet=True)
    with pytest.raises(AuditExistsError, match=r"saved from a notebook.*Audit\.open"):
        Audit.run(source, saved, preset="quick", quiet=True)
    with pytest.raises(AuditExistsError, match=r"Audit\.open"):
        Audit.save(saved, audited.samples, audited.trace, quiet=True)


def test_an_unfinished_audit_cannot_be_opened(source, tmp_path):
    out = tmp_path / "out"
    Audit.run(source, out, preset="quick", quiet=True)
    (out / layout.FACTS).unlink()
    with pytest.raises(AuditExistsError, match="unfinished audit") as no:
        Audit.run(source, out, preset="quick", quiet=True)
    assert "Audit.open" not in str(no.value) and "overwrite=True" in str(no.value)


def test_the_state_of_pictures_without_files_is_their_content():
    samples, _ = numbered(n=6)
    state = again.state(samples)
    assert state == again.state(numbered(n=6)[0]) and len(state) == 32
    other = samples.copy()
    other["image"] = [*samples["image"][:-1], samples["image"].iloc[-1] + 1]
    relabelled = samples.assign(label=["owl", *samples["label"][1:]])
    moved = samples.assign(split="valid")
    states = {again.state(table) for table in (samples, other, relabelled, moved)}
    assert len(states) == 4


def test_arrays_are_opened_again_too(source, tmp_path, monkeypatch):
    files = sorted(source.rglob("*.png"))
    pixels = np.stack([np.asarray(Image.open(f)) for f in files])
    labels = [f.parent.name for f in files]
    Audit.run((pixels, labels), tmp_path / "out", preset="quick", quiet=True)
    monkeypatch.setattr(job, "train", None)
    again = Audit.run((pixels.copy(), labels), tmp_path / "out", preset="quick", quiet=True)
    assert len(again.scores) == 60
    with pytest.raises(AuditExistsError, match="have changed"):
        Audit.run((255 - pixels, labels), tmp_path / "out", preset="quick", quiet=True)
