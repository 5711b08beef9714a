"""The trainings on frozen features: in comes a `Task`, out comes what scores are made of.

All share the features of one pretrained network, which are computed once for a set. `head` leaves a
trace and embeddings, `head-plain` a trace, `head-folds` the probabilities of held-out samples, and
`neighbours` the nearest of each sample, by which those that train nothing vote. Rates and the
strength of the penalty were chosen for each on seed 0, by average precision.
"""

from pathlib import Path

import numpy as np
from fastai.basics import Learner

from benchmarks.detection.trainings import N_FOLDS, Passes, Task, one_cycle
from o2u_nb.detect.neighbours import VOTERS, neighbourhoods
from o2u_nb.training import job
from o2u_nb.training.heads import as_audited, head_learner
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.probe.embed import embed
from o2u_nb.training.recorder import DynamicsRecorder

# Largest rate of one cycle. AUM's average precision with .001, .002, .005 and .01 in 26 epochs:
# waste-sym10 .904, .903, .883, .855; waste-class10 .688, .713, .734, .718; cifar-aggre .599, .604,
# .592, .571.
PLAIN_RATE = 0.002
# scikit-learn's C. Average precision of self-confidence with .01, .1 and 1: waste-sym10 .911, .872,
# .831; of the normalised margin: waste-class10 .750, .679, .625. Standardised features: no better.
INVERSE_PENALTY = 0.01
MOST_ITERATIONS = 300  # it converges earlier on waste-sym10 and cifar-aggre


def head(task: Task, folder: Path) -> Passes:
    """Train a head with O2U-Net's phases, as an audit does; keep the trace and the embeddings."""
    learn = linear_head(task)
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(
            **job.HEAD_EPOCHS,
            **as_audited(learn),
            out=folder / "trace",
            overwrite=True,
            stop_early=job.STOP_EARLY,
        )
    np.save(folder / "embeddings.npy", embed(learn))
    return Passes(evaluation=1, lr=learn.largest_rate)


def plain(task: Task, folder: Path) -> Passes:
    """Train a head once with one cycle, for as many epochs; keep the trace."""
    recorder = DynamicsRecorder(folder / "trace", overwrite=True)
    learn = linear_head(task)
    epochs = {**as_audited(learn), **job.HEAD_EPOCHS}
    n_epochs = epochs["warmup"] + epochs["cycles"] * epochs["cycle"]
    one_cycle(learn, n_epochs, PLAIN_RATE, cbs=recorder)
    return Passes(evaluation=1, lr=PLAIN_RATE)


def folds(task: Task, folder: Path) -> Passes:
    """Predict each fifth by logistic regression on the others; keep every sample's softmax."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_ITERATIONS)
    split = StratifiedKFold(N_FOLDS, shuffle=True, random_state=task.seed)
    features, labels = task.features.astype(np.float32), task.samples["label"].to_numpy(str)
    probs = cross_val_predict(model, features, labels, cv=split, method="predict_proba")
    np.save(folder / "probs.npy", probs.astype(np.float32))
    return Passes(evaluation=1)


def neighbours(task: Task, folder: Path) -> Passes:
    """Train nothing; keep the positions of the nearest, and their cosine similarities."""
    found = neighbourhoods(task.features, VOTERS)
    for name, values in zip(("neighbours", "similarities"), found, strict=True):
        np.save(folder / f"{name}.npy", values)
    return Passes(evaluation=1)


def linear_head(task: Task) -> Learner:
    """Build a head as an audit does, with the draws of this task."""
    return head_learner(task.features, task.samples, bs=job.HEAD_BATCH, seed=task.seed)


TRAININGS = {"head": head, "head-plain": plain, "head-folds": folds, "neighbours": neighbours}
