"""Forward correction: the softmax goes through an estimated transition matrix before the loss.

In come a Learner and a rate per epoch; out goes a `Trained`. Patrini, Rozza, Menon, Nock and Qu,
"Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach", CVPR 2017.
"""

from collections.abc import Callable, Sequence

import numpy as np
from fastai.basics import Learner

from o2u_nb.training.corrected import fit_corrected
from o2u_nb.training.losses import forward_corrected
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
    """Train plainly, estimate the transition matrix T, and train on with the forward loss.

    The first `warmup` epochs (default: a third) train with the Learner's own loss. Then `estimator`
    makes T from a clean pass: "confident_joint", or "anchor_points", as published; see
    `detect.transition`. If T is nearly singular, some of the identity is blended into it, and `say`
    is called with a sentence. The other epochs train with `losses.forward_corrected`. The `probs`
    are the probability of each class given picture and label, and the suspicion is 1 - p_y T_yy /
    sum_j p_j T_jy, 0 to 1. See `methods` for the other options.

    Not as published: T comes from the confident joint, which was nearer to the planted noise in all
    our trials on heads, because a network that has learnt too little or memorised too much misleads
    it less; the second stage goes on with the network of the first one, where the paper trains a
    new one; and the suspicion is ours.
    """
    return fit_corrected(
        learn,
        rates,
        forward_corrected,
        np.asarray,
        method="forward_correction",
        warmup=warmup,
        estimator=estimator,
        say=say,
        **common,
    )


train = traced(fit)
