"""The losses of robust training: in come logits and labels, out goes the loss of each sample.

`logits` are float (n, n_classes) and `labels` int (n,), positions in the classes. All functions
return float (n,), and gradients flow through them.
"""

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
