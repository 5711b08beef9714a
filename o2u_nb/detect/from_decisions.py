"""Learning from decisions: which of the other labels are wrong, by what people found so far.

In come an audit's probabilities, the given and suggested classes, features of the pictures, and
decisions. Out come log-odds of a wrong label in the same order, and what moved them. The audit is
the prior: without decisions its log-odds are returned as they are, and a few decisions move them
little. Nothing here knows of a review or trains a network; a step takes some tenths of a second.

The audit's log-odds are first shifted and scaled alike (see `recalibrated`): an audit that is much
too sure would otherwise outweigh all that is found, since a decision against it would pass for a
slip of the reviewer. To these is added a weighted sum of a few quantities, whose weights have a
normal prior around 0 (Bayesian logistic regression, by the highest posterior):

* a constant and these log-odds themselves, for what the other quantities leave over;
* the other columns of the score table, so that a part of the score that turns out to tell more here
  counts more;
* which class is given, which is suggested, and the pair of both: after ten labels cat that look
  like dog were found right, the others sink;
* what a linear classifier on the features, corrected by the labels of look-alikes, says of the
  sample when it is left out, with the labels as they were given, and how far that changes once
  wrong labels of decided samples are put right. So what was found of a picture moves the pictures
  that look like it.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from o2u_nb.detect.neighbours import neighbourhoods, unit_rows
from o2u_nb.detect.recalibrated import NEAREST, expit, log_odds, recalibrated
from o2u_nb.rows import evenly

# All of these were chosen on other seeds (0, 11 and parts of the set) of CIFAR-10N, and on
# photographs of waste with noises that are not among the reported ones, see benchmarks/learning.py.
# Standard deviations of the weights' normal prior, all in nats.
SHIFT = 0.7
SLOPE = 0.3  # of the recalibrated log-odds, divided by `SCALE`
SCALE = 5.0
PART = 0.1  # of each column of the score table, scaled to the standard deviation 1
PAIR = 0.3  # of each pair of given and suggested class
CLASS = 0.2  # of each given class, and of each suggested one
ALIKE = 0.5  # of the classifier's margin, and of its change, both times `STEEP`
STEEP = 4.0  # brings margins, mostly between -2 and 2, to the size of log-odds
# The share of decisions, 0 to 1, that is taken to be a slip of the reviewer. Without it, one slip
# at the top of the list, where the audit is sure, would weigh more than ten decisions further down.
SLIPS = 0.08
# The linear classifier: how many directions of each network's features it sees, and the strength of
# its penalty.
DIRECTIONS = 256
PENALTY = 1.0
CONSTANT = 0.3  # the value of the column that stands for the constant of the classifier
# How many look-alikes correct what it says of a sample, and how fast their share falls with the
# cosine similarity.
LOOK_ALIKES = 30
NEARNESS = 8.0
MOST_COMPARED = 10_000  # samples; with more, looking for look-alikes takes too long at a click
FITTED_ON = 3000  # rows, evenly spaced, from which the directions are found
# Numbers kept for the classifier, twice, each time 32 MiB of float32; with more samples, fewer
# directions, so that a step takes about as long for many samples as for 10,000.
MOST_NUMBERS = 1 << 23
ITERATIONS = 3  # of the search for directions; more change no ranking that we measured
ROWS_AT_ONCE = 4096
STEPS = 30  # of Newton's method at most; five are usual
CLOSE = 1e-6  # a step of Newton's method, in nats, that is small enough to stop


class Decided(NamedTuple):
    """What was decided: `positions` int (k,), `wrong` bool (k,), and `right`, the right class.

    `right` is int (k,), a code of the class that the sample has; -1 where that is not known, as of
    a sample that was dropped. Of a label that was found right it is the given class.
    """

    positions: np.ndarray
    wrong: np.ndarray
    right: np.ndarray


class Learned(NamedTuple):
    """Log-odds of a wrong label, float (n,), NaN where the audit has none, and what moved them.

    Each of `overall` (constant and slope), `parts` (the columns of the score table), `classes` and
    `alike` is float (n,), nats: by how much that has raised the audit's log-odds.
    """

    log_odds: np.ndarray
    overall: np.ndarray
    parts: np.ndarray
    classes: np.ndarray
    alike: np.ndarray

    @property
    def p_wrong(self) -> np.ndarray:
        """Return the probabilities of a wrong label: float (n,), 0 to 1, NaN as in `log_odds`."""
        return np.asarray(expit(self.log_odds))


class Prior:
    """Hold what an audit says of `n` samples; `after(decided)` says what follows from decisions.

    `p_wrong` (n,) are the audit's probabilities of a wrong label, 0 to 1, NaN where a sample was
    not seen; these stay NaN, and decisions on such samples do not count. `given` and `suggested`
    (n,) int are codes of classes below `n_classes`; -1 = no suggestion. `parts` are further columns
    (n,) of the score table, in any unit; NaN counts as their mean. `features` are arrays,
    float (n, d) each, one for each network, in the same order; without any, look-alikes do not
    count. The result depends neither on the order of the samples nor on that of the decisions, but
    for rounding errors (and, with more than `FITTED_ON` samples, for which of them are taken to
    find the directions of the features).
    """

    def __init__(
        self,
        p_wrong: np.ndarray,
        given: np.ndarray,
        suggested: np.ndarray,
        n_classes: int,
        features: Sequence[np.ndarray] = (),
        parts: Sequence[np.ndarray] = (),
    ):
        self.log_odds = log_odds(p_wrong)
        self.given = np.asarray(given, dtype=np.int64)
        self.suggested = np.asarray(suggested, dtype=np.int64)
        self.n_classes = n_classes
        self._parts = [column for column in map(_scaled, parts) if column.any()]
        self._alike = LeftOut(features, self.given, n_classes) if len(features) else None

    def starting_from(self, p_wrong: np.ndarray) -> "Prior":
        """Return the same with other probabilities (n,); the prepared features are shared."""
        other = copy(self)
        other.log_odds = log_odds(p_wrong)
        return other

    def after(self, decided: Decided) -> Learned:
        """Return the log-odds of a wrong label after what was `decided`.

        Without decisions they are the audit's own, to the last bit.
        """
        known = ~np.isnan(self.log_odds[decided.positions])
        decided = Decided(*(np.asarray(part)[known] for part in decided))
        nothing = np.zeros(len(self.log_odds))
        if not known.any():
            return Learned(self.log_odds, nothing, nothing, nothing, nothing)
        start = log_odds(recalibrated(expit(self.log_odds), decided.positions, decided.wrong))
        parts = self._columns(decided, start)
        rows = np.hstack([part.at(decided.positions) for part in parts.values()])
        spread = np.concatenate([part.spread for part in parts.values()])
        weights = _fitted(rows, start[decided.positions], decided.wrong, spread)
        ends = np.cumsum([len(part.spread) for part in parts.values()])[:-1]
        moved = {
            name: part.times(own)
            for (name, part), own in zip(parts.items(), np.split(weights, ends), strict=True)
        }
        moved["overall"] = moved["overall"] + start - self.log_odds
        return Learned(self.log_odds + sum(moved.values(), start=nothing), **moved)

    def _columns(self, decided: Decided, start: np.ndarray) -> dict[str, "_Numbers | _Codes"]:
        x = start / SCALE
        parts: dict[str, _Numbers | _Codes] = dict(
            overall=_Numbers([np.ones(len(x)), x], [SHIFT, SLOPE]),
            parts=_Numbers(self._parts, [PART] * len(self._parts)),
            classes=self._classes(decided.positions),
            alike=_Numbers([], []),
        )
        if self._alike is not None:
            before = self._alike.before
            change = self._alike.margin(decided) - before
            parts["alike"] = _Numbers([STEEP * before, STEEP * change], [ALIKE, ALIKE])
        return parts

    def _classes(self, decided: np.ndarray) -> "_Codes":
        """Return a column for each class and pair that was decided on; 1 where a sample has it."""
        pairs = self.given * (self.n_classes + 1) + self.suggested
        codes = [pairs, self.given, self.suggested]
        return _Codes(codes, [np.unique(code[decided]) for code in codes], [PAIR, CLASS, CLASS])


class _Numbers(NamedTuple):
    """Columns (n,) of the regression, and the standard deviation of the weight of each."""

    columns: list[np.ndarray]
    spread: list[float]

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the columns at `positions` (k,): float (k, d)."""
        rows = [column[positions] for column in self.columns]
        return np.column_stack(rows) if rows else np.empty((len(positions), 0))

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum (n,) of the columns, each times its weight; 0 where there are none."""
        return np.asarray(sum(w * column for w, column in zip(weights, self.columns, strict=True)))


class _Codes(NamedTuple):
    """Codes (n,) that stand for columns of 0 and 1: one for each code that was `met`, sorted.

    There may be thousands of pairs of classes, so the columns themselves are never made.
    """

    codes: list[np.ndarray]
    met: list[np.ndarray]
    widths: list[float]

    @property
    def spread(self) -> list[float]:
        """Return the standard deviation of the weight of each column."""
        return [w for w, met in zip(self.widths, self.met, strict=True) for _ in met]

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the columns at `positions` (k,): float (k, d)."""
        both = zip(self.codes, self.met, strict=True)
        return np.hstack([code[positions, None] == met for code, met in both]).astype(np.float64)

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum (n,) of the columns, each times its weight."""
        own = np.split(weights, np.cumsum([len(met) for met in self.met])[:-1])
        total = np.zeros(len(self.codes[0]))
        for code, met, weight in zip(self.codes, self.met, own, strict=True):
            place = np.minimum(np.searchsorted(met, code), len(met) - 1)
            total += np.where(met[place] == code, weight[place], 0)
        return total


class LeftOut:
    """A classifier on features that is asked of samples it left out: a linear one, and look-alikes.

    `features` are as in `Prior`, and `given` (n,) int the classes. A linear classifier is fitted by
    least squares. What it says of a sample that it was not fitted on follows from one fit on all
    samples (Allen's PRESS statistic, 1974), so that it does not repeat a sample's own label, which
    may be wrong. By how much it misses the labels of a sample's look-alikes is added ("correct" in
    Huang et al., ICLR 2021), which finds what is true only of a small neighbourhood. In these
    misses the sample's own label has still a small part.
    """

    def __init__(self, features: Sequence[np.ndarray], given: np.ndarray, n_classes: int):
        self.given = given
        self.n_classes = n_classes
        self._rows = _directions(features)
        self._gram = (self._rows.T @ self._rows).astype(np.float64)
        self._solved = self._solve(self._gram)
        self._own = _own(self._solved, self._rows)
        self._alike, self._share = _look_alikes(self._rows[:, :-1])
        self.before = self.margin(Decided(*np.empty((3, 0), np.int64)))

    def margin(self, decided: Decided) -> np.ndarray:
        """Return by how much the best other class exceeds the given one: float (n,), about -2 to 2.

        Positive where another class is likelier. The `decided` samples have the label that was
        found right; where the right one is not known, they are left out of the fit. `before` is the
        margin without decisions.
        """
        said = self._said(*self._taught(decided))
        n = np.arange(len(said))
        given = said[n, self.given]
        said[n, self.given] = -np.inf
        return (said.max(1) - given) if self.n_classes > 1 else np.zeros(len(said))

    def _taught(self, decided: Decided) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels (n,) after what was `decided`, and the positions (m,) without one."""
        labels = self.given.copy()
        known = decided.right >= 0
        labels[decided.positions[known]] = decided.right[known]
        return labels, decided.positions[~known]

    def _said(self, labels: np.ndarray, without: np.ndarray) -> np.ndarray:
        """Return how far each class is said to be that of each sample: float32 (n, n_classes)."""
        targets = np.zeros((len(labels), self.n_classes), np.float32)
        targets[np.arange(len(labels)), labels] = 1
        targets[without] = 0
        solved, own = self._solved, self._own
        if len(without):
            left_out = self._rows[without]
            solved = self._solve(self._gram - left_out.T @ left_out)
            own = _own(solved, self._rows)
            own[without] = 0
        said = solved @ (self._rows.T @ targets)
        said = (said - own * targets) / (1 - own)  # without the sample's own label
        missed = targets - said
        missed[without] = 0
        for column, share in zip(self._alike.T, self._share.T, strict=True):
            said += share[:, None] * missed[column]
        return said

    def _solve(self, gram: np.ndarray) -> np.ndarray:
        """Return, for a fit with this `gram`, what is multiplied by rows.T @ targets: (n, d)."""
        inverse = np.linalg.inv(gram + PENALTY * np.eye(len(gram)))
        return np.asarray(self._rows @ inverse.astype(np.float32))


