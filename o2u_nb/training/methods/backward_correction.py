"""Backward correction: the losses of all classes go through the inverse of a transition matrix.

In come a Learner and a rate per epoch; out goes a `Trained`. Patrini, Rozza, Menon, Nock and Qu,
"Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach", CVPR 2017.
"""

from collections.abc import Callable, Sequence

import numpy as np
from fastai.basics import Learner

from o2u_nb.training.corrected import fit_corrected
from o2u_nb.training.losses import backward_corrected
from o2u_nb.training.trained import Trained, traced


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    warmup: int | None = None,
    estimator: str = "confident_joint",
    say: Callable[[str], None] = print,
    **common,
) -> Trained:
    """Train plainly, estimate the transition matrix T, and train on with the backward loss.

    The options, what is returned and what is not as published are those of
    `forward_correction.fit`, and the loss is `losses.backward_corrected`. Forward correction is
    steadier, and a poor T costs it less.

    Not as published either: a batch whose mean loss is negative does not train. The loss has no
    lower bound, so that a network that memorises the labels would make it ever smaller, until its
    numbers overflow. On labels that it has not memorised, the expected loss cannot be negative.
    """
    return fit_corrected(
        learn,
        rates,
        backward_corrected,
        np.linalg.inv,
        method="backward_correction",
        warmup=warmup,
        estimator=estimator,
        say=say,
        **common,
    )


train = traced(fit)
