"""Learning from decisions in a review: the log alone says it, undo takes it back, cuts stay."""

import json
from html import unescape

import numpy as np
import pytest

from o2u_nb import folder as layout
from o2u_nb.data import samples as samples_io
from o2u_nb.detect.recalibrated import adding_up_to, recalibrated
from o2u_nb.review import expected, learned_text
from o2u_nb.review.certifying import Certification
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.learning import LearningPanel
from tests.audits import CLASSES, put, write_audit

KEY, N, N_WRONG = "net", 80, 16


@pytest.fixture
def folder(tmp_path):
    """An audit with the features of a frozen network: those of a wrong label are the next class."""
    folder = write_audit(tmp_path / "audit", n=N, n_wrong=N_WRONG, side=4, eyes=(KEY,))
    ids = samples_io.read(folder / layout.SAMPLES).index
    number = np.array([int(name.split("/")[1][:-4]) for name in ids])
    looks = (number + (number < N_WRONG)) % len(CLASSES)
    rows = np.eye(4)[looks] * 3 + np.random.default_rng(0).normal(0, 0.5, (N, 4))
    put(folder / layout.FEATURES, ids, rows, key=KEY)
    return folder


@pytest.fixture
def session(folder):
    return ReviewSession(folder, reviewer="ann")


def first(session, count):
    return session.scores.index[:count].tolist()


def test_nothing_changes_before_the_first_decision(session):
    np.testing.assert_array_equal(session.p_wrong, session.scores["p_wrong"])
    assert session.causes == {}
    session.unsure(first(session, 3))
    np.testing.assert_array_equal(session.p_wrong, session.scores["p_wrong"])


def test_what_is_learned_depends_on_the_log_alone_and_undo_takes_it_back(session):
    session.keep(first(session, 2))
    before, causes = session.p_wrong, session.causes
    assert set(causes) == {"overall", "parts", "classes", "alike"} and not session.learning.problem
    session.relabel(None, first(session, 6)[2:])
    assert np.abs(session.p_wrong - before).max() > 0.01
    again = ReviewSession(session.audit, reviewer="ben")
    np.testing.assert_array_equal(again.p_wrong, session.p_wrong)
    session.undo()
    np.testing.assert_array_equal(session.p_wrong, before)
    np.testing.assert_array_equal(session.causes["alike"], causes["alike"])
    session.undo()
    np.testing.assert_array_equal(session.p_wrong, session.scores["p_wrong"])


def test_the_list_is_ranked_again_when_asked_and_undo_brings_the_order_back(session):
    session.only_suspects = False
    session.rank_again()
    audit = session.visible.copy()
    np.testing.assert_array_equal(audit, session.columns.order("p_wrong"))
    session.keep(first(session, 5))
    np.testing.assert_array_equal(session.visible, audit)  # it does not jump while one decides
    session.rank_again()
    assert (np.diff(session.p_wrong[session.visible]) <= 0).all()
    assert (session.visible != audit).any()
    assert session.page(0, 1)[0]["score"] == session.p_wrong[session.visible[0]]
    assert session.row(int(session.columns.positions([session.current])[0]))["decision"] is None
    session.undo()
    np.testing.assert_array_equal(session.visible, audit)


def test_features_are_those_of_the_sample_whatever_the_order_of_the_table(session):
    (rows,) = session._features()
    given = session.audit.features[KEY]
    for position in (0, 7, N - 1):
        row = session.audit.trace.ids.get_loc(session.id_of(position))
        np.testing.assert_array_equal(rows[position], given[row])


def test_a_class_that_was_made_in_review_is_none_of_the_classifier(session):
    one, other, third = first(session, 3)
    session.relabel("lynx", [one], new_class=True)
    session.relabel("tiger", [other])
    session.drop([third])
    found = session.found()
    assert found.positions.tolist() == [0, 1, 2] and found.wrong[[0, 2]].all()
    assert found.right.tolist() == [-1, session.columns.classes.index("tiger"), -1]
    assert np.isfinite(session.p_wrong).all()


