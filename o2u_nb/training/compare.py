"""Compare training methods and detectors on the same samples, noises and seeds.

In come samples with right labels; wrong ones are planted, or come with the samples and the truth
beside them. Out goes a `Comparison`: how well each method finds the wrong labels, and how well the
network that it trains does on held-out samples. The truth is read only to plant and to score.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from fastai.basics import Learner, accuracy
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

from o2u_nb.comparison import Comparison, Kept
from o2u_nb.data import noise as noises
from o2u_nb.data.duplicates import kept_together
from o2u_nb.data.groups import together
from o2u_nb.data.noise import Noise
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.registry import detector_named
from o2u_nb.detect.scores import o2u_mean
from o2u_nb.detect.table import detector_columns
from o2u_nb.errors import O2UError, SourceError
from o2u_nb.progress import Bars
from o2u_nb.training.catalogue import METHODS, TrainingMethod, method_named
from o2u_nb.training.heads import as_audited, heads_on
from o2u_nb.training.methods import o2u
from o2u_nb.training.probe.critical import near_boundary
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.probe.influence import influences
from o2u_nb.training.probe.tracin import TracIn
from o2u_nb.training.retrain import MakeLearner
from o2u_nb.training.schedule import largest_rate
from o2u_nb.training.thresholds import threshold_samples
from o2u_nb.training.trained import Trained
from o2u_nb.training.verbs import EPOCHS, usual_rates

GIVEN = "as given"  # the noise of samples whose labels are wrong already
INFLUENCES = {"self_influence", "valid_influence"}  # the detectors that `influences` measures
HELD_OUT = 0.2  # share of the samples on which accuracy is measured, if none are passed
TRUSTED = 10  # verified samples of each class that methods get which need some
USUAL = ("score", "o2u_mean", "aum", "forgetting")  # the detectors that are compared by default


def compare(
    samples: pd.DataFrame,
    methods: Sequence[str] | None = None,
    *,
    noise: Sequence[str] | Mapping[str, Noise] = ("symmetric 40 %",),
    seeds: Sequence[int] = (0, 1, 2),
    detectors: Sequence[str] = USUAL,
    truth: pd.Series | None = None,
    held_out: pd.DataFrame | None = None,
    features: np.ndarray | None = None,
    learner: MakeLearner | None = None,
    epochs: int = EPOCHS,
    processes: int = 1,
    out: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Train by each method, under each noise and with each seed, and return all figures.

    `samples` is a samples table whose labels are right; `noise` names what is planted in them, as
    `noise.named` takes it, such as "symmetric 40 %" or "none", or maps names to noises. With
    `truth`, the right label by `sample_id`, the labels of `samples` may be wrong, and the noise
    called "as given" plants nothing. For each of `seeds`, everything is done once. `methods` are
    names of `catalogue.METHODS` (default: all), and `detectors` names of detectors, which look at a
    cyclic training as an audit has it. For all methods the network, its initial weights, the number
    of `epochs` and the learning rates are the same; the detectors' training has the rates of an
    audit, and no longer a warm-up than an audit has, so with few samples it has fewer epochs.

    `features`, (n_samples, d) in the order of `samples`, are those of a frozen network: then heads
    are trained. Otherwise `learner(train, held_out, seed)` makes the Learners. `held_out` are
    samples with right labels on which accuracy is measured; by default it is a fifth of the
    samples, drawn again with each seed, in which no sample has a copy among those that are trained
    on: of files with the same bytes, and of samples with the same value in a column `group`, all
    are held out or none, see `data.duplicates.kept_together`. Methods that need verified samples
    get ten of each class.

    `processes` is how many trainings run at the same time, each in a process of its own. A head
    uses one core of the processor, so as many processes as there are cores are fastest, and the
    rows are the same; each process needs about a gigabyte of memory. Detectors that were
    registered in a notebook are known to its process alone: they need `processes=1`.

    With `out`, a folder, each row is written when it is known, and a comparison that was stopped
    goes on. `progress("methods", done, total)` is called after each training; by default a bar
    shows them, with the time left. Raises `O2UError` for unknown names, for less than one process
    or a folder with another comparison, `TypeError` without `features` and `learner` or with both,
    and what the methods raise.
    """
    if (features is None) == (learner is None):
        raise TypeError("Expected either `features` or a `learner`, one of the two.")
    require_known(methods or (), detectors)
    if processes < 1:
        raise O2UError(f"Expected at least one process, found processes={processes}.")
    chosen = [method_named(name) for name in methods or METHODS]
    kinds = _kinds(noise, samples, features, truth)
    make = learner or heads_on(features, samples)
    groups = kept_together(samples) if held_out is None else None
    settings = dict(
        samples=_fingerprint(samples, truth, held_out, groups),
        network=_network(features, make),
        epochs=epochs,
    )
    kept = Kept(out, settings)
    runs = [
        Run(name, seed, method, tuple(missing))
        for name in kinds
        for seed in seeds
        for method in (*chosen, None)
        if (
            missing := [
                one
                for one in (detectors if method is None else [method.name])
                if not kept.has(noise=name, seed=seed, method=one)
            ]
        )
    ]
    total = len(kinds) * len(seeds) * (len(chosen) + 1)

    def rows_of(run: Run) -> list[dict]:
        task = _task(samples, kinds[run.noise], run.seed, truth, held_out, groups)
        return _rows(run, task, make, epochs)

    with Bars() as bars:
        tell = progress or bars
        tell("methods", total - len(runs), total)
        found = _in_processes(rows_of, runs, processes)
        for done, rows in enumerate(found, start=total - len(runs) + 1):
            kept.add(rows)
            tell("methods", done, total)
    return kept.comparison


