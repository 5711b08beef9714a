"""Who votes on a sample, and how votes are counted where many samples have the same value."""

import numpy as np
import pandas as pd

from o2u_nb.review.columns import Columns
from o2u_nb.review.reasons import Opinion, opinions


def columns(**values) -> Columns:
    """A score table of cats that may be dogs."""
    n = len(next(iter(values.values())))
    ids = pd.Index([f"s{k}" for k in range(n)], name="sample_id")
    arrays = {name: np.asarray(column, float) for name, column in values.items()}
    return Columns(pd.DataFrame({"label": "cat", "suggested_label": "dog", **arrays}, index=ids))


def test_only_voters_are_asked_and_only_where_they_know_something():
    table = columns(
        o2u_mean=[3, 1, 2], variability=[3, 1, 2], swap_odds=[3, 1, 2], score=[3, 1, 2],
        p_wrong=[0.9, 0.1, 0.2], lookalike_margin=[np.nan, 1, 2], a_users_own=[3, 1, 2],
    )  # fmt: skip
    assert opinions(table, 0, 1) == [Opinion("o2u_mean", 3.0, 1, True)]
    assert opinions(table, 2, 1) == [
        Opinion("o2u_mean", 2.0, 2, False),
        Opinion("lookalike_margin", 2.0, 1, True),
    ]


def test_those_that_were_never_forgotten_do_not_pass_as_suspects_together():
    table = columns(forgetting=[3, 2, 0, 0, 0, 0, 0, 0])
    votes = [opinions(table, position, 4)[0] for position in range(8)]
    assert [vote.rank for vote in votes] == [1, 2, 3, 3, 3, 3, 3, 3]
    assert [vote.agrees for vote in votes] == [True, True] + [False] * 6


def test_a_tie_at_the_top_agrees_where_its_middle_is_among_the_suspects():
    table = columns(forgetting=[9, 9, 9, 1])
    assert [opinions(table, position, 2)[0].agrees for position in range(4)] == [True] * 3 + [False]
    assert not any(opinions(table, position, 1)[0].agrees for position in range(4))
