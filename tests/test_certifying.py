"""A certificate in a session: the cut, the draw, the statement, and what is refused."""

import json
from dataclasses import asdict
from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import CertificateError, DecisionsError, O2UError
from o2u_nb.review import certificate_text as words
from o2u_nb.review import drawing
from o2u_nb.review.acceptance import ACCEPT, LOOK, REJECT
from o2u_nb.review.betting import most_wrong_anytime
from o2u_nb.review.certificate import most_wrong
from o2u_nb.review.certifying import Certification
from o2u_nb.review.drawing import Rest
from o2u_nb.review.events import Ledger, parse
from o2u_nb.review.mistakes import Checks
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit

N, N_WRONG = 400, 40


@pytest.fixture
def folder(tmp_path):
    return write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, side=4)


@pytest.fixture
def session(folder):
    return ReviewSession(folder, reviewer="ann")


@pytest.fixture
def ready(session):
    """A certificate whose census is decided: all suspects, 30 relabelled, 6 kept, 4 dropped."""
    ids = session.scores.index[:N_WRONG].tolist()
    session.relabel("tiger", [id for id in ids[:30] if not id.startswith("tiger")])
    session.relabel("leopard", [id for id in ids[:30] if id.startswith("tiger")])
    session.keep(ids[30:36])
    session.drop(ids[36:])
    return Certification(session)


def judge(session, ids, wrong=()):
    """Keep the samples, but for those at the places `wrong`, which are dropped."""
    session.keep([id for k, id in enumerate(ids) if k not in wrong])
    if wrong:
        session.drop([ids[k] for k in wrong])


def test_the_statement_of_a_fixed_sample(ready):
    drawn = ready.draw(90, seed=5)
    assert drawn.draw.looked_at == 40 and drawn.draw.rest == 360 and len(drawn.ids) == 90
    judge(ready.session, drawn.ids, wrong=(3, 50))
    found = ready.statement()
    possible = most_wrong(360, 90, 2)
    assert found.possible == possible
    assert (found.census.relabel, found.census.keep, found.census.drop) == (30, 6, 4)
    assert found.left == possible - 2 and found.size == N - 4 - 2
    assert found.precision == pytest.approx(1 - (possible - 2) / (N - 6))
    assert found.delivered == pytest.approx(1 - (34 + possible) / N)
    assert found.is_complete and found.reviewers == ("ann",)
    assert ready.step().name == "done"
    said = words.promise(found)
    assert said.endswith("are right, with 95 % confidence, according to ann.")
    assert f"At least {words.rounded_down(found.precision)}" in said
    assert any("2 wrong" in line for line in words.lines(found))


def test_what_is_not_looked_at_counts_as_wrong(ready):
    drawn = ready.draw(90, seed=5)
    judge(ready.session, drawn.ids[:60])
    found = ready.statement()
    assert found.possible == most_wrong(360, 90, 30) and not found.is_complete
    assert ready.step().name == "look" and "30 are not decided" in ready.step().words
    before = found.precision
    judge(ready.session, drawn.ids[60:])
    assert ready.statement().precision > before


def test_unsure_counts_as_wrong(ready):
    drawn = ready.draw(90, seed=5)
    judge(ready.session, drawn.ids)
    sure = ready.statement()
    ready.session.unsure(drawn.ids[:1])
    found = ready.statement()
    assert found.possible == most_wrong(360, 90, 1) == found.left > sure.possible
    assert found.revised == 1  # it was kept before
    said = " ".join(words.lines(found))
    assert "unsure of, and that count as wrong: 1." in said and "changed afterwards: 1." in said


def test_a_sequential_sample_may_be_stopped_at_any_time(ready):
    drawn = ready.draw(sequential=True, seed=8)
    assert len(drawn.ids) == 360
    judge(ready.session, drawn.ids[:50], wrong=(10,))
    found = ready.statement()
    looks = [k == 10 for k in range(50)]
    expected = drawn.draw.expected
    assert found.possible == most_wrong_anytime(360, looks, expected=expected)[-1]
    ready.session.keep(drawn.ids[60:70])  # out of turn: they do not count yet
    assert ready.statement().possible == found.possible
    assert ready.statement().sample.looked_at == 50
    more = found.more
    judge(ready.session, drawn.ids[50 : 50 + more])
    assert ready.statement().meets and ready.statement().more == 0


def test_per_class(ready):
    drawn = ready.draw(60, per_class=30, seed=2)
    given = ready.session.audit.given
    counts = given[drawn.ids].value_counts()
    assert (counts >= 30).all() and len(drawn.ids) > 60
    judge(ready.session, drawn.ids, wrong=(0,))
    found = ready.statement()
    assert found.possible == most_wrong(360, 60, 1)  # of the first 60 alone
    hit = given[drawn.ids[0]]
    for row in found.classes:
        looks, wrong = int(counts[row.label]), int(row.label == hit)
        rest = drawn.rest[row.label]
        assert row.possible == most_wrong(rest, looks, wrong, 1 - 0.05 / 4)
        assert (row.looked_at, row.wrong) == (looks, wrong)
        assert row.label in words.class_line(row)


