"""Verification in the manner of CleanNet: does a sample look like the class that its label names?

In come features, given labels and some verified samples; out goes the similarity of each sample to
the prototype of each class. Lee, He, Zhang and Yang, "CleanNet: Transfer Learning for Scalable
Image Classifier Training with Label Noise", CVPR 2018.
"""

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional as F

from o2u_nb.rows import evenly
from o2u_nb.training.trusted import Trusted

REFERENCES = 32  # reference features of each class, as in the paper's code
MARGIN = 0.1  # similarity above which a sample counts as one of the class; as published
NEGATIVE = 5.0  # weight of pairs that do not match; as published
BETA = GAMMA = 0.1  # weights of reconstruction and of unverified samples; as published
# The width of the code, steps, unverified samples in a step and Adam's rate are our choice: a
# fraction of the published size, which suits features of a network that is trained already.
WIDTH, STEPS, AT_ONCE, RATE = 128, 60, 128, 0.004
FOCUS = 5.0  # how sharply the attention starts, our choice
MOST = 2000  # samples of a class whose references are looked for, our choice


def similarities(
    features: np.ndarray, labels: np.ndarray, n_classes: int, trusted: Trusted, *, seed: int = 0
) -> np.ndarray:
    """Return the similarity of each sample to each class: float32 (n, n_classes), -1 to 1.

    `features` is float32 (n, d) with rows of length 1, `labels` (n,) int are the given labels.
    The classes are represented by `references`. A code is learnt in which verified samples are
    similar to the prototypes of their right classes and, but for `MARGIN`, not to others. `seed`
    determines it, and torch's global random state stays as it is.
    """
    x = torch.as_tensor(features)
    kept = torch.as_tensor(references(features, labels, n_classes, seed=seed))
    rows = torch.as_tensor(trusted.rows)
    right = torch.as_tensor(trusted.labels)
    context = verified_means(x[rows], right, kept)
    given = torch.as_tensor(labels).long()
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = CleanNet(x.shape[1])
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    for _ in range(STEPS):
        some = torch.randint(len(x), (AT_ONCE,), generator=random)
        prototypes = net.prototypes(kept, context)
        verified = verified_loss(net.similarity(x[rows], prototypes), right)
        others = net.similarity(x[some], prototypes).gather(1, given[some, None])[:, 0]
        loss = verified + GAMMA * unverified_loss(others) + BETA * net.reconstruction(x[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return net.similarity(x, net.prototypes(kept, context)).numpy()


def references(
    features: np.ndarray, labels: np.ndarray, n_classes: int, *, seed: int = 0
) -> np.ndarray:
    """Return `REFERENCES` features for each class: float32 (n_classes, REFERENCES, d).

    They are the centres that k-means finds among the samples with this given label, right or wrong;
    a class with fewer samples has each of them, some several times. A class without samples has
    zeros.
    """
    found = np.zeros((n_classes, REFERENCES, features.shape[1]), dtype=np.float32)
    for label in range(n_classes):
        members = np.flatnonzero(labels == label)
        rows = features[members[evenly(len(members), MOST)]]
        if len(rows) > REFERENCES:
            rows = KMeans(REFERENCES, n_init=1, random_state=seed).fit(rows).cluster_centers_
        if len(rows):
            found[label] = rows[np.arange(REFERENCES) % len(rows)]
    return found


def verified_means(features: torch.Tensor, right: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Return the mean of the verified `features` (k, d) of each class: (n_classes, d).

    `right` (k,) int are the classes. For a class without verified samples it is the mean of its
    references `kept` (n_classes, REFERENCES, d).
    """
    of_class = F.one_hot(right, len(kept)).to(features.dtype)
    count = of_class.sum(0)[:, None]
    return torch.where(count > 0, of_class.T @ features / count.clamp_min(1), kept.mean(1))


def verified_loss(similarity: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the loss of verified samples, a scalar: 0 where all are told apart.

    `similarity` is (k, n_classes), `right` (k,) int. For the right class it is 1 - similarity, and
    for each other class what the similarity exceeds `MARGIN` by, times `NEGATIVE`. The
    paper verifies only the given label; here the right one is known, so that all others are
    pairs that do not match.
    """
    matches = F.one_hot(right, similarity.shape[1]).bool()
    others = (similarity[~matches] - MARGIN).clamp_min(0)
    return (1 - similarity[matches]).mean() + NEGATIVE * others.sum() / max(1, others.numel())


def unverified_loss(similarity: torch.Tensor) -> torch.Tensor:
    """Return the loss of unverified samples, a scalar.

    `similarity` (n,) is that to the given classes. Samples above `MARGIN` are taken for ones of the
    class, and have the loss 1 - similarity; others have none. That this is the
    paper's form is unconfirmed.
    """
    return torch.where(similarity > MARGIN, 1 - similarity, 0).mean()


class CleanNet(nn.Module):
    """Code features (n, d), and tell how similar they are to the prototypes of classes.

    The prototype of a class is the mean of the codes of its references, weighted by attention. As
    published are attention, cosine and reconstruction. Not as published: one linear layer codes
    both samples and references, where the paper has two deeper networks; and references are
    attended to as far as they are similar to the verified samples of their class, since attention
    that knows no class cannot tell which references belong to it.
    """

    def __init__(self, d: int):
        super().__init__()
        self.code = nn.Linear(d, min(d, WIDTH), bias=False)
        self.decode = nn.Linear(min(d, WIDTH), d, bias=False)
        self.focus = nn.Parameter(torch.tensor(FOCUS))
        nn.init.orthogonal_(self.code.weight)
        with torch.no_grad():
            self.decode.weight.copy_(self.code.weight.T)

    def prototypes(self, kept: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return the prototypes (n_classes, width) of length 1.

        `kept` (n_classes, r, d) are the references, `context` (n_classes, d) the verified means.
        """
        codes = F.normalize(self.code(kept), dim=2)
        wanted = F.normalize(self.code(context), dim=1)
        attention = (self.focus * (codes @ wanted[:, :, None])).softmax(1)
        return F.normalize((attention * codes).sum(1), dim=1)

    def similarity(self, x: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
        """Return the cosine of each of `x` (n, d) with each prototype: (n, n_classes)."""
        return F.normalize(self.code(x), dim=1) @ prototypes.T

    def reconstruction(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean squared length of what the code of `x` (n, d) loses, a scalar."""
        return (self.decode(self.code(x)) - x).square().sum(1).mean()