def _own(solved: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how far a sample's own label makes what is said of it: (n, 1), 0 to 1."""
    return np.clip(np.einsum("ij,ij->i", solved, rows), 0, 0.999)[:, None]


def _look_alikes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the look-alikes of each of `rows` (n, d), and the share of each: both (n, k).

    The shares of a sample add up to 1, and fall by a factor of e when the cosine similarity falls
    by 1 / `NEARNESS`. k is 0 with more than `MOST_COMPARED` samples, or with one.
    """
    positions, similarities = neighbourhoods(rows, LOOK_ALIKES if len(rows) <= MOST_COMPARED else 0)
    share = np.exp(NEARNESS * (similarities - similarities[:, :1]))
    return positions, share / share.sum(1, keepdims=True)


def _directions(features: Sequence[np.ndarray]) -> np.ndarray:
    """Return the main directions of all features side by side: float32 (n, d), with a constant.

    Each row of each network's features is centred and has length 1 before; together, their rows
    have at most length 1.
    """
    n = len(features[0])
    most = max(1, MOST_NUMBERS // max(n, 1) // len(features))
    found = np.empty((n, 0), np.float32)
    for rows in features:
        places = evenly(n, FITTED_ON)
        mean = np.asarray(rows[places], dtype=np.float32).mean(0)
        some = unit_rows(np.asarray(rows[places], dtype=np.float32) - mean)
        axes = _axes(some, min(DIRECTIONS, most, *some.shape))
        parts = [
            unit_rows(np.asarray(rows[start : start + ROWS_AT_ONCE], dtype=np.float32) - mean)
            @ axes
            for start in range(0, n, ROWS_AT_ONCE)
        ]
        found = np.hstack([found, np.concatenate(parts) / np.float32(np.sqrt(len(features)))])
    return np.hstack([found, np.full((n, 1), CONSTANT, np.float32)])


def _axes(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the `k` main directions of `rows` (n, d): orthonormal columns, float32 (d, k).

    By subspace iteration from fixed random directions (Halko, Martinsson and Tropp, SIAM Review
    2011), which takes a tenth of the time of an exact decomposition for 1,280 features.
    """
    found = np.random.default_rng(0).standard_normal((rows.shape[1], k)).astype(np.float32)
    for _ in range(ITERATIONS):
        found, _ = np.linalg.qr(rows.T @ (rows @ found))
    return found


def _scaled(values: np.ndarray) -> np.ndarray:
    """Return values (n,) with mean 0 and standard deviation 1; NaN, or a constant, becomes 0."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    centred = np.where(known, values, 0) - values[known].mean()
    spread = centred[known].std()
    return np.where(known, centred, 0) / spread if spread > 0 else np.zeros(len(values))


def _fitted(
    rows: np.ndarray, start: np.ndarray, wrong: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Return the weights (d,) with the highest posterior, by damped Newton steps from 0.

    `rows` (k, d) are the columns at the decided samples, `start` (k,) the audit's log-odds there,
    `wrong` (k,) bool what was found, and `spread` (d,) the prior's standard deviations. A decision
    is a slip with probability `SLIPS`, so that q = SLIPS + (1 - 2 SLIPS) p.
    """
    found = wrong.astype(np.float64)
    precision = spread**-2.0
    at = np.zeros(rows.shape[1])
    value = _misfit(rows, start, found, precision, at)
    for _ in range(STEPS):
        p = expit(start + rows @ at)
        q = SLIPS + (1 - 2 * SLIPS) * p
        slope = (1 - 2 * SLIPS) * p * (1 - p)
        downhill = rows.T @ ((q - found) / (q * (1 - q)) * slope) + precision * at
        curve = (rows.T * (slope**2 / (q * (1 - q)))) @ rows + np.diag(precision)
        step = np.linalg.solve(curve, downhill)
        while (new := _misfit(rows, start, found, precision, at - step)) > value:
            step = step / 2
            if np.abs(step).max() < CLOSE:
                return at
        at, value = at - step, new
        if np.abs(step).max() < CLOSE:
            break
    return at


def _misfit(
    rows: np.ndarray, start: np.ndarray, found: np.ndarray, precision: np.ndarray, at: np.ndarray
) -> float:
    """Return minus the logarithm of the posterior, up to a constant."""
    q = SLIPS + (1 - 2 * SLIPS) * expit(start + rows @ at)
    likelihood: Any = found @ np.log(q) + (1 - found) @ np.log1p(-q)
    return float(-likelihood + precision @ at**2 / 2)


assert 0 < NEAREST < 0.5 and 0 < SLIPS < 0.5, "logarithms of 0 must not occur"