def test_the_sample_is_the_same_on_any_machine(ready):
    order = Rest(ready.session.audit.given, ready.session.decisions.ledger).order(5)
    # b2sum in any language: of the id, keyed by the 16 bytes of the seed, 16 bytes long
    key = bytes(15) + b"\x05"
    hashes = {id: blake2b(id.encode(), key=key, digest_size=16).hexdigest() for id in order}
    assert order == sorted(order, key=lambda id: hashes[id])
    assert order[:2] == ["cheetah/0000168.png", "cheetah/0000300.png"]
    assert sorted(order) != order and len(set(order)) == 360


def test_the_order_is_uniform():
    given = ["a", "b", "c", "d"]
    rest = Rest(pd.Series("x", index=given), Ledger())
    first = [rest.order(seed)[0] for seed in range(4000)]
    shares = np.array([first.count(name) for name in given]) / 4000
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_it_goes_on_after_reopening(ready, folder):
    drawn = ready.draw(90, seed=5)
    judge(ready.session, drawn.ids[:40])
    again = Certification(ReviewSession(folder, reviewer="ann"))
    assert again.drawn.ids == drawn.ids and again.statement() == ready.statement()


def test_the_log_says_what_was_drawn(ready):
    ready.draw(90, seed=5, standard=0.9)
    log = ready.session.audit.log
    event = parse(log.read_bytes(), name="log").events[-1]
    assert (event.action, event.sample_id, event.reviewer) == ("draw", "", "ann")
    details = json.loads(event.details)
    assert details["seed"] == 5 and details["size"] == 90 and details["standard"] == 0.9
    assert (details["column"], details["threshold"]) == ready.cut
    assert asdict(drawing.from_details(event.details)) == details


def test_undo_never_takes_back_a_draw(ready):
    drawn = ready.draw(90, seed=5)
    ready.session.keep(drawn.ids[:1])
    assert ready.session.undo() == drawn.ids[:1]
    assert ready.drawn.ids == drawn.ids


# What is refused


def test_a_sample_before_the_cut(session):
    certification = Certification(session)
    assert certification.step().name == "review"
    with pytest.raises(CertificateError, match="40 of 40 suspects are not decided"):
        certification.draw()
    with pytest.raises(CertificateError, match="Decide the 40 suspects"):
        certification.statement()


def test_the_cut_can_be_where_one_stopped(session):
    session.keep(session.scores.index[:13])
    certification = Certification(session)
    certification.cut_here()
    assert int(session.suspects.sum()) == 13 and certification.step().name == "cut"
    assert certification.draw(50).draw.looked_at == 13


def test_nothing_decided_is_a_plain_sample(session):
    certification = Certification(session)
    certification.cut_here()
    drawn = certification.draw(50)
    assert drawn.draw.looked_at == 0 and drawn.draw.rest == N


def test_looked_at_samples_put_back(ready):
    drawn = ready.draw(90, seed=5)
    ready.session.keep(drawn.ids)
    session = ready.session
    while session.decisions.current(session.scores.index[0]) is not None:
        session.undo()
    with pytest.raises(CertificateError, match="cannot be put back into the rest"):
        ready.statement()
    assert ready.step().name == "refused"


def test_a_threshold_that_was_moved(ready):
    ready.draw(90, seed=5)
    kept = ready.session.threshold
    ready.session.threshold = kept - 1
    with pytest.raises(CertificateError, match="threshold was moved after the sample was drawn"):
        ready.statement()
    ready.restore_cut()
    assert ready.session.threshold == kept and ready.statement()


def test_a_second_sample(ready):
    drawn = ready.draw(90, seed=5)
    ready.session.keep(drawn.ids[:7])
    with pytest.raises(CertificateError, match="7 of its labels are looked at"):
        ready.draw(90)
    second = ready.draw(80, anew=True)
    assert second.draw.rest == 353 and second.earlier == 1
    said = " ".join(words.lines(ready.statement()))
    assert "All 2 statements together hold with 90 % confidence only." in said


def test_a_sample_nobody_looked_at_is_given_up_freely(ready):
    ready.draw(90, seed=5)
    assert ready.draw(80, anew=True).earlier == 0


def test_a_log_to_which_earlier_decisions_were_added(ready, folder):
    ready.draw(90, seed=5)
    log = ready.session.audit.log
    lines = log.read_text().splitlines()
    extra = json.loads(lines[0]) | dict(event_id="x", command_id="y", sample_id=ready.drawn.ids[0])
    extra |= dict(part=1, parts=1)  # a whole command
    del extra["check"]  # as the first logs have it; with that of another line it would not count
    extra["given_label"] = ready.session.audit.given[extra["sample_id"]]
    log.write_text("\n".join([*lines, json.dumps(extra)]) + "\n")
    again = Certification(ReviewSession(folder, reviewer="ann"))
    with pytest.raises(CertificateError, match="from before the draw have been added or removed"):
        again.statement()