class Run(NamedTuple):
    """One training: under a `noise`, with a `seed`, by a `method`; None trains for detectors.

    `names` are the methods or detectors whose rows come of it.
    """

    noise: str
    seed: int
    method: TrainingMethod | None
    names: tuple[str, ...]


def _in_processes(
    work: Callable[[Run], list[dict]], runs: Sequence[Run], processes: int
) -> Iterator[list[dict]]:
    """Do `work` on each of `runs`, so many at a time, and return the results in order."""
    if processes == 1 or len(runs) < 2:
        return map(work, runs)
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(processes, len(runs)), return_as="generator")
    return parallel(delayed(work)(run) for run in runs)


@dataclass(frozen=True, eq=False)
class Task:
    """Hold the samples to `train` on, the right labels of these (`truth`), and the `held_out`."""

    train: pd.DataFrame
    truth: pd.Series
    held_out: pd.DataFrame
    seed: int

    @property
    def wrong(self) -> np.ndarray:
        """Return which labels are wrong: bool (n_samples,), in the order of `train`."""
        return (self.train["label"] != self.truth).to_numpy()

    @property
    def rate(self) -> float:
        """Return the share of wrong labels, as realised."""
        return float(self.wrong.mean())

    @property
    def trusted(self) -> pd.Series:
        """Return the right labels of `TRUSTED` samples of each class, by id, drawn at random."""
        random = np.random.default_rng([self.seed, 1])  # not the draws that planted the noise
        order = self.truth.iloc[random.permutation(len(self.truth))]
        return order.groupby(order, sort=True).head(TRUSTED)


def _task(
    samples: pd.DataFrame,
    kind: Noise | None,
    seed: int,
    truth: pd.Series | None,
    held_out: pd.DataFrame | None,
    groups: np.ndarray | None = None,
) -> Task:
    """Plant the noise; without `held_out`, hold a fifth out, of `groups` all samples or none."""
    right = samples["label"] if truth is None else truth.reindex(samples.index)
    rows = np.zeros(len(samples), dtype=bool)
    if held_out is None:
        rows = together(_apart(right, seed), groups)
        held_out = samples[rows].assign(label=right[rows])
    train, right = samples[~rows], right[~rows]
    if kind is not None:
        train = noises.plant(train, kind, seed=seed).samples
    return Task(train, right, held_out, seed)


