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
    if not 0 < q <= 1:
        raise ValueError(f"Expected q above 0 and at most 1, found {q}: 0.7 is the paper's.")
    log_p = F.log_softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]
    return -torch.expm1(q * log_p) / q  # the same as (1 - p^q) / q, exact also where p is near 1


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
