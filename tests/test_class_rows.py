"""Class probabilities that are made block by block lead to the results of those in an array."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.detect import class_rows, counts, neighbours
from o2u_nb.detect.class_rows import ClassRows, blocks, by_sample, peaks, row_by_row, taken
from o2u_nb.detect.counts import compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import ranked
from o2u_nb.errors import O2UError
from o2u_nb.trace import Trace

N, CLASSES, EPOCHS = 300, 7, 6


def trace(seed: int) -> Trace:
    """Return a trace without any softmax, in which some samples miss some epochs, or all."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % CLASSES
    wrong = rng.random((EPOCHS, N)) < np.where(np.arange(N) < 40, 0.9, 0.1)
    pred = np.where(wrong, (labels + rng.integers(1, 3, (EPOCHS, N))) % CLASSES, labels)
    margin = np.where(wrong, -2, 2) + rng.normal(0, 1, (EPOCHS, N))
    missed = rng.random((EPOCHS, N)) < 0.2
    missed[:, [5, 77]] = True
    return Trace(
        ids=pd.Index([f"{k:04d}" for k in range(N)]),
        labels=labels,
        classes=[f"class {k}" for k in range(CLASSES)],
        loss=np.where(missed, np.nan, np.logaddexp(0, -margin)).astype(np.float32),
        margin=np.where(missed, np.nan, margin).astype(np.float32),
        pred=np.where(missed, -1, pred).astype(np.int32),
        lr=np.full(EPOCHS, 0.01),
        phase=np.array(["warmup", *["cyclic"] * (EPOCHS - 1)]),
        mean_probs={},
        frozen=bool(seed),
    )


def evidence(case: str) -> Evidence:
    """Return what one eye has seen or two, with embeddings, of which some are zeros, or without."""
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(N, 5)).astype(np.float16)
    rows[[3, 5, 200]] = 0
    others = (Evidence(trace(1), rows[::-1].copy(), eye="other"),) if case == "two eyes" else ()
    return Evidence(trace(0), None if case == "no embeddings" else rows, others=others)


def many(monkeypatch, block: int = 50) -> None:
    """Let everything count as too many to be kept, and look at a few rows at a time."""
    monkeypatch.setattr(class_rows, "MOST_KEPT", 0)
    monkeypatch.setattr(class_rows, "BLOCK", block)
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 64)


@pytest.mark.parametrize("case", ["one eye", "two eyes", "no embeddings"])
@pytest.mark.parametrize("compared", [20_000, 90])
def test_the_scores_are_those_of_arrays(monkeypatch, case, compared):
    monkeypatch.setattr(neighbours, "MOST_COMPARED", compared)
    expected, how_many = ranked(evidence(case))
    estimators = compare_estimators(evidence(case), -evidence(case).trace.margin[-1])
    many(monkeypatch)
    given = evidence(case)
    assert isinstance(given.class_probs, ClassRows) and isinstance(given.agreed_probs, ClassRows)
    assert isinstance(given.said_of_alike, ClassRows)
    found, number = ranked(given)
    assert number[:3] == how_many[:3] and number.learned == pytest.approx(how_many.learned)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-9, atol=1e-12)
    few = compare_estimators(given, -given.trace.margin[-1])
    pd.testing.assert_series_equal(few["count"], estimators["count"], rtol=1e-9)
    assert few["note"]["odd"].endswith("evenly spaced samples.")


def test_a_part_of_the_samples_counts_for_all(monkeypatch):
    score = -evidence("one eye").trace.margin[-1]
    whole = compare_estimators(evidence("one eye"), score)["count"]
    many(monkeypatch)
    monkeypatch.setattr(counts, "MOST_FEW", N // 2 * CLASSES)
    some = compare_estimators(evidence("one eye"), score)
    assert some["count"]["odd"] == pytest.approx(whole["odd"], rel=0.5)
    assert "From 150 evenly spaced samples." in some["note"]["confident_joint"]


def test_few_classes_and_samples_are_kept_in_an_array():
    given = evidence("two eyes")
    assert isinstance(given.class_probs, np.ndarray) and isinstance(given.agreed_probs, np.ndarray)


@pytest.mark.parametrize("rows", [1, 3, 10, 1000])
def test_blocks_cover_all_rows(monkeypatch, rows):
    monkeypatch.setattr(class_rows, "BLOCK", 4 * rows)
    probs = np.random.default_rng(0).random((10, 4))
    covered = np.concatenate([np.arange(10)[part] for part in blocks(probs)])
    assert covered.tolist() == list(range(10))
    made = ClassRows((10, 4), lambda rows: probs[rows])
    for given in (probs, made):
        assert by_sample(lambda some: some.sum(1), given).tolist() == probs.sum(1).tolist()
        place, peak = peaks(given)
        assert (place == probs.argmax(1)).all() and (peak == probs.max(1)).all()


def test_no_samples_have_no_numbers():
    assert peaks(np.empty((0, 3)))[0].shape == (0,)
    assert by_sample(lambda some: some.sum(1), ClassRows((0, 3), lambda rows: np.empty((0, 3)))
                     ).shape == (0,)  # fmt: skip


def test_rows_are_taken_and_joined_when_they_are_looked_at():
    probs = np.random.default_rng(0).random((6, 2))
    made = ClassRows((6, 2), lambda rows: probs[rows])
    mask = np.array([True, False, True, True, False, True])
    some = taken(made, mask)
    assert len(some) == 4 and (some[1:3] == probs[mask][1:3]).all()
    assert taken(made, slice(None)) is made and (taken(probs, mask) == probs[mask]).all()
    both = row_by_row(np.add, probs, made)
    assert isinstance(both, ClassRows) and (both[np.array([4, 0])] == 2 * probs[[4, 0]]).all()


def test_bad_embeddings_are_named_by_their_row(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(neighbours, "MOST_COMPARED", 3)
    for bad in (0, 7, 11):
        rows = np.ones((12, 2))
        rows[bad, 1] = np.nan
        with pytest.raises(O2UError, match=f"in row {bad} of 12 "):
            neighbours.neighbourhoods(rows, 2)