def _apart(labels: pd.Series, seed: int) -> np.ndarray:
    """Draw a fifth of each class: bool (n_samples,)."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    _, drawn = train_test_split(rows, test_size=HELD_OUT, stratify=labels, random_state=seed)
    return np.isin(rows, drawn)


def _rows(run: Run, task: Task, make: MakeLearner, epochs: int) -> list[dict]:
    """Carry out a training, and return its rows."""
    if run.method is None:
        found = _detect(task, make, epochs, run.names)
    else:
        found = [_train(task, run.method, make, epochs)]
    return [{"noise": run.noise, "rate": task.rate, "seed": run.seed, **row} for row in found]


def _train(task: Task, method: TrainingMethod, make: MakeLearner, epochs: int) -> dict:
    """Train by `method`, and return its row."""
    options = dict(trusted=task.trusted) if method.trusted else {}
    with _learner(task, make) as learn:
        started = time.perf_counter()
        trained = method.fit(learn, usual_rates(learn, epochs), **options)
        seconds = time.perf_counter() - started
        learn.metrics = accuracy
        correct = float(learn.validate()[1])
    own = _ranking(suspicion(trained), task.wrong)
    return dict(method=method.name, kind="training", **own, accuracy=correct, seconds=seconds)


def _detect(task: Task, make: MakeLearner, epochs: int, names: Sequence[str]) -> list[dict]:
    """Train as an audit does, and return a row for each of the detectors `names`."""
    measured = {}
    with _learner(task, make) as learn:
        tracin = TracIn() if "tracin" in names else None
        trace = o2u.swing(learn, epochs, lr=largest_rate(learn), cbs=tracin, **as_audited(learn))
        if tracin:
            measured["tracin"] = tracin.influence
        if INFLUENCES & set(names):
            measured |= influences(learn)
        if "near_boundary" in names:
            measured["near_boundary"] = near_boundary(learn)
        embeddings = embed(learn)
        if "threshold_margin" in names:
            found = threshold_samples(task.train, make, epochs=epochs, seed=task.seed)
            measured["threshold_margin"] = found.margin
    evidence = Evidence(trace, embeddings, measured=measured)
    columns = detector_columns(evidence, names)
    return [
        dict(method=name, kind="detector", **_ranking(columns[name].to_numpy(), task.wrong))
        for name in names
    ]


@contextmanager
def _learner(task: Task, make: MakeLearner) -> Iterator[Learner]:
    """Make a Learner with the random draws of the task, which trains without bars."""
    with torch.random.fork_rng():
        torch.manual_seed(task.seed)
        learn = make(task.train, task.held_out, task.seed)
        with learn.no_bar(), learn.no_logging():
            yield learn


def suspicion(trained: Trained) -> np.ndarray:
    """Return how suspicious each sample is to a method: float (n_samples,), higher = more.

    It is the method's own suspicion, or for a method that is not a detector the mean of the loss
    over the epochs to rank by.
    """
    if trained.suspicion is not None:
        return trained.suspicion
    return o2u_mean(Evidence(trained.trace))


def _ranking(values: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """Compare a ranking with the truth; NaN where no label is wrong, or all are."""
    from sklearn.metrics import average_precision_score

    count = int(wrong.sum())
    if not 0 < count < len(wrong):
        return dict(average_precision=np.nan, precision_at_count=np.nan)
    known = np.nan_to_num(values, nan=-np.inf)
    places = np.unique(known, return_inverse=True)[1]  # what is not known comes last
    top = np.argsort(-known, kind="stable")[:count]
    return dict(
        average_precision=float(average_precision_score(wrong, places)),
        precision_at_count=float(wrong[top].mean()),
    )


def _kinds(
    noise: Sequence[str] | Mapping[str, Noise],
    samples: pd.DataFrame,
    features: np.ndarray | None,
    truth: pd.Series | None,
) -> dict[str, Noise | None]:
    """Return the noises by name; None where nothing is planted."""
    if isinstance(noise, Mapping):
        return dict(noise)
    table = None if features is None else pd.DataFrame(features, index=samples.index)
    found: dict[str, Noise | None] = {}
    for name in noise:
        if name == GIVEN and truth is None:
            raise O2UError(f"The noise {GIVEN!r} needs `truth`, the right label of each sample.")
        found[name] = None if name == GIVEN else noises.named(name, table)
    return found


def require_known(methods: Sequence[str], detectors: Sequence[str]) -> None:
    """Raise `O2UError`, which names the nearest, for a method or a detector that is not there."""
    for name in methods:
        method_named(name)
    for name in detectors:
        detector_named(name)
        if name in METHODS:
            raise O2UError(f"{name!r} is a training method as well: rename the detector.")


def _network(features: np.ndarray | None, make: MakeLearner) -> str:
    """Say what is trained, so that rows of another network are noticed: a hash, or a name."""
    if features is None:
        return getattr(make, "__qualname__", type(make).__name__)
    rows = np.ascontiguousarray(features)
    return f"head on {rows.shape[1]} features, {hashlib.sha256(rows).hexdigest()[:16]}"


def _fingerprint(
    samples: pd.DataFrame,
    truth: pd.Series | None,
    held_out: pd.DataFrame | None,
    groups: np.ndarray | None,
) -> str:
    """Return a hash of ids, labels and groups, by which other samples or splits are noticed.

    `groups` (n_samples,) int count only where some samples are in one.
    """
    if truth is not None and truth.reindex(samples.index).isna().any():
        raise SourceError("Expected a right label for every sample in `truth`; some are missing.")
    parts: list[Any] = [samples["label"], truth, None if held_out is None else held_out["label"]]
    digest = hashlib.sha256()
    for labels in parts:
        if labels is not None:
            digest.update(pd.util.hash_pandas_object(labels.astype(object)).to_numpy().tobytes())
    if groups is not None and len(np.unique(groups)) < len(groups):
        digest.update(groups.astype(np.int64).tobytes())
    return digest.hexdigest()[:16]
