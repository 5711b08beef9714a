"""Threshold samples: where to cut the area under the margin (AUM), learnt from planted errors.

In come a samples table and a function that makes a Learner; out comes, for each sample, by how much
its AUM lies below that of samples whose label is wrong on purpose. Pleiss, Zhang, Elenberg and
Weinberger, "Identifying Mislabeled Data using the Area Under the Margin Ranking", NeurIPS 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.scores import aum
from o2u_nb.errors import SourceError
from o2u_nb.trace import Trace
from o2u_nb.training.methods import plain
from o2u_nb.training.retrain import MakeLearner
from o2u_nb.training.schedule import largest_rate

EXTRA = "none of the classes"  # the label of threshold samples
EPOCHS = 24  # the authors have 150, at a constant rate of 0.1


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Hold what the runs found, in the order of the samples table.

    `aum` is float (n_runs, n_samples), logits, low = suspicious; `is_threshold`, bool of the same
    shape, tells the samples that had the extra label in that run. `cuts` (n_runs,) are the AUM
    below which a label is called wrong. `margin`, float (n_samples,), higher = more suspicious, is
    how far the AUM lies below the cut, in the run that speaks most for the label; NaN for a sample
    that was a threshold sample in every run.
    """

    aum: np.ndarray
    is_threshold: np.ndarray
    cuts: np.ndarray
    margin: np.ndarray

    @property
    def called_wrong(self) -> np.ndarray:
        """Return which labels every run calls wrong in which they were trained on: bool (n,)."""
        return self.margin > 0


def threshold_samples(
    samples: pd.DataFrame,
    learner: MakeLearner,
    *,
    runs: int = 2,
    percentile: float = 99.0,
    epochs: int = EPOCHS,
    lr: float | None = None,
    fit: Callable[[Learner], Trace] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Thresholds:
    """Train with an extra class of threshold samples, and say whose AUM is as low as theirs.

    In each of `runs`, some of the `samples` get the label of an extra class, which is wrong for all
    of them; the other samples keep theirs. There are as many as a class has on average, n / (number
    of classes + 1), drawn again for each run such that no sample is drawn twice, and never all of a
    class. A label is called wrong in a run when its AUM is below the `percentile`th percentile of
    theirs, and in all when every run in which it was trained on calls it wrong.

    `learner(train, held_out, seed)`, such as `heads.heads_on(features, samples)`, makes a Learner
    for a table with one class more. It is trained for `epochs` at the constant rate `lr` (default:
    what suits the Learner), as published, or by `fit(learn)`, which returns a trace. `seed`
    determines the draw and the Learners.
    `progress(done, total)` is called after each run. For a trace of the same samples in the same
    order, `score_table(..., measured={"threshold_margin": found.margin})` has the column.

    Raises `SourceError` when the samples are too few for so many runs, or the Learner trains on
    others, and `ValueError` for a number of `runs` or a `percentile` that cannot be.
    """
    if runs < 1 or not 0 <= percentile <= 100:
        raise ValueError(
            f"Expected at least one run and a percentile from 0 to 100, found {runs} and "
            f"{percentile}."
        )
    drawn = _draw(samples["label"], runs, np.random.default_rng(seed))
    fit = fit or (lambda learn: _plain(learn, epochs, lr))
    found = np.empty(drawn.shape)
    for run, extra in enumerate(drawn):
        found[run] = _aum_of(samples, extra, learner, fit, seed + run)
        if progress:
            progress(run + 1, runs)
    cuts, margin = below(found, drawn, percentile)
    return Thresholds(found, drawn, cuts, margin)


def below(
    aum: np.ndarray, is_threshold: np.ndarray, percentile: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cuts (n_runs,), and how far each sample's AUM lies below them (n_samples,).

    `aum` float and `is_threshold` bool are (n_runs, n_samples). Of several runs, the smallest
    distance counts, so that it is above 0 only where every run says so.
    """
    cuts = np.array(
        [np.percentile(row[mine], percentile) for row, mine in zip(aum, is_threshold, strict=True)]
    )
    distances = np.where(is_threshold, np.inf, cuts[:, None] - aum)
    nearest = distances.min(0)
    return cuts, np.where(np.isinf(nearest), np.nan, nearest)


def _draw(labels: pd.Series, runs: int, random: np.random.Generator) -> np.ndarray:
    """Return which samples get the extra label: bool (runs, n_samples), each in one run at most."""
    n, classes = len(labels), labels.unique()
    many = n // (len(classes) + 1)
    order = random.permutation(n)
    # The last of each class in the drawn order are spared, so that no class is lost.
    kept = ~labels.iloc[order].duplicated(keep="last").to_numpy()
    free = order[~kept]
    if not many or runs * many > len(free):
        raise SourceError(
            f"Expected at least {runs} x {max(1, many):,} samples that may get the extra label, "
            f"found {len(free):,} in {len(classes):,} classes: use more samples, or fewer runs."
        )
    drawn = np.zeros((runs, n), dtype=bool)
    for run in range(runs):
        drawn[run, free[run * many : (run + 1) * many]] = True
    return drawn


def _aum_of(samples, extra: np.ndarray, learner: MakeLearner, fit, seed: int) -> np.ndarray:
    name = EXTRA
    while (samples["label"] == name).any():
        name += "_"
    table = samples.assign(label=samples["label"].astype(object).mask(extra, name))
    ordinary = table[~extra]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        learn = learner(table, ordinary.iloc[:1], seed)  # nothing is read from the validation
        with learn.no_bar(), learn.no_logging():
            trace = fit(learn)
    if set(trace.ids) != set(samples.index):
        raise SourceError(
            f"Expected a Learner that trains on the {len(samples):,} samples of the table, found a "
            f"trace of {trace.n_samples:,} others: make its loaders from the table."
        )
    return -pd.Series(aum(Evidence(trace)), trace.ids)[samples.index].to_numpy()


def _plain(learn: Learner, epochs: int, lr: float | None) -> Trace:
    rate = largest_rate(learn) if lr is None else lr
    return plain.train(learn, [rate] * epochs)
