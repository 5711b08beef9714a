"""Influence against leaving each sample out, and against the values of two other libraries."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from o2u_nb.detect import influence
from o2u_nb.detect.influence import (
    LastLayer,
    influence_on,
    influence_on_itself,
    squared_gradients,
)

INPUTS = np.array([[(3 * i + 5 * j) % 7 - 3 for j in range(3)] for i in range(12)]) / 2
LABELS = np.array([i * i % 3 for i in range(12)])
WEIGHTS = np.array([[0.5, -0.25, 0.1], [-0.3, 0.4, 0.2], [0.0, -0.1, 0.3]])
BIAS = np.array([0.1, -0.2, 0.05])
TRAIN, VALID = slice(8), slice(8, 12)


def layer(rows: slice, *, scale: float = 1, bias: bool = True) -> LastLayer:
    probs = softmax(scale * (INPUTS[rows] @ WEIGHTS.T + BIAS), axis=1)
    return LastLayer(INPUTS[rows], probs, LABELS[rows], bias)


def test_one_sample_and_two_classes_by_hand():
    at = LastLayer(np.array([[2.0]]), np.array([[0.25, 0.75]]), np.array([0]), bias=False)
    # g = (-.75, .75) x 2 and H = .1875 x 4 x [[1, -1], [-1, 1]]: g is an eigenvector, to 1.5
    assert influence_on_itself(at, damping=0.5) == pytest.approx(2 * 1.5**2 / (1.5 + 0.5))
    assert influence_on(at, at, damping=0.5) == pytest.approx(-2 * 1.5**2 / (1.5 + 0.5))
    assert squared_gradients(at) == pytest.approx(2 * 0.75**2 * 4)
    assert squared_gradients(at._replace(bias=True)) == pytest.approx(2 * 0.75**2 * 5)


def test_the_values_of_dattri_and_captum():
    """Computed with dattri 0.3.0, IFAttributorExplicit(regularization=.01), and captum 0.9.0.

    captum's NaiveInfluenceFunction gives the same self-influence, divided by the 8 samples.
    """
    itself = [18.9466463246, 20.2544650116, 22.1241720698, 7.4744252548, 12.4948459543,
              2.8636802915, 4.2717326012, 2.1316203440]  # fmt: skip
    valid = [0.3443682147, -8.7777568935, -1.7481053722, 2.2617747932, -2.4436078315,
             0.1054762611, 0.6598595807, -0.0475317543]  # fmt: skip
    found = influence_on_itself(layer(TRAIN), damping=0.01)
    np.testing.assert_allclose(found, np.array(itself) / 8, rtol=1e-8)
    found = influence_on(layer(TRAIN), layer(VALID), damping=0.01)
    np.testing.assert_allclose(found, np.array(valid) / 8, rtol=1e-7)


@pytest.mark.parametrize(
    "bias, expected",
    [
        # captum's TracInCP
        (True, [0.840466321, 0.7020519013, 0.6896084863, 0.4323764889, 0.5446353626,
                0.1350809403, 0.1367972378, 0.1344117222]),
        # captum's TracInCPFast, which takes the weights alone
        (False, [0.6427095396, 0.5368632186, 0.5057128899, 0.3362928247, 0.3630902417,
                 0.1050629535, 0.1003179744, 0.1027854346]),
    ],
)  # fmt: skip
def test_the_values_of_captum_at_two_checkpoints(bias, expected):
    """Rates .1 and .05, the second checkpoint with twice the weights; captum 0.9.0."""
    found = 0.1 * squared_gradients(layer(TRAIN, bias=bias))
    found += 0.05 * squared_gradients(layer(TRAIN, scale=2, bias=bias))
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def problem(n=300, n_valid=100, seed=0):
    """Three clouds with 10 % wrong labels; inputs with a column of ones, which is penalised too."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n + n_valid) % 3
    inputs = rng.normal(size=(3, 4))[truth] + rng.normal(size=(n + n_valid, 4))
    labels = np.where(rng.random(n + n_valid) < 0.1, (truth + 1) % 3, truth)
    labels[n:] = truth[n:]
    return np.column_stack([inputs, np.ones(n + n_valid)]), labels, truth[:n] != labels[:n]


