"""Evidence: what detectors see of the samples, through the eyes of one network or of several.

In come a trace and, where there are any, embeddings, further features, decisions, what was measured
with the network, and the evidence of other networks that were trained on the same samples. Out come
the averages that several detectors share, and the column of any detector. Each is computed when it
is first asked for, and then kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.detect.class_rows import ClassRows, Probs, by_sample, row_by_row
from o2u_nb.detect.dynamics import class_rows, ever_seen
from o2u_nb.detect.neighbours import (
    VOTERS,
    lookalike_probs,
    lookalike_rows,
    neighbourhoods,
)
from o2u_nb.detect.odds import likeliest_other
from o2u_nb.errors import O2UError
from o2u_nb.eye_names import NETWORK
from o2u_nb.trace import Trace


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """Hold all that detectors may look at; every array is in the order of `trace.ids`.

    `trace` holds the training dynamics. `embeddings` (n_samples, d) float are the trained network's
    features of each sample, or None. `features` maps the name of a further network to its features,
    (n_samples, d) float or None. `decisions` is a table, indexed by `sample_id`, of what people
    have decided so far, or None. `measured` maps names to what was measured of each sample with the
    network beyond the training, such as `self_influence`, float (n_samples,), or
    `out_of_sample_probs`, float (n_samples, n_classes). `copies`, int (n_samples,), has the same
    number for samples that show the same picture and for no others; None where nothing is known of
    copies. Raises `O2UError` for embeddings, features, measurements or copies of another number of
    samples, or for other networks that were trained on other samples or with other labels.

    `eye` is the name of the network that the trace is of, and `others` the evidence of further
    ones; one network with its evidence is called an eye. The columns of single detectors are those
    of this eye; the score, the suggested class and the number of wrong labels come from all eyes.
    """

    trace: Trace
    embeddings: np.ndarray | None = None
    features: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    decisions: pd.DataFrame | None = None
    eye: str = NETWORK
    others: tuple["Evidence", ...] = ()
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    copies: np.ndarray | None = None
    _columns: dict[Callable, np.ndarray | None] = field(default_factory=dict, init=False)
    _kept: dict[Callable, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._require_rows("embeddings", self.embeddings)
        self._require_rows("groups of copies", self.copies)
        for name, rows in self.features.items():
            self._require_rows(f"rows of the features {name!r}", rows)
        for name, rows in self.measured.items():
            self._require_rows(f"rows of the measurement {name!r}", rows)
        for other in self.others:
            self._require_same(other)

    @cached_property
    def eyes(self) -> tuple["Evidence", ...]:
        """Return the evidence of each network by itself, this one first."""
        return (replace(self, others=()) if self.others else self, *self.others)

    @property
    def labels(self) -> np.ndarray:
        """Return the given labels: int (n_samples,), positions in `trace.classes`."""
        return self.trace.labels

    @property
    def n_samples(self) -> int:
        """Return the number of samples."""
        return self.trace.n_samples

    @cached_property
    def seen(self) -> np.ndarray:
        """Return which samples training has seen in at least one epoch: bool (n_samples,)."""
        return ever_seen(self.trace)

    @cached_property
    def class_probs(self) -> Probs:
        """Return how probable the network found each class: float (n_samples, n_classes), 0 to 1.

        Rows of NaN for samples that were not seen; see `dynamics.class_probs`. This and the next
        ones are arrays, or where these would be too large `ClassRows`.
        """
        return self.eyes[0].class_probs if self.others else class_rows(self.trace)

    @cached_property
    def lookalike_probs(self) -> Probs | None:
        """Return the mean of `class_probs` over each sample's look-alikes; None without embeddings.

        float (n_samples, n_classes), 0 to 1, NaN where not known; see `neighbours.lookalike_probs`.
        """
        if self.others:
            return self.eyes[0].lookalike_probs
        if self.embeddings is None:
            return None
        own = self.class_probs
        if isinstance(own, ClassRows):
            return lookalike_rows(self.embeddings, own)
        return lookalike_probs(self.embeddings, own)

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return each sample's `VOTERS` nearest by the embeddings, and how similar they are.

        int and float32 (n_samples, `VOTERS`); see `neighbours.neighbourhoods`. None without
        embeddings.
        """
        if self.embeddings is None:
            return None
        return neighbourhoods(self.embeddings, VOTERS)

    @cached_property
    def pooled_probs(self) -> Probs:
        """Return the mean of `class_probs` and `lookalike_probs`: float (n_samples, n_classes).

        Where a sample's look-alikes are not known, `class_probs` alone is returned. Rows of NaN
        where the sample itself was not seen.
        """
        own = self.class_probs
        alike = self.lookalike_probs
        return own if alike is None else row_by_row(_pooled, own, alike)

    @cached_property
    def agreed_probs(self) -> Probs:
        """Return the mean of `pooled_probs` over all eyes: float (n_samples, n_classes), 0 to 1.

        Eyes that have not seen a sample are left out of its mean. Rows of NaN where this eye itself
        has not seen the sample.
        """
        return row_by_row(_mean_of, *(eye.pooled_probs for eye in self.eyes))

    @cached_property
    def said_of_alike(self) -> Probs:
        """Return what the look-alikes say, as a mean over all eyes: float (n_samples, n_classes).

        It is the mean of `lookalike_probs`. Where an eye knows no look-alikes of a sample, its
        `class_probs` take their place. Since a network remembers a sample's own label, but hardly
        those of its look-alikes, this tells best which classes are mixed up. Rows of NaN where this
        eye has not seen the sample.
        """
        return row_by_row(_mean_of, *(_filled(eye) for eye in self.eyes))

    @property
    def any_frozen(self) -> bool:
        """Return whether one of the eyes is a head on frozen features."""
        return any(eye.trace.frozen for eye in self.eyes)

    @cached_property
    def suggested(self) -> np.ndarray:
        """Return the likeliest class other than the given one, by `agreed_probs`.

        int (n_samples,), positions in `trace.classes`.
        """
        return by_sample(likeliest_other, self.agreed_probs, self.labels)

    def column(self, detector: Callable[["Evidence"], np.ndarray | None]) -> np.ndarray | None:
        """Return the values of `detector`, computed at the first call and then kept.

        float64 (n_samples,), higher = more suspicious; NaN for samples that training has never
        seen, even if the detector returns a number for them. None if the detector returns None,
        because the evidence that it needs is not there. Raises `O2UError` when the detector returns
        another shape, or something other than numbers.
        """
        if detector not in self._columns:
            self._columns[detector] = self._checked(detector, detector(self))
        return self._columns[detector]

    def kept(self, compute: Callable[["Evidence"], Any]) -> Any:
        """Return `compute(self)`, computed at the first call and then kept."""
        if compute not in self._kept:
            self._kept[compute] = compute(self)
        return self._kept[compute]

    def take(self, positions: np.ndarray | slice) -> "Evidence":
        """Return the evidence of the samples at `positions` alone, in that order."""
        return Evidence(
            self.trace.take(positions),
            _rows(self.embeddings, positions),
            {name: _rows(rows, positions) for name, rows in self.features.items()},
            self.decisions,
            self.eye,
            tuple(other.take(positions) for other in self.others),
            {name: rows[positions] for name, rows in self.measured.items()},
            _rows(self.copies, positions),
        )

    def _checked(self, detector: Callable, found: np.ndarray | None) -> np.ndarray | None:
        if found is None:
            return None
        values = np.asarray(found)
        if values.shape != (self.n_samples,) or values.dtype.kind not in "fiub":
            raise O2UError(
                f"Expected of the detector {detector.__name__!r} one number for each of the "
                f"{self.n_samples:,} samples, found an array of shape {values.shape} and type "
                f"{values.dtype}: return numbers in the order of `trace.ids`."
            )
        values = values.astype(np.float64, copy=False)
        return values if self.seen.all() else np.where(self.seen, values, np.nan)

    def _require_same(self, other: "Evidence") -> None:
        same = other.trace.ids.equals(self.trace.ids) and other.trace.classes == self.trace.classes
        if not same or not np.array_equal(other.labels, self.labels):
            raise O2UError(
                f"Expected networks that were trained on the same samples with the same labels, in "
                f"the same order; {other.eye!r} was trained on others than {self.eye!r}."
            )

    def _require_rows(self, what: str, rows: np.ndarray | None) -> None:
        if rows is not None and len(rows) != self.n_samples:
            raise O2UError(
                f"Expected a row for each of the trace's {self.n_samples:,} samples, found "
                f"{len(rows):,} {what}: compute them for the same samples, in the order of "
                "`trace.ids`."
            )


