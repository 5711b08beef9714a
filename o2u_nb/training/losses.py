"""The losses of robust training: in come logits and labels, out goes the loss of each sample.

`logits` are float (n, n_classes) and `labels` int (n,), positions in the classes. The functions
return float (n,) unless they say otherwise, and gradients flow through them.
"""

import math

import torch
from torch.nn import functional as F


def generalised_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, *, q: float = 0.7
) -> torch.Tensor:
    """Return L_q = (1 - p^q) / q, where p is the softmax of the given label.

    For `q` near 0 it is cross entropy, for `q` = 1 it is 1 - p, half the mean absolute error. Its
    gradient is p^q times that of cross entropy, so that labels which the network doubts count less.
    Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy
    Labels", NeurIPS 2018, equation 6. Raises `ValueError` for a `q` outside of (0, 1].
    """
    require_q(q)
    log_p = F.log_softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]
    return -torch.expm1(q * log_p) / q  # the same as (1 - p^q) / q, exact also where p is near 1


def require_q(q: float) -> None:
    """Raise `ValueError` unless `q` is one of `generalised_cross_entropy`."""
    if not 0 < q <= 1:
        raise ValueError(f"Expected q above 0 and at most 1, found {q}: 0.7 is the paper's.")


def forward_corrected(
    logits: torch.Tensor, labels: torch.Tensor, transition: torch.Tensor
) -> torch.Tensor:
    """Return -log sum_i p_i T_iy: cross entropy after the softmax p went through the matrix T.

    `transition` is T, float (n_classes, n_classes), the probability of each given label (columns)
    for each right one (rows). The softmax then models the right label. Patrini et al., "Making Deep
    Neural Networks Robust to Label Noise: a Loss Correction Approach", CVPR 2017, theorem 2.
    """
    smallest = torch.finfo(transition.dtype).tiny  # for a given label that T makes impossible
    likelihood = transition.clamp_min(smallest).log().T[labels]
    return -torch.logsumexp(F.log_softmax(logits, dim=1) + likelihood, dim=1)


def backward_corrected(
    logits: torch.Tensor, labels: torch.Tensor, inverse: torch.Tensor
) -> torch.Tensor:
    """Return sum_j (T^-1)_yj l_j, where l_j is the cross entropy of class j.

    `inverse` is T^-1, float (n_classes, n_classes); for T see `forward_corrected`. The expectation
    over the given labels is the cross entropy of the right label, but single values may be
    negative. Patrini et al., CVPR 2017, theorem 1.
    """
    return -(inverse[labels] * F.log_softmax(logits, dim=1)).sum(1)


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of the softmax, float (n,), nats: 0 where the network is sure."""
    log_p = F.log_softmax(logits, dim=1)
    return -(log_p.exp() * log_p).sum(1)


def prior_divergence(logits: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Return the divergence of the mean softmax of the batch from `prior`, a scalar, nats.

    It is the sum over the classes k of prior_k log(prior_k / mean_k), 0 when both are equal.
    `prior` (n_classes,) are probabilities; a class with the prior 0 adds nothing. Tanaka et al.,
    "Joint Optimization Framework for Learning with Noisy Labels", CVPR 2018, the loss L_p.
    """
    log_mean = F.log_softmax(logits, dim=1).logsumexp(0) - math.log(len(logits))
    return (torch.xlogy(prior, prior) - prior * log_mean).sum()
