"""Memorised and forgotten samples, on traces small enough to work out by hand."""

import numpy as np
import pytest

from o2u_nb.detect.forgetting import examples, forgotten, rate_jumps
from tests.traces import make

NAN = np.nan
RATES = [0.1, 0.01, 0.1, 0.05, 0.01, 0.1]  # jumps at epochs 2 and 5


def losses(*probs):
    """Return the losses (n_epochs, n) of samples whose labels have these probabilities."""
    return -np.log(np.array(probs, dtype=float)).T


def test_the_rate_jumps_within_a_phase_only():
    phase = ["warmup"] + ["cyclic"] * 5
    loss = losses([1] * 6)
    assert rate_jumps(make(loss, lr=RATES)).tolist() == [2, 5]
    assert rate_jumps(make(loss, lr=[0.01, 0.1, 0.19, 0.1, 0.2, 0.1], phase=phase)).tolist() == [4]
    assert rate_jumps(make(loss, lr=[0.1] * 6)).tolist() == []


def test_what_is_lost_at_each_jump_is_the_mean_over_jumps():
    trace = make(
        losses(
            [0.5, 0.9, 0.8, 0.3, 0.7, 0.1],  # 0.9 to 0.3 in the second epoch, 0.7 to 0.1
            [0.5, 0.6, 0.6, 0.6, 0.6, 0.6],
            [0.5, 0.2, 0.6, 0.4, 0.9, NAN],  # 0.2 to 0.4; then not seen
            [NAN] * 6,
        ),
        lr=RATES,
    )
    np.testing.assert_allclose(forgotten(trace), [0.6, 0.0, -0.2, NAN], atol=1e-6)


def test_the_next_phase_is_not_what_follows_a_jump():
    loss = losses([0.5, 0.9, 0.8, 0.1])
    phase = ["cyclic", "cyclic", "cyclic", "denoised"]
    trace = make(loss, lr=[0.1, 0.01, 0.1, 0.1], phase=phase)
    np.testing.assert_allclose(forgotten(trace), [0.1], atol=1e-6)


def test_without_a_jump_nothing_is_known():
    assert np.isnan(forgotten(make(losses([0.9, 0.1]), lr=[0.1, 0.1]))).all()


@pytest.mark.parametrize("among, most, expected", [
    ([0, 1, 2, 3], 9, [3, 1]), ([0, 1, 2, 3], 1, [3]), ([1, 0], 9, [1]), ([], 3, []),
])  # fmt: skip
def test_the_best_examples_come_first(among, most, expected):
    lost = [0.0, 0.3, 0.19, 0.8]  # the third loses less than can be seen
    trace = make(losses(*([0.9, 0.9 - fall] for fall in lost)), lr=[0.01, 0.1])
    assert examples(trace, np.array(among), most).tolist() == expected