def test_a_changed_set(ready):
    ready.draw(90, seed=5)
    session = ready.session
    given, events = session.audit.given, session.decisions.events
    with pytest.raises(CertificateError, match="ids or given labels have changed"):
        drawing.find(given, [], events)
    with pytest.raises(CertificateError, match="others to draw from"):
        drawing.find(given.iloc[:-1], events)


def test_a_size_that_cannot_be(ready):
    for bad in (0, 361):
        with pytest.raises(O2UError, match="from 1 to 360"):
            ready.draw(bad)
    with pytest.raises(O2UError, match="has no size"):
        ready.draw(10, sequential=True)
    with pytest.raises(O2UError, match="standard between"):
        ready.draw(10, standard=95)
    assert ready.drawn is None


def test_a_draw_that_was_tampered_with(ready, folder):
    ready.draw(90, seed=5)
    log = ready.session.audit.log
    log.write_text(log.read_text().replace('\\"seed\\": 5', '\\"seed\\": 6'))
    with pytest.raises(CertificateError):
        Certification(ReviewSession(folder, reviewer="ann")).statement()


# Acceptance and the reviewer's mistakes


def test_verdicts_on_the_delivered_labels(ready):
    drawn = ready.draw(100, seed=5, standard=0.8)
    assert ready.statement().verdict == (LOOK, 100)
    judge(ready.session, drawn.ids[:80])
    assert ready.statement().verdict.decision in (ACCEPT, LOOK)
    judge(ready.session, drawn.ids[80:])
    found = ready.statement()
    assert found.verdict.decision == ACCEPT and "accept, the standard" in words.delivered(found)


def test_a_census_that_is_bad_enough_rejects(ready):
    ready.draw(100, seed=5, standard=0.95)  # 34 of 400 are wrong already: 91.5 % at best
    found = ready.statement()
    assert found.plan is None and found.verdict.decision == REJECT
    assert "do not accept" in words.delivered(found)
    assert found.more == 100  # but the corrected data set may meet it


def test_with_the_reviewers_mistakes(ready):
    drawn = ready.draw(90, seed=5)
    judge(ready.session, drawn.ids)
    without = ready.statement()
    assert "there was no hidden check" in words.with_mistakes(without)
    ready.checks = Checks(wrong=60, missed=1, right=60, spoiled=0)
    found = ready.statement()
    assert found.precision == without.precision > found.precision_with_mistakes
    assert "1 of 60 wrong labels stayed wrong" in words.with_mistakes(found)


def test_the_suggested_size_shows_the_standard_if_nothing_is_wrong(ready):
    size = ready.suggested(0.95)
    drawn = ready.draw(size)
    judge(ready.session, drawn.ids)
    assert ready.statement().meets


# In the list


def test_the_sample_is_shown_in_its_order_without_hints(ready):
    session = ready.session
    drawn = ready.draw(90, seed=5)
    before = session.only_suspects, session.visible
    session.label_filter = "tiger"
    ready.show()
    assert session.columns.ids_at(session.visible) == drawn.ids
    row = session.page(0, 1)[0]
    assert row["label"] and not any(
        row[name] for name in ("rank", "suggested", "p_wrong", "score", "suspect", "kind")
    )
    session.only_suspects = True  # would betray it: hides nothing
    session.order_by = "o2u_mean"
    assert session.columns.ids_at(session.visible) == drawn.ids
    with pytest.raises(DecisionsError, match="Suggestions are hidden"):
        session.relabel()
    with pytest.raises(DecisionsError, match="Suggestions are hidden"):
        session.preview_above(0.5)
    session.keep()
    event = session.decisions.events[-1]
    assert (event.concealed, event.rank_shown, event.suggested_label) == ("hints", None, None)
    session.order_by = "score"
    ready.hide()
    assert session.label_filter == "tiger" and session.only_suspects == before[0]
    session.label_filter = None
    np.testing.assert_array_equal(session.visible, before[1])
    assert session.page(0, 1)[0]["rank"] == 1


def test_without_a_sample_nothing_is_shown(ready):
    with pytest.raises(CertificateError, match="draw one first"):
        ready.show()


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: {**found, "format": "o2u_nb draw 9"},
        lambda found: {name: value for name, value in found.items() if name != "seed"},
        lambda found: [found],
        lambda found: {name: value for name, value in found.items() if name != "format"},
    ],
)
def test_a_draw_that_cannot_be_read_is_said(ready, damage):
    ready.draw(90, seed=5)
    event = parse(ready.session.audit.log.read_bytes(), name="log").events[-1]
    details = json.dumps(damage(json.loads(event.details)))
    with pytest.raises(CertificateError, match=r"cannot be read .*draw a new sample"):
        drawing.from_details(details)
