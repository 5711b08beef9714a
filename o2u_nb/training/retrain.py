"""Does cleaning help? Train on the labels before and after it, and compare on held-out pictures.

In come samples tables; out goes a table of accuracies. This is stage 3 of O2U-Net (Huang et al.,
ICCV 2019), except that both networks start from the same initial weights. The authors continue from
a checkpoint that has already memorised the wrong labels.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import torch
from fastai.basics import Learner, accuracy
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
from fastai.callback.schedule import fit_one_cycle  # noqa: F401  patches Learner

from o2u_nb.errors import O2UError, SourceError
from o2u_nb.presets import PRESETS
from o2u_nb.progress import PATIENCE, Bars
from o2u_nb.training.catalogue import METHODS, method_named
from o2u_nb.training.fitting import sgd
from o2u_nb.training.job import batch_size
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.methods import Method
from o2u_nb.training.methods.odd import HIGH_SHARE
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.schedule import high_then_low, largest_rate
from o2u_nb.training.trusted import NONE_TRUSTED, TrustedLabels, ids_of

# Makes a Learner from training samples, held-out samples to validate on, and a seed.
MakeLearner = Callable[[pd.DataFrame, pd.DataFrame, int], Learner]


def retrain(
    before: pd.DataFrame,
    after: pd.DataFrame,
    held_out: pd.DataFrame,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 12,
    lr: float | None = None,
    network: Callable[[int], torch.nn.Module] | None = None,
    learner: MakeLearner | None = None,
    method: Method | str | None = None,
    trusted: TrustedLabels = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Train on `before` and on `after`, and return the accuracy of each on `held_out`.

    All three are samples tables. `held_out` must not share samples with the others, and its labels
    should have been checked independently of this audit. For each of `seeds` both networks get the
    same initial weights and the same number of `epochs`, by default with one cycle of the learning
    rate up to `lr` (default: 0.05, or for a head its own rate). `network` makes a network for a
    number of classes; by default it is that of the standard preset. `learner(samples, held_out,
    seed)`, if given, makes the whole Learner instead, as `heads.heads_on(features, samples)` does
    for heads on features. `method`, a name of the catalogue such as "odd" or one of
    `training/methods` such as `odd.train`, replaces the default training: then a third of the
    epochs have the rate `lr`, and in the others it falls along a cosine. `trusted` are the verified
    samples of both training sets for a method that needs some, such as "reweight": ids whose labels
    are right, or right labels by id, as `review.verified.verified` reads them from decisions or
    from a file. `progress(done, total)` is called after each epoch, with the epochs done and those
    of all trainings; by default a bar shows them.

    Returns a table indexed by `seed` with the columns `before` and `after`: the accuracy on
    `held_out`, 0 to 1. `.agg(["mean", "std"])` gives its mean and standard deviation.

    Raises `SourceError` when a class of `held_out` is not in a training set, or samples are shared;
    `TypeError` for a `network` beside a `learner`; and `O2UError` for a `method` that is not there,
    for one that needs trusted samples and gets none, and for trusted samples that the method does
    not need or that are not in both training sets.
    """
    _require_apart(before, after, held_out)
    if network and learner:
        raise TypeError("Expected a network or a learner, found both: a learner has its network.")
    make = learner or partial(on_pictures, network=network or _standard)
    if not isinstance(trusted, pd.Series | pd.DataFrame | None):
        trusted = list(trusted)  # it is asked for in each training
    _require_among(trusted, before, after)
    method = _chosen(method, trusted)
    fit = partial(_fit, epochs=epochs, lr=lr, method=method)
    with Bars(delay=PATIENCE) as bars:
        progress = progress or partial(bars, "retraining, epochs")
        count = CountEpochs(progress, 2 * len(seeds) * epochs)
        rows = {
            seed: {
                name: _accuracy(samples, held_out, seed, partial(fit, count=count), make)
                for name, samples in {"before": before, "after": after}.items()
            }
            for seed in seeds
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def _chosen(method: Method | str | None, trusted: TrustedLabels) -> Method | None:
    """Return the function of a method, which also passes it the trusted samples.

    Names are looked at before anything is trained: whether the method needs trusted samples.
    """
    if isinstance(method, str):
        found = method_named(method)
        if found.trusted and (trusted is None or not len(ids_of(trusted))):
            raise O2UError(NONE_TRUSTED)
        if trusted is not None and not found.trusted:
            need = " or ".join(repr(other.name) for other in METHODS.values() if other.trusted)
            raise O2UError(f"The method {found.name!r} takes no trusted samples; {need} does.")
        method = found.train
    if trusted is None:
        return method
    if method is None:
        raise O2UError("Found trusted samples without a method that takes them: pass method=.")
    train: Callable = method  # one that takes trusted samples, as was checked above
    return partial(train, trusted=trusted)


class CountEpochs(Callback):
    """Call `progress(done, total)` after each epoch, over several trainings."""

    def __init__(self, progress: Callable[[int, int], None], total: int):
        self.progress = progress
        self.total = total
        self.done = 0

    def after_epoch(self):
        """Count the epoch and report it; a method may have more of them than were asked for."""
        self.done = min(self.done + 1, self.total)
        self.progress(self.done, self.total)


def _fit(
    learn: Learner, *, epochs: int, lr: float | None, method: Method | None, count: CountEpochs
) -> None:
    lr = largest_rate(learn) if lr is None else lr
    with learn.added_cbs(count):
        if method is None:
            learn.fit_one_cycle(epochs, lr)
        else:
            method(learn, high_then_low(epochs, lr=lr, high=round(epochs * HIGH_SHARE)))


def _accuracy(samples, held_out, seed, fit, make) -> float:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        learn = make(samples, held_out, seed)
        learn.metrics = accuracy
        with learn.no_bar(), learn.no_logging():
            fit(learn)
            return float(learn.validate()[1])


def _standard(n_classes: int) -> torch.nn.Module:
    return CompactResNet(n_classes, widths=PRESETS["standard"].widths)


def on_pictures(
    samples: pd.DataFrame,
    held_out: pd.DataFrame,
    seed: int,
    *,
    network: Callable[[int], torch.nn.Module] = _standard,
) -> Learner:
    """Return a Learner for a network from scratch on the pictures of `samples`.

    It is validated on `held_out`. `network` makes one for a number of classes, by default that of
    the standard preset.
    """
    bs = batch_size(len(samples), most=PRESETS["standard"].bs)
    dls = dataloaders(samples, valid=held_out, bs=bs, seed=seed)
    loss = torch.nn.CrossEntropyLoss()
    return Learner(dls, network(len(dls.vocab)), loss_func=loss, opt_func=sgd)


def _require_among(trusted: TrustedLabels, before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Raise `O2UError` unless the trusted samples are in both training sets."""
    if trusted is None:
        return
    ids = ids_of(trusted)
    for name, samples in {"before": before, "after": after}.items():
        absent = ids.difference(samples.index)
        if len(absent):
            raise O2UError(
                f"Expected trusted samples that are trained on; {len(absent):,} of {len(ids):,} "
                f"are not in the set {name!r}, such as {absent[0]!r}. Leave them out: "
                f"trusted[trusted.index.isin({name}.index)]."
            )


def _require_apart(before, after, held_out) -> None:
    shared = held_out.index.intersection(before.index.union(after.index))
    if len(shared):
        raise SourceError(
            f"Expected held-out samples that are not trained on; {len(shared):,} are, such as "
            f"{shared[0]!r}. Take them out of one of the two."
        )
