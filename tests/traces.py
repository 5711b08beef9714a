"""Traces made by hand or at random, without training: for the tests of all that reads a trace."""

from dataclasses import replace

import numpy as np
import pandas as pd

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odd import Odd
from o2u_nb.trace import Trace

NAN = np.nan


def make(
    loss, margin=None, pred=None, labels=None, phase=None, probs=None, classes=("x", "y", "z"),
    lr=None,
) -> Trace:  # fmt: skip
    """Make a trace of `loss` (n_epochs, n), all labels 0 and all epochs cyclic unless given."""
    loss = np.asarray(loss, np.float32)
    n_epochs, n = loss.shape
    return Trace(
        ids=pd.Index([f"s{i}" for i in range(n)], name="sample_id"),
        labels=np.zeros(n, int) if labels is None else np.asarray(labels),
        classes=list(classes),
        loss=loss,
        margin=-loss if margin is None else np.asarray(margin, np.float32),
        pred=np.where(np.isnan(loss), -1, 0) if pred is None else np.asarray(pred),
        lr=np.full(n_epochs, 0.1) if lr is None else np.asarray(lr, float),
        phase=np.array(phase or ["cyclic"] * n_epochs),
        mean_probs={} if probs is None else {"cyclic": np.asarray(probs, np.float32)},
    )


def odd_trace(loss, labels, pred=None, classes=("ant", "bee", "cat")) -> Trace:
    """Make a trace of `loss` (n_epochs, n) at ODD's high rate, which predicts the given labels."""
    loss = np.asarray(loss, np.float32)
    pred = np.broadcast_to(labels if pred is None else pred, loss.shape).astype(np.int32)
    return make(loss, pred=pred, labels=labels, phase=["high"] * len(loss), classes=classes)


def odd(trace: Trace, loss, simulated, percentile=50.0, epoch=1) -> Odd:
    """Make ODD's result for the mean losses (n,) and the simulated ones."""
    return Odd(trace, np.asarray(loss), np.asarray(simulated), percentile, epoch, "gaussian", "")


def random_trace(seed=0, n=30, n_epochs=6, n_classes=3, unseen=(), wrong=0) -> Trace:
    """Simulate a training in which the first `wrong` samples look like the next class.

    Two epochs of warm-up, then cyclic ones at random rates; `unseen` are never seen.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    truth = np.where(np.arange(n) < wrong, (labels + 1) % n_classes, labels)
    logits = rng.normal(size=(n_epochs, n, n_classes)) + 4 * np.eye(n_classes)[truth]
    logs = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    given_logits = np.take_along_axis(logits, np.tile(labels, (n_epochs, 1))[..., None], 2)[..., 0]
    others = np.where(np.eye(n_classes, dtype=bool)[labels], -np.inf, logits).max(2)
    loss = -np.take_along_axis(logs, np.tile(labels, (n_epochs, 1))[..., None], 2)[..., 0]
    pred, probs = logits.argmax(2), np.exp(logs).mean(0)
    loss[:, list(unseen)], pred[:, list(unseen)], probs[list(unseen)] = NAN, -1, NAN
    margin = np.where(np.isnan(loss), NAN, given_logits - others)
    phase = ["warmup"] * 2 + ["cyclic"] * (n_epochs - 2)
    rates = 0.1 * rng.uniform(0.2, 1, n_epochs)
    return make(loss, margin, pred, labels, phase, probs, lr=rates)


def planted(seed=0, n=900, n_classes=3, share=0.2) -> tuple[Trace, np.ndarray, np.ndarray]:
    """Simulate a training on planted noise that the network half learns; return trace and more.

    A `share` of the labels are those of the next class. At a low rate the network learns them by
    heart, and forgets them when the rate jumps; one clean sample in ten is as hard to tell from
    another class. Also returns embeddings (n, 8) around the centre of the true class, and who is
    wrong, bool (n,). Four epochs of warm-up, then two cycles of four.
    """
    rng = np.random.default_rng(seed)
    rates = np.array([0.1] * 4 + [0.1, 0.05, 0.02, 0.005] * 2)
    learned = np.array([0.0, 0.1, 0.1, 0.2] + [0.1, 0.4, 0.7, 1.0] * 2)  # share of by heart
    labels, wrong = rng.integers(0, n_classes, n), rng.random(n) < share
    truth = np.where(wrong, (labels + 1) % n_classes, labels)
    logits = rng.normal(size=(len(rates), n, n_classes))
    logits[:, np.arange(n), truth] += 3
    logits[:, wrong, labels[wrong]] += learned[:, None] * rng.uniform(0, 5, wrong.sum())
    hard = np.flatnonzero(~wrong & (rng.random(n) < 0.1))
    logits[:, hard, (truth[hard] + 1) % n_classes] += 3
    trace = of_logits(logits, labels, rates, ["warmup"] * 4 + ["cyclic"] * 8)
    centres = rng.normal(size=(n_classes, 8))
    return trace, centres[truth] + 1.5 * rng.normal(size=(n, 8)), wrong


def of_logits(logits, labels, rates, phase) -> Trace:
    """Make a trace of `logits` (n_epochs, n, n_classes) and given `labels` (n,)."""
    _, n, n_classes = logits.shape
    rows = np.arange(n)
    logs = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    others = np.where(np.eye(n_classes, dtype=bool)[labels], -np.inf, logits).max(2)
    cyclic = np.array(phase) == "cyclic"
    return make(
        -logs[:, rows, labels],
        logits[:, rows, labels] - others,
        logits.argmax(2),
        labels,
        phase,
        np.exp(logs)[cyclic].mean(0),
        classes=[f"class {k}" for k in range(n_classes)],
        lr=rates,
    )


def several_eyes(
    seed=0, n=60, wrong=12, unseen=((4,), (7,)), frozen=(False, True), clear=2.0
) -> Evidence:
    """Simulate eyes that look at the same samples, each with its own errors and embeddings.

    The first `wrong` samples look like the next class to all. Of each eye, `unseen` are the samples
    that it has not seen, and `frozen` whether it is a head on frozen features. The higher `clear`
    is, the fewer errors they make.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    truth = np.where(np.arange(n) < wrong, (labels + 1) % 3, labels)
    signal = clear * np.eye(3)[truth]
    found = [
        Evidence(replace(_look(rng, labels, signal, hidden), frozen=kept), rng.normal(size=(n, 4)),
                 eye=f"eye{k}")
        for k, (hidden, kept) in enumerate(zip(unseen, frozen, strict=True))
    ]  # fmt: skip
    return replace(found[0], others=tuple(found[1:]))


def _look(rng, labels, signal, unseen) -> Trace:
    logits = rng.normal(size=(6, len(labels), 3)) + signal
    trace = of_logits(logits, labels, np.full(6, 0.1), ["warmup"] * 2 + ["cyclic"] * 4)
    hidden = list(unseen)
    trace.loss[:, hidden], trace.margin[:, hidden], trace.pred[:, hidden] = NAN, NAN, -1
    trace.mean_probs["cyclic"][hidden] = NAN
    return trace
