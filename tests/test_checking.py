"""Hidden checks of a reviewer: what is drawn and shown, and what the answers say."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import DecisionsError, O2UError
from o2u_nb.review import certificate_text as words
from o2u_nb.review import checking
from o2u_nb.review.blind import BlindMode
from o2u_nb.review.certified import certified
from o2u_nb.review.certifying import Certification
from o2u_nb.review.checking import CheckSession
from o2u_nb.review.checks import (
    DROPPED,
    KNOWN,
    PLANTED,
    REPEAT,
    Case,
    checked,
    difference,
    draw_cases,
    pooled,
)
from o2u_nb.review.events import Event, Ledger
from o2u_nb.review.mistakes import Checks
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES, write_audit

N, N_WRONG = 300, 40


@pytest.fixture
def folder(tmp_path):
    return write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, side=4)


@pytest.fixture
def reviewed(folder):
    """A review by ann: of the 40 suspects 20 get the suggested label, 2 are dropped, 120 kept."""
    session = ReviewSession(folder, reviewer="ann")
    ids = session.scores.index.tolist()
    session.relabel(None, ids[:20])
    session.drop(ids[20:22])
    session.keep(ids[22:142])
    return session


def reply(session: CheckSession, label_of):
    """Answer all cases with the class that `label_of(case)` names; None is unsure."""
    for case in session.cases:
        label = label_of(case)
        ids = [case.sample_id]
        session.unsure(ids) if label is None else session.relabel(label, ids)


# What the answers say


def event(case: Case, action: str, new_label: str | None = None) -> Event:
    return Event(
        event_id=case.sample_id, command_id="c", ts_utc="2026-11-26T10:00:00+00:00",
        reviewer="ann", dataset_fingerprint="f", sample_id=case.sample_id,
        given_label=case.shown, action=action, new_label=new_label,
    )  # fmt: skip


def test_the_answers_by_hand():
    cases = [
        Case("a", PLANTED, "cat", "dog", False),  # kept: missed
        Case("b", PLANTED, "cat", "dog", False),  # found
        Case("c", PLANTED, "cat", "dog", False),  # changed to a third class: still wrong
        Case("d", REPEAT, "cat", "cat", False),  # as before
        Case("e", REPEAT, "cat", "cat", False),  # spoiled
        Case("f", REPEAT, "cat", "dog", False),  # dropped: no mistake, but not as before
        Case("g", KNOWN, "cat", "dog", False),  # unsure: counts as found wrong
        Case("h", REPEAT, "cat", "cat", True),  # names another class without seeing the label
        Case("i", REPEAT, "cat", "dog", True),  # names the given label that it does not see
        Case("j", REPEAT, "cat", "cat", False),  # not answered
    ]
    replies = [("keep",), ("relabel", "dog"), ("relabel", "cow"), ("keep",), ("relabel", "dog"),
               ("drop",), ("unsure",), ("relabel", "dog"), ("keep",)]  # fmt: skip
    found = checked(cases, Ledger(event(c, *r) for c, r in zip(cases, replies, strict=False)))
    assert (found.answered, found.waiting) == (9, 1)
    assert found.checks == Checks(wrong=5, missed=2, right=2, spoiled=1)
    assert (found.repeats, found.same) == (5, 1)
    assert found.anchoring[:4] == (1, 5, 1, 1)  # of a, b, c, f, g, and of i
    assert found.anchoring.difference == pytest.approx(1 / 5 - 1)
    assert found.anchoring.low < found.anchoring.difference < found.anchoring.high
    assert found.mistakes["sample_id"].tolist() == ["a", "c", "e", "h", "i"]
    assert found.mistakes["answer"].tolist() == ["cat", "cow", "dog", "dog", "cat"]


def test_the_difference_of_nothing():
    assert np.isnan(difference(1, 2, 0, 0)).all()


def test_pooled():
    assert pooled([Checks(1, 2, 3, 4), Checks(10, 20, 30, 40)]) == Checks(11, 22, 33, 44)


def test_what_is_drawn():
    ids = [f"s{k}" for k in range(100)]
    given = pd.Series(np.where(np.arange(100) % 2, "cat", "dog"), index=ids)
    decided = pd.DataFrame(dict(action="keep", new_label=None), index=ids, dtype=object)
    decided.loc[ids[:30], ["action", "new_label"]] = ["relabel", "cow"]
    others = dict.fromkeys(ids, "sheep")
    options = dict(size=40, planted=0.2, hidden=0.25, known={"s99": "cow"}, given=given)
    cases = draw_cases(decided, others, seed=1, **options)
    kinds = pd.Series([case.kind for case in cases]).value_counts().to_dict()
    assert kinds == {REPEAT: 32, PLANTED: 8, KNOWN: 1}
    assert sum(case.shown != case.right for case in cases) == 20 + 1  # half, and the known one
    assert len({case.sample_id for case in cases}) == 41
    hidden = [sum(case.hidden for case in cases if case.kind == kind) for kind in (REPEAT, PLANTED)]
    assert hidden == [3 + 5, 2]  # of 12 repeats found wrong, of 20 found right, and of planted
    for case in cases:
        if case.kind == PLANTED:
            assert (case.shown, case.right) == ("sheep", given[case.sample_id])
            assert decided.loc[case.sample_id, "action"] == "keep"
        if case.kind == REPEAT:
            new = decided.loc[case.sample_id, "new_label"]
            assert case.shown == given[case.sample_id] and case.right == (new or case.shown)
    assert [case.kind for case in cases] != sorted(case.kind for case in cases)
    assert cases == draw_cases(decided, others, seed=1, **options)
    assert cases != draw_cases(decided, others, seed=2, **options)


def test_somebody_who_keeps_what_stands_there_is_found_out():
    rng = np.random.default_rng(0)
    cases = [Case(f"s{k}", PLANTED, "cat", "dog", k % 2 == 0) for k in range(400)]
    keeps = [not case.hidden and rng.random() < 0.2 for case in cases]
    events = [
        event(case, "keep") if kept else event(case, "relabel", "dog")
        for case, kept in zip(cases, keeps, strict=True)
    ]
    found = checked(cases, Ledger(events)).anchoring
    assert found[:4] == (sum(keeps), 200, 0, 200) and 0.1 < found.low < 0.2 < found.high < 0.3


# In a session of its own


def test_a_check_is_no_decision(reviewed, folder):
    before = (folder / "decisions.jsonl").read_bytes()
    session = CheckSession(folder, reviewer="ann")
    assert len(session.visible) == 0
    session.draw(40, seed=3)
    assert len(session.visible) == 40 == session.waiting
    reply(session, lambda case: case.right)
    assert session.waiting == 0 and (folder / "decisions.jsonl").read_bytes() == before
    again = CheckSession(folder, reviewer="ann")
    assert again.cases == session.cases and again.waiting == 0
    assert checking.result_of(session.audit, "ann").checks.missed == 0
    assert checking.result_of(session.audit, "bob") is None
    assert checking.checked_reviewers(session.audit) == ["ann"]


def test_what_a_case_shows(reviewed, folder):
    session = CheckSession(folder, reviewer="ann")
    session.draw(60, planted=0.5, hidden=0.5, seed=3)
    rows = {row["sample_id"]: row for row in session.page(0, 60)}
    assert list(rows) == [case.sample_id for case in session.cases]
    for case in session.cases:
        row = rows[case.sample_id]
        assert row["label"] == (None if case.hidden else case.shown)
        assert row["decision"] is row["suggested"] is row["rank"] is row["p_wrong"] is None
    hidden = next(case for case in session.cases if case.hidden)
    with pytest.raises(DecisionsError, match="given label is hidden"):
        session.keep([hidden.sample_id])
    with pytest.raises(DecisionsError, match="Suggestions are hidden"):
        session.relabel(None, [hidden.sample_id])
    session.relabel(hidden.shown, [hidden.sample_id])
    (position,) = session.columns.positions([hidden.sample_id])
    row = session.row(position)  # it never says that this was the label that is hidden
    assert (row["label"], row["decision"], row["new_label"]) == (None, "relabel", hidden.shown)
    session.label_filter = hidden.shown  # would betray it: hides nothing
    assert len(session.visible) == 60


def test_planted_labels_are_wrong_and_likely(reviewed, folder):
    session = CheckSession(folder, reviewer="ann")
    cases = session.draw(60, planted=1.0, seed=3)
    assert {case.kind for case in cases} == {PLANTED}
    suggested = session.scores["suggested_label"]
    for case in cases:
        assert case.right == session.audit.given[case.sample_id] != case.shown
        assert case.shown in CLASSES
        likely = suggested[case.sample_id]
        assert case.shown == likely or likely == case.right or pd.isna(likely)


def test_a_second_check_shows_other_samples(reviewed, folder):
    session = CheckSession(folder, reviewer="ann")
    first = {case.sample_id for case in session.draw(40, seed=3)}
    second = {case.sample_id for case in session.draw(40, seed=4)}
    assert not first & second and session.waiting == 80


def test_known_labels(reviewed, folder):
    session = CheckSession(folder, reviewer="ann")
    names = session.scores.index[-3:].tolist()
    known = dict(zip(names, CLASSES, strict=False))
    cases = session.draw(0, known=known, seed=1)
    assert {case.sample_id: case.right for case in cases} == known
    with pytest.raises(O2UError, match="'lion'"):
        session.draw(0, known={session.scores.index[-9]: "lion"})


def test_nothing_to_check(folder):
    session = CheckSession(folder, reviewer="ann")
    with pytest.raises(O2UError, match="Decide on some samples first"):
        session.draw()
    for name in ("planted", "hidden"):
        with pytest.raises(O2UError, match=f"share from 0 to 1 as {name}"):
            session.draw(**{name: 1.5})


def test_names_of_reviewers_that_no_file_can_have(folder):
    audit = ReviewSession(folder).audit
    paths = {checking.log_of(audit, name) for name in ("a/b", "a-b", "..", "山田", "x" * 400)}
    assert len(paths) == 5 and {path.parent.name for path in paths} == {"checks"}
    assert all(len(path.name) < 80 for path in paths)


# Two reviewers


def test_two_reviewers(reviewed, folder):
    session = CheckSession(folder, reviewer="bob")
    session.draw(80, of="ann", planted=0.25, hidden=1.0, seed=5)
    wrong = [case for case in session.cases if case.kind == REPEAT][:6]
    other = lambda label: CLASSES[(CLASSES.index(label) + 1) % 4]  # noqa: E731
    reply(session, lambda case: other(case.right) if case in wrong else case.right)
    found = checking.agreement_of(session.audit, "ann", "bob")
    assert (found.kappa.n, found.kappa.agreed) == (60, 54)  # not the planted ones
    assert 0.7 < found.kappa.low < found.kappa.value < found.kappa.high < 1
    assert set(found.differing.index) == {case.sample_id for case in wrong}
    (only,) = checking.agreements_of(session.audit)
    assert only.kappa == found.kappa


def test_a_decision_that_follows_another_one_is_no_judgement_of_its_own(reviewed, folder):
    bob = ReviewSession(folder, reviewer="bob")
    ids = bob.scores.index.tolist()
    bob.keep(ids[:5])  # bob has seen what ann decided
    bob.drop(ids[200:202])
    bob.unsure(ids[202:203])
    assert checking.own_answers(bob.audit, "bob").to_dict() == dict.fromkeys(ids[200:202], DROPPED)
    ann = checking.own_answers(bob.audit, "ann")
    assert len(ann) == 142 and ann[ids[0]] == bob.scores["suggested_label"].iloc[0]
    with pytest.raises(O2UError, match="any sample in common"):
        checking.agreement_of(bob.audit, "ann", "bob")


# In a certificate


def test_a_finished_check_enters_the_certificate(reviewed, folder):
    reviewed.keep(reviewed.scores.index[:40].tolist())
    certification = Certification(reviewed)
    reviewed.keep(certification.draw(60, seed=1).ids)
    assert "not finished" in words.with_mistakes(certification.statement())
    check = CheckSession(folder, reviewer="ann")
    check.draw(100, hidden=0.0, seed=2)
    planted = next(case for case in check.cases if case.kind == PLANTED)
    for case in check.cases[:-1]:
        check.relabel(case.shown if case == planted else case.right, [case.sample_id])
    if check.cases[-1] != planted:
        assert certification.statement().with_mistakes is None  # not finished
    check.relabel(check.cases[-1].right, [check.cases[-1].sample_id])
    found = certification.statement()
    assert found.checks == Checks(wrong=30, missed=1, right=70, spoiled=0)
    assert found.precision_with_mistakes < found.precision
    assert "1 of 30 wrong labels stayed wrong" in words.with_mistakes(found)
    assert certified(check.audit).statement == found


# Blind mode


def test_blind_mode(folder):
    session = ReviewSession(folder, reviewer="ann")
    before = session.columns.ids_at(session.visible)
    blind = BlindMode.of(session)
    blind.begin(seed=1)
    assert blind.is_on
    shown = session.columns.ids_at(session.visible)
    assert shown != before and sorted(shown) == sorted(before)
    row = session.page(0, 1)[0]
    assert row["label"] is row["suggested"] is row["rank"] is None
    with pytest.raises(DecisionsError, match="given label is hidden"):
        session.keep(shown[:1])
    given = session.audit.given[shown[0]]
    session.relabel(given, shown[:1])  # names the given label without seeing it
    event = session.decisions.events[-1]
    assert (event.action, event.concealed, event.suggested_label) == ("keep", "labels", None)
    assert session.page(0, 1)[0]["label"] == given  # now it may be seen
    session.drop(shown[:1])
    assert session.decisions.events[-1].concealed == "hints"  # the second time it was seen
    session.label_filter = "tiger"  # would betray labels: hides nothing
    assert len(session.visible) == len(before)
    session.label_filter = None
    blind.end()
    assert not blind.is_on and session.columns.ids_at(session.visible) == before


def test_blind_mode_within_a_certificate(folder):
    session = ReviewSession(folder, reviewer="ann")
    session.keep(session.scores.index[:40].tolist())
    certification = Certification.of(session)
    ids = certification.draw(50, seed=1).ids
    certification.show()
    BlindMode.of(session).begin()
    assert session.columns.ids_at(session.visible) == ids and session.concealed == "labels"
    BlindMode.of(session).end()
    assert session.columns.ids_at(session.visible) == ids and session.concealed == "hints"
    certification.hide()
    assert session.sequence is None and session.concealed == ""


def test_a_log_of_checks_that_cannot_be_read_is_said(reviewed, folder):
    session = CheckSession(folder, reviewer="ann")
    session.draw(40, seed=3)
    reply(session, lambda case: case.right)
    assert len(checking.own_answers(session.audit, "ann")) > 140  # the decisions, and the checks
    log = checking.log_of(session.audit, "ann")
    log.unlink()
    log.mkdir()  # as good as a disk that does not answer, also for an administrator
    with pytest.raises(DecisionsError, match=rf"Cannot read {log} \(Is a directory\)"):
        checking.own_answers(session.audit, "ann")
