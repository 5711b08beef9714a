"""Accepting all suggestions above a probability: what it would do, and that one undo ends it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.audit import Audit
from o2u_nb.errors import O2UError
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit


def opened(folder: Path, **changes) -> ReviewSession:
    """A session on 12 samples of known probabilities, 1.0, 0.9, 0.8, ... in rank order."""
    found = Audit.open(write_audit(folder / "audit", n=12, n_wrong=12))
    found.scores["p_wrong"] = np.maximum(1.0 - np.arange(12) / 10, 0)
    for name, values in changes.items():
        for place, value in values.items():
            found.scores.loc[found.scores.index[place], name] = value
    return ReviewSession(found, reviewer="ann")


def test_the_preview_counts_by_hand(tmp_path):
    session = opened(tmp_path, suggested_label={1: None}, p_wrong={3: np.nan})
    ids = session.scores.index
    session.unsure([ids[2]])  # decided already
    found = session.preview_above(0.5)
    assert found.count == 3 and found.positions.tolist() == [0, 4, 5]
    assert (found.decided, found.unsuggested) == (1, 1)
    rows = session.scores.iloc[[0, 4, 5]]
    pairs = list(zip(rows["label"], rows["suggested_label"], strict=True))
    assert {pair[:2]: pair[2] for pair in found.pairs} == {p: pairs.count(p) for p in pairs}
    counts = [count for _, _, count in found.pairs]
    assert counts == sorted(counts, reverse=True)
    assert session.revision == 1  # nothing was recorded


def test_accepting_is_one_command_that_one_undo_takes_back(tmp_path):
    session = opened(tmp_path)
    ids = session.scores.index.tolist()
    session.unsure([ids[0]])
    assert session.accept_above(0.75) == ids[1:3]
    assert session.counts["relabel"] == 2 and session.counts["unsure"] == 1
    assert session.decisions.current(ids[1]).new_label == session.scores["suggested_label"].iloc[1]
    assert session.undo() == ids[1:3] and session.counts["relabel"] == 0
    assert session.redo() == ids[1:3] and session.counts["relabel"] == 2
    session.undo()
    assert session.accept_above(0.699) == ids[1:4]


def test_a_suggestion_that_is_the_given_label_is_none(tmp_path):
    session = opened(tmp_path)
    first = session.scores.index[0]
    session.columns.suggested[0] = session.columns.label[0]
    assert session.preview_above(0.95).unsuggested == 1 and session.accept_above(0.95) == []
    assert session.decisions.current(first) is None


def test_only_what_the_list_shows_is_accepted(tmp_path):
    session = opened(tmp_path)
    label = session.scores["label"].iloc[0]
    session.label_filter = label
    accepted = session.accept_above(0.0)
    assert accepted == session.scores.index[session.scores["label"] == label].tolist()
    session.clear_filters()
    assert session.counts["relabel"] == len(accepted) == 3


@pytest.mark.parametrize("p", [-0.1, 1.1, 90, float("nan")])
def test_a_probability_is_from_0_to_1(tmp_path, p):
    session = opened(tmp_path)
    with pytest.raises(O2UError, match="from 0 to 1"):
        session.accept_above(p)


def test_news_of_another_reviewer_is_taken_in_first(tmp_path):
    session = opened(tmp_path)
    ids = session.scores.index.tolist()
    ReviewSession(session.audit, reviewer="bob").unsure([ids[0]])
    assert session.accept_above(0.85) == [ids[1]]
    assert session.decisions.current(ids[0]).reviewer == "bob"


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), min_size=1, max_size=4),
    st.sets(st.integers(0, 11)),
)
def test_undo_brings_back_the_state_before_each_bulk_command(levels, kept):
    with tempfile.TemporaryDirectory() as folder:
        session = opened(Path(folder))
        if kept:
            session.keep(session.columns.ids_at(np.array(sorted(kept))))
        before = []
        for p in levels:
            states = session.states
            expected = session.preview_above(p).positions
            accepted = session.accept_above(p)
            assert sorted(accepted) == sorted(session.columns.ids_at(expected))
            assert (states[expected] == 0).all()
            changed = np.flatnonzero(session.states != states)
            assert sorted(changed) == sorted(expected)
            if accepted:
                before.append(states)
        for states in reversed(before):
            session.undo()
            np.testing.assert_array_equal(session.states, states)
