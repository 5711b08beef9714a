"""The list of a review: groups by pair, what a search finds that is hidden, and the ways back."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.errors import O2UError
from o2u_nb.review.columns import Columns
from o2u_nb.review.groups import Group, by_pair
from o2u_nb.review.listing import Hidden
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    return ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")


def shown(session: ReviewSession) -> list[str]:
    return session.columns.ids_at(session.visible)


def pairs_of(session: ReviewSession) -> list[tuple]:
    return [(group.given, group.suggested) for group in session.groups]


def columns(pairs: list[tuple[str, str | None]]) -> Columns:
    index = pd.Index([f"s{k}" for k in range(len(pairs))], name="sample_id")
    label, suggested = zip(*pairs, strict=True)
    return Columns(
        pd.DataFrame({"label": label, "suggested_label": suggested, "score": 1.0}, index=index)
    )


def test_groups_by_hand():
    table = columns(
        [
            ("cat", "dog"),
            ("dog", "cat"),
            ("cat", "dog"),
            ("cat", None),
            ("dog", "cat"),
            ("cat", "dog"),
        ]
    )
    everything = np.array([3, 1, 0, 5, 4, 2])
    order, groups = by_pair(everything, table, everything)
    assert order.tolist() == [0, 5, 2, 1, 4, 3]
    assert groups == (
        Group(0, 3, "cat", "dog"), Group(3, 5, "dog", "cat"), Group(5, 6, "cat", None),
    )  # fmt: skip
    assert [group.count for group in groups] == [3, 2, 1]
    assert groups[0].title == "cat → dog" and "nothing suggested" in groups[2].title
    # two samples are decided, and no longer listed: the group stays in its place
    order, groups = by_pair(np.array([1, 4, 2]), table, everything)
    assert order.tolist() == [2, 1, 4] and groups[0].given == "cat"
    assert by_pair(np.array([], dtype=int), table, everything)[1] == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", None])), min_size=1))
def test_groups_hold_each_listed_sample_once_and_one_pair_each(pairs):
    table = columns(pairs)
    listed = np.arange(len(pairs))[::-1]
    order, groups = by_pair(listed, table, listed)
    assert sorted(order.tolist()) == sorted(listed.tolist())
    assert [g.start for g in groups] == [0, *(g.stop for g in groups[:-1])]
    assert groups[-1].stop == len(pairs)
    for group in groups:
        inside = order[group.start : group.stop]
        assert {pairs[k] for k in inside} == {(group.given, group.suggested)}
        assert inside.tolist() == sorted(inside.tolist(), reverse=True)  # the order stays
    counts = [group.count for group in groups]
    assert counts == sorted(counts, reverse=True) and len(groups) == len(set(pairs))


def test_a_whole_group_is_decided_with_four_actions(session):
    session.only_suspects = False
    pairs = session.scores.groupby(["label", "suggested_label"]).size()
    session.group_by = "pair"  # 1
    given_label, suggested = session.groups[0].given, session.groups[0].suggested
    assert session.groups[0].count == pairs.max() == pairs[given_label, suggested]
    session.current = shown(session)[0]  # 2
    ids = session.select_group()  # 3
    assert len(ids) == pairs.max() and session.current == ids[0]
    assert session.relabel() == ids  # 4
    table = session.decisions.table()
    assert table.index.tolist() == sorted(ids) and set(table["new_label"]) == {suggested}
    assert session.undo() and session.counts["undecided"] == 40


def test_groups_keep_their_places_while_they_are_decided(session):
    session.only_suspects, session.group_by = False, "pair"
    session.decision_filter = "undecided"
    before = pairs_of(session)
    largest = session.groups[0]
    session.keep(shown(session)[: largest.count - 1])
    assert pairs_of(session) == before
    assert session.groups[0].count == 1
    session.keep()
    assert pairs_of(session) == before[1:]


def test_there_are_groups_only_when_asked_for(session):
    assert session.groups == () and session.group_of(session.current) is None
    with pytest.raises(O2UError, match="group_by"):
        session.select_group()
    with pytest.raises(O2UError, match="grouping"):
        session.group_by = "class"
    session.group_by = "pair"
    session.text_filter = "no such sample"
    assert session.groups == () and session.current is None
    with pytest.raises(O2UError, match="group"):
        session.select_group()


def test_a_search_says_what_the_filters_hide(session):
    hidden = session.scores.index[20]  # no suspect
    assert session.hidden_matches == Hidden(0, ())
    session.text_filter = hidden
    assert shown(session) == [] and session.hidden_matches == Hidden(1, ("only_suspects",))
    session.reveal_matches()
    assert shown(session) == [hidden] == [session.current]
    assert session.hidden_matches == Hidden()
    assert session.text_filter == hidden and not session.only_suspects


def test_only_the_filters_that_hide_a_match_are_relaxed(session):
    first, second = shown(session)[:2]
    session.keep([second])
    session.decision_filter = "undecided"
    session.label_filter = session.scores.loc[first, "label"]
    session.text_filter = second
    assert session.hidden_matches == Hidden(1, ("label_filter", "decision_filter"))
    session.reveal_matches()
    assert shown(session) == [second] and session.only_suspects
    assert session.label_filter is None and session.decision_filter == "all"


def test_revealing_a_sample_keeps_the_filters_that_it_passes(session):
    hidden = session.scores.index[20]
    session.label_filter = session.scores.loc[hidden, "label"]
    session.position_filter = np.arange(5)
    session.reveal(hidden)
    assert session.current == hidden and session.label_filter is not None
    assert session.position_filter is None and not session.only_suspects
    with pytest.raises(O2UError, match="No sample 'ghost'"):
        session.reveal("ghost")


def test_clearing_the_filters_leaves_the_suspects_the_order_and_the_groups(session):
    before = shown(session)
    session.group_by, session.order_by = "pair", "o2u_mean"
    session.position_filter = np.array([30, 31])
    session.pair_filter, session.text_filter = ("tiger", "cheetah"), "x"
    session.decision_filter, session.note_filter = "keep", True
    session.clear_filters()
    assert sorted(shown(session)) == sorted(before)
    assert session.group_by == "pair" and session.order_by == "o2u_mean"
    assert session.position_filter is None and session.pair_filter is None
    session.only_suspects = False
    session.clear_filters()
    assert len(shown(session)) == 40


def test_the_estimated_threshold_is_a_call_away(session):
    estimated = session.threshold
    assert session.estimated_threshold == estimated
    session.threshold = 0.0
    assert session.estimated_threshold == estimated
    session.reset_threshold()
    assert session.threshold == estimated and session.counts["suspects"] == 8
    session.threshold_column = "o2u_mean"
    session.threshold = 1e6
    session.reset_threshold()
    assert session.counts["suspects"] == 8
    assert (session.threshold_column, session.threshold) == ("score", estimated)
    assert session.is_estimated is True
    session.threshold = np.quantile(session.scores["score"], 0.5)  # a number of numpy
    assert session.is_estimated is False  # and no bool of numpy, which widgets refuse


def test_a_reopened_review_starts_at_the_next_undecided_suspect(session):
    ids = shown(session)
    session.keep(ids[:3])
    again = ReviewSession(session.audit, reviewer="bob")
    assert again.current == ids[3]
    again.current = ids[1]
    assert again.go_to_undecided() == ids[3]
    again.current = ids[5]
    assert again.go_to_undecided() == ids[5]  # undecided: it stays
    again.keep(ids)
    assert ReviewSession(session.audit, reviewer="ann").current == ids[0]


FILTERS = st.fixed_dictionaries(
    {},
    optional=dict(
        only_suspects=st.booleans(),
        label_filter=st.sampled_from([None, "tiger"]),
        pair_filter=st.sampled_from([None, ("tiger", "cheetah")]),
        decision_filter=st.sampled_from(["all", "undecided", "decided", "keep"]),
        note_filter=st.booleans(),
        tag_filter=st.sampled_from([None, "x"]),
        text_filter=st.sampled_from(["", "1", "tiger", "none at all"]),
        position_filter=st.sampled_from([None, np.arange(7)]),
        group_by=st.sampled_from(["", "pair"]),
    ),
)


@settings(max_examples=40)
@given(FILTERS, st.integers(0, 15))
def test_any_sample_can_be_revealed_from_any_filters(filters, place):
    with tempfile.TemporaryDirectory() as folder:
        session = ReviewSession(write_audit(Path(folder) / "audit", n=16), reviewer="ann")
        session.keep(session.scores.index[:3])
        session.tag("x", session.scores.index[2:5])
        session.note("n", session.scores.index[4:6])
        for name, value in filters.items():
            setattr(session, name, value)
        was_shown = {*shown(session)}
        found = session.hidden_matches
        text = session.text_filter
        matches = set(session.columns.ids_at(np.flatnonzero(session.columns.matches(text))))
        assert found.count == (len(matches - was_shown) if text else 0)
        sample_id = session.scores.index[place]
        session.reveal(sample_id)
        assert session.current == sample_id and was_shown <= {*shown(session)}
        session.text_filter = text
        session.reveal_matches()
        assert {*shown(session)} >= matches if text else session.hidden_matches == Hidden()
