"""Planted noise has the rate, the direction and the reproducibility that it promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from o2u_nb.data import noise
from o2u_nb.errors import O2UError

CLASSES = ["ant", "bee", "cat", "dog"]
N = 8000
SPREAD = 5 / np.sqrt(N)  # far beyond what chance leaves


def table(labels=None) -> pd.DataFrame:
    labels = CLASSES * (N // 4) if labels is None else labels
    ids = pd.Index([f"{i:05d}" for i in range(len(labels))], name="sample_id", dtype="str")
    return pd.DataFrame({"label": labels, "split": "train", "path": "/x"}, index=ids)


def counts(planted) -> np.ndarray:
    """Share of given (column) per true class (row), in sorted order."""
    crossed = pd.crosstab(planted.truth, planted.samples["label"], normalize="index")
    return crossed.reindex(index=CLASSES, columns=CLASSES, fill_value=0).to_numpy()


def test_symmetric_noise_spreads_evenly_over_the_other_classes():
    shares = counts(noise.plant(table(), noise.symmetric(0.3), seed=1))
    expected = np.full((4, 4), 0.1)
    np.fill_diagonal(expected, 0.7)
    assert abs(shares - expected).max() < SPREAD


def test_symmetric_noise_of_one_leaves_no_label():
    planted = noise.plant(table(), noise.symmetric(1), seed=1)
    assert noise.realised_rate(*planted) == 1


def test_pair_flip_goes_to_the_next_class_and_from_the_last_to_the_first():
    planted = noise.plant(table(["ant", "bee", "cat", "dog"]), noise.pair_flip(1), seed=0)
    assert planted.samples["label"].tolist() == ["bee", "cat", "dog", "ant"]
    shares = counts(noise.plant(table(), noise.pair_flip(0.2), seed=1))
    expected = 0.8 * np.eye(4) + 0.2 * np.roll(np.eye(4), 1, axis=1)
    assert (shares[expected == 0] == 0).all() and abs(shares - expected).max() < SPREAD


def test_a_transition_matrix_is_followed_in_the_order_of_its_classes():
    order = ["dog", "ant", "cat", "bee"]
    matrix = np.array([[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0]])
    shares = counts(noise.plant(table(), noise.transition(matrix, order), seed=2))
    expected = pd.DataFrame(matrix, order, order).loc[CLASSES, CLASSES].to_numpy()
    assert (shares[expected == 0] == 0).all() and abs(shares - expected).max() < SPREAD


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), "4 x 4.*found the shape \\(3, 3\\)"),
        (np.eye(4) * 0.9, "sum to 1, found 0.9 for 'ant'"),
        (np.eye(4) + np.array([[0, 1, -1, 0]] * 4), "negative"),
        (np.full((4, 4), np.nan), "negative or NaN"),
    ],
)
def test_a_wrong_transition_matrix_is_refused(matrix, message):
    with pytest.raises(O2UError, match=message):
        noise.transition(matrix, CLASSES)


def test_a_transition_matrix_must_know_all_classes():
    with pytest.raises(O2UError, match="no row for 'dog'"):
        noise.plant(table(), noise.transition(np.eye(3), CLASSES[:3]), seed=0)
    outside = noise.transition(np.full((4, 4), 0.25), CLASSES)
    with pytest.raises(O2UError, match="classes that no sample has"):
        noise.plant(table(["ant", "bee"]), outside, seed=0)


def test_instance_noise_has_its_rate_and_follows_the_features():
    features = np.random.default_rng(0).standard_normal((N, 5))
    planted = noise.plant(table(), noise.instance_dependent(0.3, features), seed=3)
    assert abs(noise.realised_rate(*planted) - 0.3) < SPREAD
    # Whoever looks the same is mislabelled the same: one true class, one feature vector.
    alike = np.tile(10 * features[:1], (N, 1))
    alike[::2] *= -1
    same = noise.plant(table(["ant"] * (N - 3) + CLASSES[1:]), _loud(alike), seed=3)
    wrong = same.samples["label"][same.samples["label"] != same.truth]
    sides = wrong.groupby(np.arange(N)[same.samples["label"] != same.truth] % 2).value_counts()
    assert all(sides[side].max() / sides[side].sum() > 0.8 for side in (0, 1))


def _loud(features):
    return noise.instance_dependent(0.5, np.hstack([features] * 20))


def test_instance_flip_rates_vary_around_the_rate():
    rates = noise._truncated_normal(0.3, 0.1, 20_000, np.random.default_rng(0))
    assert abs(rates.mean() - 0.3) < 0.005 and abs(rates.std() - 0.1) < 0.005
    low = noise._truncated_normal(0.02, 0.1, 20_000, np.random.default_rng(0))
    assert low.min() >= 0 and low.max() <= 1


def test_instance_noise_aligns_a_frame_of_features_by_id():
    features = pd.DataFrame(np.random.default_rng(0).standard_normal((N, 3)), table().index)
    there = noise.plant(table(), noise.instance_dependent(0.3, features), seed=1)
    shuffled = features.sample(frac=1, random_state=0)
    again = noise.plant(table(), noise.instance_dependent(0.3, shuffled), seed=1)
    pd.testing.assert_frame_equal(there.samples, again.samples)
    with pytest.raises(O2UError, match="missing values"):
        noise.plant(table(), noise.instance_dependent(0.3, features.iloc[1:]), seed=1)
    with pytest.raises(O2UError, match="one row per sample"):
        noise.plant(table(), noise.instance_dependent(0.3, np.zeros((3, 2))), seed=1)


def test_instance_noise_takes_the_pixels_by_default():
    samples = table(["ant", "bee"] * 10).drop(columns="path")
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    planted = noise.plant(
        samples.assign(image=list(pictures)), noise.instance_dependent(0.5), seed=0
    )
    given_features = noise.instance_dependent(0.5, pictures.reshape(20, -1))
    assert planted.samples["label"].equals(
        noise.plant(samples, given_features, seed=0).samples["label"]
    )


def test_confusions_leave_the_true_class_out_and_sum_to_one():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 50)
    chances = noise._confusions(rng.standard_normal((50, 6)), codes, 4, rng)
    assert (chances[np.arange(50), codes] == 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1)


@given(
    labels=st.lists(st.sampled_from(CLASSES), min_size=2, max_size=40).filter(
        lambda labels: len(set(labels)) > 1
    ),
    make=st.sampled_from([noise.symmetric, noise.pair_flip]),
    rate=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=50)
def test_planting_is_seeded_and_touches_labels_only(labels, make, rate, seed):
    samples = table(labels)
    before = samples.copy(deep=True)
    planted = noise.plant(samples, make(rate), seed=seed)
    again = noise.plant(samples, make(rate), seed=seed)
    pd.testing.assert_frame_equal(samples, before)
    pd.testing.assert_frame_equal(planted.samples, again.samples)
    pd.testing.assert_series_equal(planted.truth, before["label"].rename("true_label"))
    pd.testing.assert_frame_equal(
        planted.samples.drop(columns="label"), before.drop(columns="label")
    )
    assert set(planted.samples["label"]) <= set(labels)
    if rate == 0:
        pd.testing.assert_frame_equal(planted.samples, before)


def test_another_seed_gives_other_labels():
    one, two = (noise.plant(table(), noise.symmetric(0.3), seed=seed) for seed in (1, 2))
    assert (one.samples["label"] != two.samples["label"]).any()


def test_realised_rate_by_hand_and_by_id():
    samples = table(["ant", "bee", "cat", "dog"])
    truth = pd.Series(["dog", "bee", "cat", "ant"], samples.index)
    assert noise.realised_rate(samples, truth.iloc[::-1]) == 0.5
    assert noise.realised_rate(samples.iloc[:1], truth) == 1
    with pytest.raises(O2UError, match="no true label for 1 of 4"):
        noise.realised_rate(samples, truth.iloc[:3])


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("make", [noise.symmetric, noise.pair_flip, noise.instance_dependent])
def test_a_rate_outside_zero_to_one_is_refused(make, rate):
    with pytest.raises(O2UError, match="between 0 and 1"):
        make(rate)


def test_one_class_cannot_be_confused():
    with pytest.raises(O2UError, match="two classes"):
        noise.plant(table(["ant", "ant"]), noise.symmetric(0.5), seed=0)
    with pytest.raises(O2UError, match="spread"):
        noise.instance_dependent(0.3, spread=0)


def test_more_classes_than_a_byte_holds():
    labels = [f"c{i:03d}" for i in range(300)]
    planted = noise.plant(table(labels), noise.pair_flip(1), seed=0)
    assert planted.samples["label"].tolist() == [*labels[1:], labels[0]]


def test_nearest_class_by_hand():
    table = pd.DataFrame({"label": list("aabbcc")}, index=pd.Index(list("uvwxyz"), dtype="str"))
    # the means of a, b and c are 0, 3 and 20
    features = np.array([[-1.0], [1], [2], [4], [19], [21]])
    found = noise.plant(table, noise.nearest_class(1.0, features), seed=0).samples["label"]
    assert list(found) == list("bbaabb")
    kept = noise.plant(table, noise.nearest_class(0.0, features), seed=0).samples["label"]
    assert list(kept) == list("aabbcc")
    by_id = pd.DataFrame(features[::-1], index=table.index[::-1])
    some = [
        noise.plant(table, noise.nearest_class(0.5, given), seed=4).samples["label"]
        for given in (features, by_id)
    ]
    assert list(some[0]) == list(some[1]) != list(kept)


def test_nearest_class_refuses_features_that_do_not_fit():
    table = pd.DataFrame({"label": list("ab")}, index=pd.Index(list("uv"), dtype="str"))
    with pytest.raises(O2UError, match="one row per sample"):
        noise.plant(table, noise.nearest_class(0.1, np.ones((3, 2))), seed=0)
    with pytest.raises(O2UError, match="between 0 and 1"):
        noise.nearest_class(1.5, np.ones((2, 2)))