def over_eyes(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of what each eye says: float, of the shape of each of `parts`.

    All have the same shape, with a row or a number for each sample, and NaN where an eye has not
    seen it; there that eye is left out of the mean. NaN where the first eye has not seen it. What a
    single eye says is returned as it is.
    """
    first, *others = parts
    if not others:
        return first
    total = np.nan_to_num(first, nan=0).astype(np.float64)
    count = np.ones(first.shape)
    for part in others:
        total += np.nan_to_num(part, nan=0)
        count += ~np.isnan(part)
    return np.where(np.isnan(first), np.nan, total / count)


def _mean_of(*parts: np.ndarray) -> np.ndarray:
    return over_eyes(parts)


def _pooled(own: np.ndarray, alike: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(alike), own, (own + alike) / 2)


def _filled(eye: Evidence) -> Probs:
    """Return the look-alikes' probabilities, and those of the sample itself where there are none.

    Rows of NaN where the network has not seen the sample.
    """
    if eye.lookalike_probs is None:
        return eye.class_probs
    return row_by_row(_instead, eye.lookalike_probs, eye.class_probs)


def _instead(probs: np.ndarray, instead: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(probs) | np.isnan(instead), instead, probs)


def _rows(rows: np.ndarray | None, positions: np.ndarray | slice) -> np.ndarray | None:
    return None if rows is None else rows[positions]
