"""The border of a threshold: what stands on either side, before the threshold itself moves."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import O2UError
from o2u_nb.review.border import border
from o2u_nb.review.columns import Columns
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit

SCORES = pd.DataFrame(
    {
        "label": ["a"] * 5,
        "suggested_label": ["b"] * 5,
        "score": [5.0, 4.0, 2.0, 2.0, np.nan],
        "p_wrong": [0.9, 0.7, np.nan, 0.1, np.nan],
    },
    index=pd.Index(list("pqrst"), name="sample_id"),
)


P_WRONG = SCORES["p_wrong"].to_numpy()


@pytest.mark.parametrize("threshold, expected", [
    (3.0, (2, 0.8, 1, 2)), (4.0, (2, 0.8, 1, 2)), (2.0, (4, (0.9 + 0.7 + 0.1) / 3, 3, None)),
    (6.0, (0, None, None, 0)), (-1.0, (4, (0.9 + 0.7 + 0.1) / 3, 3, None)),
])  # fmt: skip
def test_the_border_by_hand(threshold, expected):
    suspects, precision, last, first_out = border(Columns(SCORES), "score", threshold, P_WRONG)
    assert (suspects, last, first_out) == (expected[0], *expected[2:])
    assert precision == (None if expected[1] is None else pytest.approx(expected[1]))


def test_the_border_says_what_the_threshold_then_does(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit"))
    for threshold in np.quantile(session.columns.values("score"), [0, 0.2, 0.5, 0.99, 1]):
        found = border(session.columns, "score", float(threshold), session.p_wrong)
        session.threshold = float(threshold)
        assert found.suspects == session.suspects.sum() == session.counts["suspects"]
        assert found.precision == pytest.approx(session.estimated_precision)
        assert session.suspects[found.last]
        assert found.first_out is None or not session.suspects[found.first_out]


def test_an_unknown_score_is_named():
    with pytest.raises(O2UError, match="'scores'"):
        border(Columns(SCORES), "scores", 1.0, P_WRONG)