def test_the_range_of_the_count_moves_as_the_probabilities_do(folder):
    facts = json.loads((folder / layout.FACTS).read_text())
    (folder / layout.FACTS).write_text(json.dumps({**facts, "estimated_range": [8, 30]}))
    session = ReviewSession(folder, reviewer="ann")
    session.keep(first(session, 4))
    found = expected.expected(session)
    ends = [session.moved(adding_up_to(session.scores["p_wrong"].to_numpy(), n)) for n in (8, 30)]
    low, high = (end[session.suspects].mean() for end in ends)
    share = session.p_wrong[session.suspects].mean()
    assert found == pytest.approx((share, min(low, share), max(high, share)))
    np.testing.assert_array_equal(
        session.moved(session.scores["p_wrong"].to_numpy()), session.p_wrong
    )


def spoil_missing(folder):
    (folder / layout.FEATURES / KEY / "rows.npy").unlink()


def spoil_nan(folder):
    ids = samples_io.read(folder / layout.SAMPLES).index
    put(folder / layout.FEATURES, ids, np.full((N, 4), np.nan), key=KEY)


@pytest.mark.parametrize("spoil", [spoil_missing, spoil_nan])
def test_without_usable_features_all_log_odds_move_alike_and_it_says_why(folder, spoil):
    spoil(folder)
    session = ReviewSession(folder, reviewer="ann")
    session.keep(first(session, 3))
    said = session.scores["p_wrong"].to_numpy()
    alone = recalibrated(said, np.arange(3), np.zeros(3, bool))
    np.testing.assert_array_equal(session.p_wrong, alone)
    assert list(session.causes) == ["overall"]
    assert session.learning.problem.startswith("Features are not used to learn from decisions")


def test_a_cut_and_a_drawn_sample_stay_whatever_is_learned(session):
    session.keep(first(session, N_WRONG)[:4])
    session.relabel(None, first(session, N_WRONG)[4:])
    certification = Certification(session)
    drawn = certification.draw(20, seed=3)
    cut, suspects = certification.cut, session.suspects.copy()
    session.rank_again()
    before = session.p_wrong
    session.keep(drawn.ids[:12])
    session.relabel("tiger", [id for id in drawn.ids[12:] if not id.startswith("tiger")])
    session.rank_again()
    assert np.abs(session.p_wrong - before).max() > 0.01
    assert certification.cut == cut and certification.drawn == drawn
    np.testing.assert_array_equal(session.suspects, suspects)
    wrong = sum(not id.startswith("tiger") for id in drawn.ids[12:])
    session.keep([id for id in drawn.ids[12:] if id.startswith("tiger")])
    found = certification.statement()
    assert found.sample.looked_at == 20 and found.sample.wrong == wrong
    later = Certification(ReviewSession(session.audit, reviewer="ann"))
    assert later.cut == cut and later.drawn.ids == drawn.ids and later.statement() == found


def test_a_cut_on_p_wrong_is_on_that_of_the_audit(session):
    session.threshold_column = "p_wrong"
    threshold, suspects = session.threshold, session.suspects.copy()
    session.keep(first(session, 6))
    session.rank_again()
    assert session.threshold == threshold
    np.testing.assert_array_equal(session.suspects, suspects)


def test_the_panel_says_what_moved_and_ranks_again(session):
    panel = LearningPanel(session)
    assert "Nothing is learned yet" in panel._words.value and panel._again.disabled
    session.only_suspects = False
    session.keep(first(session, 5))
    current = session.scores.index[N_WRONG + 2]
    session.current = current
    said = learned_text.of_sample(session, current)
    assert (
        "From 5 decided labels" in panel._words.value
        and "wrong labels are expected among them." in panel._words.value  # to its end
        and said
        and said in unescape(panel._words.value)
    )
    position = N_WRONG + 2
    largest = max(session.causes, key=lambda name: abs(session.causes[name][position]))
    nats = session.causes[largest][position]
    assert f"the change in nats: {learned_text.NAMES[largest]} {nats:+.1f}" in said
    panel._again.click()
    assert (np.diff(session.p_wrong[session.visible]) <= 0).all()
    session.concealed = "hints"
    assert learned_text.of_sample(session, current) == ""
    session.concealed = ""
    session.undo()
    assert "Nothing is learned yet" in panel._words.value and panel._again.disabled
    panel.close()
