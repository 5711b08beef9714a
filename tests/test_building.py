"""Nothing of the user's is ever removed or replaced, whatever it is called, and the old stays.

Folders are compared by every byte below them, before and after all that may be asked of them.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.building import building
from o2u_nb.errors import AuditExistsError, O2UError, OutputError, SourceError
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.trace import Trace
from tests.sources import TINY, snapshot, write_source


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)


@pytest.fixture
def source(tmp_path) -> Path:
    return write_source(tmp_path / "source", n=30)


def audit_twice(source, out, **options):
    """Try both ways of asking; return the errors."""
    said = []
    for overwrite in (False, True):
        with pytest.raises(O2UError) as caught:
            run_audit(source, out, preset="quick", overwrite=overwrite, **options)
        said.append(str(caught.value))
    return said


def test_pictures_in_a_folder_called_trace_are_not_an_audit(tmp_path):
    project = tmp_path / "project"
    write_source(project / "trace", n=30)
    before = snapshot(project)
    assert all(
        "lies inside the output folder" in e for e in audit_twice(project / "trace", project)
    )
    assert snapshot(project) == before


def test_pictures_named_in_a_list_are_found_in_the_output_folder(tmp_path):
    project = tmp_path / "project"
    write_source(project / "trace", n=30)
    files = sorted((project / "trace").rglob("*.png"))
    table = pd.DataFrame({"path": list(map(str, files)), "label": [f.parent.name for f in files]})
    table.to_csv(project / "trace" / "labels.csv", index=False)
    table.to_csv(tmp_path / "labels.csv", index=False)
    before = snapshot(tmp_path)
    for csv in (project / "trace" / "labels.csv", tmp_path / "labels.csv"):
        audit_twice(csv, project)
        audit_twice(table, project)
        audit_twice(project / "trace", project, labels=csv)
    assert snapshot(tmp_path) == before


def test_an_output_folder_among_listed_pictures_is_refused(tmp_path, source):
    files = sorted(source.rglob("*.png"))
    table = pd.DataFrame({"path": list(map(str, files)), "label": [f.parent.name for f in files]})
    before = snapshot(tmp_path)
    for error in audit_twice(table, source / "red" / "audit"):
        assert "lies inside the source" in error
    assert snapshot(tmp_path) == before and not (source / "red" / "audit").exists()


def test_pictures_behind_links_count_where_they_are(tmp_path, source):
    links = tmp_path / "links"
    for file in source.rglob("*.png"):
        link = links / file.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    (tmp_path / "way").symlink_to(source)
    before = snapshot(source)
    for out in (source / "red", source / "red" / "new", tmp_path / "way" / "red" / "new"):
        with pytest.raises(OutputError):
            run_audit(links, out, preset="quick", overwrite=True)
    assert snapshot(source) == before


@pytest.mark.parametrize("name", [*layout.MADE_BY_AUDIT, layout.DECISIONS])
def test_a_folder_with_a_name_of_ours_in_it_is_foreign(tmp_path, source, name):
    out = tmp_path / "out"
    out.mkdir()
    if name == layout.TRACE:
        (out / name).mkdir()
        (out / name / "meta.json").write_text("mine")
    else:
        (out / name).write_text("mine")
    before = snapshot(out)
    for error in audit_twice(source, out):
        assert name in error
    assert snapshot(out) == before


@pytest.mark.parametrize("marker", ["", "{}", '{"made": ["trace"]}', "[]", '{"format": 1}'])
def test_only_a_marker_that_we_wrote_is_one(tmp_path, source, marker):
    write_source(tmp_path / "out" / "trace", n=6)
    (tmp_path / "out" / layout.MARKER).write_text(marker)
    before = snapshot(tmp_path / "out")
    audit_twice(source, tmp_path / "out")
    assert snapshot(tmp_path / "out") == before


def test_what_others_put_into_an_audit_folder_stays(tmp_path, source):
    out = tmp_path / "out"
    run_audit(source, out, preset="quick")
    write_source(out / "clean", n=6)
    (out / "notes.txt").write_text("mine")
    mine = {
        **snapshot(out / "clean"),
        **{p: v for p, v in snapshot(out).items() if p.suffix == ".txt"},
    }
    run_audit(source, out, preset="quick", seed=1, overwrite=True)
    found = snapshot(out)
    assert {path: found[path] for path in mine} == mine
    (out / layout.TRACE / "thesis.tex").write_text("mine")
    before = snapshot(out)
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        run_audit(source, out, preset="quick", overwrite=True)
    assert before.items() <= snapshot(out).items()


def test_a_file_of_others_that_came_in_between_is_not_replaced(tmp_path, source):
    out = tmp_path / "out"
    with pytest.raises(OutputError, match=r"report\.html"), building(out) as place:
        place.new(layout.SAMPLES).write_text("ours")
        (out / layout.REPORT).write_text("mine")
        place.new(layout.REPORT)
    assert (out / layout.REPORT).read_text() == "mine" and not (out / layout.SAMPLES).exists()


def test_a_link_in_the_place_of_a_trace_is_not_followed(tmp_path, source):
    out = tmp_path / "out"
    run_audit(source, out, preset="quick")
    elsewhere = tmp_path / "large disk"
    shutil.move(out / layout.TRACE, elsewhere)
    (out / layout.TRACE).symlink_to(elsewhere)
    before = snapshot(elsewhere)
    run_audit(source, out, preset="quick", overwrite=True)
    assert snapshot(elsewhere) == before and not (out / layout.TRACE).is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
@pytest.mark.parametrize("epochs", [0, 2])
def test_the_old_audit_stays_until_the_new_one_is_whole(
    tmp_path, source, monkeypatch, error, epochs
):
    from o2u_nb.trace import TraceWriter

    out = tmp_path / "out"
    run_audit(source, out, preset="quick")
    before, real = snapshot(out), TraceWriter.append

    def fails(self, **row):
        if self.n_epochs == epochs:
            raise error("as planned")
        real(self, **row)

    monkeypatch.setattr(TraceWriter, "append", fails)
    with pytest.raises((error, OutputError)):
        run_audit(source, out, preset="quick", seed=1, overwrite=True)
    draft = out / layout.DRAFT
    assert draft.exists() == (epochs > 0)  # finished epochs are kept
    assert {p: v for p, v in snapshot(out).items() if not p.is_relative_to(draft)} == before
    assert Audit.open(out).facts["seed"] == 0
    monkeypatch.setattr(TraceWriter, "append", real)
    run_audit(source, out, preset="quick", seed=2, overwrite=True)
    assert Audit.open(out).facts["seed"] == 2 and not draft.exists()


class Cut(BaseException):
    """What ends the process in the middle of replacing."""


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(12))
def test_replacing_that_is_cut_short_is_finished_when_the_audit_is_opened(
    tmp_path, source, monkeypatch, steps
):
    out = tmp_path / "out"
    old = run_audit(source, out, preset="quick")
    Audit.save(tmp_path / "new", old.samples, old.trace, quiet=True)  # without embeddings
    real = os.replace
    done = []

    def replace(a, b):
        # every file that is moved into its place counts, and the process ends before one of them
        if Path(b).parent == out and not str(a).endswith(".partial"):
            if len(done) == steps:
                raise Cut
            done.append(b)
        real(a, b)

    monkeypatch.setattr(layout.os, "replace", replace)
    cut = False
    try:
        Audit.save(out, old.samples, old.trace, overwrite=True, quiet=True)
    except Cut:
        cut = True
    assert cut == (steps < 7)  # as many names as an audit without embeddings has
    monkeypatch.setattr(layout.os, "replace", real)
    audit = Audit.open(out)
    assert audit.facts["source"] == "a notebook" and audit.embeddings is None
    expected = {p.name for p in (tmp_path / "new").iterdir()}
    assert {p.name for p in out.iterdir()} == expected
    missing = {layout.EMBEDDINGS, layout.HEAD, layout.FEATURES, layout.EYES, layout.RUN}
    assert layout.made_in(out) == set(layout.MADE_BY_AUDIT) - missing
    pd.testing.assert_frame_equal(audit.scores, Audit.open(tmp_path / "new").scores)


def test_an_unfinished_audit_is_said_and_replaced_when_asked(tmp_path, source, monkeypatch):
    out = tmp_path / "out"
    with pytest.raises(MemoryError), building(out) as place:
        old = run_audit(source, tmp_path / "whole", preset="quick")
        old.trace.save(place.new(layout.TRACE))
        raise MemoryError
    with pytest.raises(SourceError, match="No finished audit"):
        Audit.open(out)
    with pytest.raises(AuditExistsError, match="unfinished"):
        run_audit(source, out, preset="quick")
    run_audit(source, out, preset="quick", overwrite=True)
    assert Audit.open(out).trace.n_epochs == 4


def test_finished_epochs_can_be_saved_into_their_own_folder(tmp_path, source, monkeypatch):
    out = tmp_path / "out"
    whole = run_audit(source, tmp_path / "whole", preset="quick")
    with pytest.raises(MemoryError), building(out) as place:
        whole.trace.save(place.new(layout.TRACE))
        raise MemoryError
    before = snapshot(out / layout.TRACE)
    epochs = Trace.open(out / layout.TRACE)  # memory-mapped: the files must not go first
    monkeypatch.setattr("o2u_nb.run.write_report", lambda *_: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        Audit.save(out, whole.samples, epochs, overwrite=True, quiet=True)
    assert snapshot(out / layout.TRACE) == before
    monkeypatch.undo()
    saved = Audit.save(out, whole.samples, epochs, overwrite=True, quiet=True)
    assert saved.trace.n_epochs == 4 and not (out / layout.DRAFT).exists()
    np.testing.assert_array_equal(saved.trace.loss, whole.trace.loss)


def test_a_newer_format_is_said(tmp_path, source):
    audit = run_audit(source, tmp_path / "out", preset="quick")
    facts = audit.folder / layout.FACTS
    facts.write_text(facts.read_text().replace(layout.FORMAT, "o2u_nb audit 9"))
    with pytest.raises(SourceError, match=r"format 'o2u_nb audit 9'; this version reads"):
        Audit.open(audit.folder)


def test_a_folder_of_others_in_the_place_of_the_new_audit_stays(tmp_path, source):
    out = tmp_path / "out"
    run_audit(source, out, preset="quick")
    (out / layout.DRAFT).mkdir()
    (out / layout.DRAFT / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is in the way, and no audit made it"):
        run_audit(source, out, preset="quick", overwrite=True)
    assert (out / layout.DRAFT / "mine.txt").read_text() == "mine"
    assert Audit.open(out).trace.n_epochs == 4


def test_a_folder_that_cannot_be_looked_into_or_cleared_is_said(tmp_path, source, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()

    def refuse(*_, **options):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        with pytest.raises(OutputError, match=r"Cannot look into .*Permission denied"):
            run_audit(source, out, preset="quick")
    with monkeypatch.context() as patch:
        patch.setattr("o2u_nb.data.atomic.make_folder", refuse)
        patch.setattr("o2u_nb.stored.claim.make_folder", refuse, raising=False)
        with pytest.raises(OutputError, match=r"Cannot write to .*Permission denied"):
            run_audit(source, out, preset="quick")
    assert not [path for path in out.rglob("*") if path.is_file()]
