"""One session per audit and reviewer in a kernel, and news of other kernels without being asked."""

import asyncio
import gc
import json
import os
import shutil
import weakref
from pathlib import Path

import pytest

from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError, SourceError
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.parts import watch as watching
from o2u_nb.widgets.threshold import ThresholdPanel
from tests.audits import write_audit

pytestmark = pytest.mark.usefixtures("no_loop")


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_audit(tmp_path / "audit", images=tmp_path / "images")


def test_two_openings_of_one_audit_share_a_session(folder, monkeypatch):
    session = Audit.open(folder).session(reviewer="ann")
    monkeypatch.chdir(folder.parent)
    for same in (folder, "audit", f"{folder}/../audit"):
        assert Audit.open(same).session(reviewer="ann") is session
    assert Audit.open(folder).session(reviewer="bob") is not session
    assert ReviewSession(folder, reviewer="ann") is not session  # a plain constructor
    elsewhere = Audit.open(folder, images=folder.parent / "images").session(reviewer="ann")
    assert elsewhere is not session


def test_the_default_reviewer_is_one_reviewer(folder):
    session = Audit.open(folder).session()
    assert Audit.open(folder).session(reviewer=session.reviewer) is session


def test_two_dashboards_follow_each_other(folder):
    one, two = Audit.open(folder).panel(reviewer="ann"), Audit.open(folder).panel(reviewer="ann")
    one.session.keep()
    assert two.session.counts["keep"] == 1 and two._grid.counts["keep"] == 1
    for panel in (one, two):
        panel.close()


def test_a_panel_that_is_opened_again_is_at_an_undecided_sample(folder):
    audit = Audit.open(folder)
    panel = audit.panel(reviewer="ann")
    ids = panel.session.scores.index.tolist()
    panel.session.keep(ids[:2])
    panel.session.current = ids[0]
    again = audit.panel(reviewer="ann")
    assert again.session is panel.session and again.session.current == ids[2]
    for one in (panel, again):
        one.close()


def test_a_session_that_nothing_uses_is_forgotten(folder):
    audit = Audit.open(folder)
    gone = weakref.ref(audit.session(reviewer="ann"))
    gc.collect()
    assert gone() is None
    kept = audit.session(reviewer="ann")
    gc.collect()
    assert audit.session(reviewer="ann") is kept


def test_an_audit_that_was_made_again_has_a_new_session(folder, tmp_path):
    audit = Audit.open(folder)
    old = audit.session(reviewer="ann")
    old.keep()
    other = write_audit(tmp_path / "new", seed=1, images=tmp_path / "images")
    facts = json.loads((other / "audit.json").read_text()) | dict(preset="again")
    (other / "audit.json").write_text(json.dumps(facts))
    for name in ("scores.parquet", "audit.json"):
        os.replace(other / name, folder / name)
    new = audit.session(reviewer="ann")  # by the Audit object that holds the earlier scores
    assert new is not old and new.audit is not audit
    assert not new.scores["score"].equals(old.scores["score"])
    assert new.counts["keep"] == 1  # the log stays
    assert Audit.open(folder).session(reviewer="ann") is new


def test_after_the_log_was_removed_a_review_starts_anew(folder):
    audit = Audit.open(folder)
    old = audit.session(reviewer="ann")
    old.keep()
    old.decisions.path.unlink()
    with pytest.raises(DecisionsError, match="open the audit again"):
        old.keep()
    new = audit.session(reviewer="ann")
    assert new is not old and new.counts["keep"] == 0
    new.keep()
    assert audit.session(reviewer="ann") is new


def test_an_opened_session_knows_what_another_kernel_decided(folder):
    session = Audit.open(folder).session(reviewer="ann")
    ReviewSession(folder, reviewer="bob").keep()
    assert Audit.open(folder).session(reviewer="ann").counts["keep"] == 1
    assert session.counts["keep"] == 1


def test_an_audit_that_is_gone_has_no_session(folder):
    audit = Audit.open(folder)
    session = audit.session(reviewer="ann")
    shutil.rmtree(folder)
    with pytest.raises(SourceError, match="No finished audit"):
        audit.session(reviewer="ann")
    assert session.counts["suspects"] == 8


def test_the_log_is_read_only_when_it_has_changed(folder, monkeypatch):
    one, two = (ReviewSession(folder, reviewer=name) for name in ("ann", "bob"))
    assert not one.decisions.is_behind()  # there is no log yet
    two.keep()
    assert one.decisions.is_behind() and not two.decisions.is_behind()
    one.catch_up()
    assert one.counts["keep"] == 1 and not one.decisions.is_behind()
    monkeypatch.setattr(one.decisions, "refresh", None)  # calling it would fail now
    one.catch_up()
    one.decisions.path.unlink()
    assert one.decisions.is_behind()


def test_an_open_panel_takes_in_what_another_kernel_decides(folder, monkeypatch):
    monkeypatch.setattr(watching, "EVERY", 0.01)
    session = ReviewSession(folder, reviewer="ann")

    async def review():
        grid, panel = SuspectGrid(session), ThresholdPanel(session)
        watch = panel._watch
        assert watch is grid._watch and watch.is_running
        ReviewSession(folder, reviewer="bob").drop()
        await until(lambda: session.counts["drop"] == 1)
        assert grid.counts["drop"] == 1
        log = session.decisions.path
        whole = log.read_bytes()
        log.unlink()  # which the next command says; the watch goes on
        await asyncio.sleep(0.05)
        log.write_bytes(whole)
        ReviewSession(folder, reviewer="bob").keep()
        await until(lambda: session.counts["keep"] == 1)
        grid.close()
        assert watch.is_running
        panel.close()
        panel.close()
        await asyncio.sleep(0.03)
        assert not watch.is_running
        again = SuspectGrid(session)
        assert again._watch.is_running
        again.close()

    asyncio.run(review())
    assert session.counts["drop"] == 1


def test_a_session_is_not_kept_by_its_watch(folder, monkeypatch):
    monkeypatch.setattr(watching, "EVERY", 0.01)

    async def forget():
        watch = watching.watch(session := ReviewSession(folder, reviewer="ann"))
        gone = weakref.ref(session)
        del session
        gc.collect()
        assert gone() is None
        await until(lambda: not watch.is_running)

    asyncio.run(forget())


def test_without_an_event_loop_nothing_is_watched(folder):
    panel = ThresholdPanel(ReviewSession(folder, reviewer="ann"))
    assert panel._watch is not None and not panel._watch.is_running
    panel.close()


async def until(holds) -> None:
    """Wait until something holds, for at most ten seconds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")