def left_out(weight: float, samples) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Retrain with each of `samples` at `weight` instead of 1, and compare with the influence.

    Returns by how much its own loss rose and the validation loss fell, divided by 1 - `weight`,
    and what the influence says of both.
    """
    inputs, labels, wrong = problem()
    n, penalty = len(wrong), 0.05

    def losses_after(weights):
        model = LogisticRegression(
            C=1 / (penalty * n), fit_intercept=False, tol=1e-11, max_iter=10_000
        ).fit(inputs[:n], labels[:n], sample_weight=weights)
        probs = model.predict_proba(inputs)
        return -np.log(probs[np.arange(len(labels)), labels]), probs

    before, probs = losses_after(np.ones(n))
    rise, fall = np.empty(len(samples)), np.empty(len(samples))
    for place, k in enumerate(samples):
        after, _ = losses_after(np.where(np.arange(n) == k, weight, 1))
        rise[place], fall[place] = after[k] - before[k], (before - after)[n:].mean()
    train = LastLayer(inputs[:n], probs[:n], labels[:n], bias=False)
    valid = LastLayer(inputs[n:], probs[n:], labels[n:], bias=False)
    itself = influence_on_itself(train, damping=penalty)[samples]
    on_valid = influence_on(train, valid, damping=penalty)[samples]
    return rise / (1 - weight), fall / (1 - weight), itself, on_valid


def test_influence_is_the_slope_along_which_a_sample_loses_its_weight():
    rise, fall, itself, on_valid = left_out(0.99, range(0, 300, 10))
    np.testing.assert_allclose(itself, rise, rtol=5e-3)
    np.testing.assert_allclose(on_valid, fall, rtol=0.02, atol=1e-5)


def test_influence_is_what_leaving_out_does():
    everybody = range(300)
    rise, fall, itself, on_valid = left_out(0.0, everybody)
    # The slope at the full weight leaves out that it changes on the way: a few per cent here.
    np.testing.assert_allclose(itself, rise, rtol=0.12)
    assert np.corrcoef(itself, rise)[0, 1] > 0.999 and np.corrcoef(on_valid, fall)[0, 1] > 0.99
    assert np.abs(on_valid - fall).max() < 0.1 * np.abs(fall).max()
    wrong = problem()[2]
    assert roc_auc_score(wrong, itself) > 0.85 and roc_auc_score(wrong, on_valid) > 0.65


def test_chunks_change_nothing(monkeypatch):
    whole = influence_on_itself(layer(TRAIN)), influence_on(layer(TRAIN), layer(VALID))
    monkeypatch.setattr(influence, "CHUNK", 3)
    parts = influence_on_itself(layer(TRAIN)), influence_on(layer(TRAIN), layer(VALID))
    np.testing.assert_allclose(parts, whole, rtol=1e-10)


def test_with_too_many_weights_only_the_main_axes_of_the_inputs_count(monkeypatch):
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(40, 2))
    inputs = np.column_stack([plane, np.zeros((40, 8))])
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0]  # so that the plane lies askew
    probs, labels = rng.dirichlet(np.ones(3), 40), rng.integers(0, 3, 40)
    expected = influence_on_itself(LastLayer(plane, probs, labels), damping=0.1)
    monkeypatch.setattr(influence, "MOST_WEIGHTS", 9)  # 3 classes x (2 inputs and the bias)
    at = LastLayer(inputs @ turn, probs, labels)
    np.testing.assert_allclose(influence_on_itself(at, damping=0.1), expected, rtol=1e-8)
    flat = at._replace(inputs=plane)
    expected = influence_on(flat, flat, damping=0.1)
    np.testing.assert_allclose(influence_on(at, at, damping=0.1), expected, rtol=1e-8)


def test_the_default_damping_follows_the_scale_of_the_inputs():
    at = layer(TRAIN, bias=False)
    larger = at._replace(inputs=10 * at.inputs)
    np.testing.assert_allclose(influence_on_itself(larger), influence_on_itself(at), rtol=1e-8)
