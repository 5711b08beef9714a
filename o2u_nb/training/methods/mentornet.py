"""MentorNet: a curriculum of weights, which a small second network learns or a percentile sets.

In come a Learner and a rate per epoch; out goes a `Trained`. Jiang, Zhou, Leung, Li and Fei-Fei,
"MentorNet: Learning Data-Driven Curriculum for Very Deep Neural Networks on Corrupted Labels",
ICML 2018.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from fastai.basics import Learner
from torch import nn
from torch.nn import functional as F

from o2u_nb.training.batch_loss import BatchLoss
from o2u_nb.training.fitting import sgd
from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.trained import Trained, traced
from o2u_nb.training.weighted_loss import WeightedLoss
from o2u_nb.training.weights import checksum

CURRICULA = ("learned", "percentile")
BURN_IN = 0.18  # share of all epochs in which every weight is 1, as in the paper's code (18 of 100)
HIDDEN = 20  # width of the mentor's hidden layer. Our choice.
EMBEDDED = 2  # numbers by which the mentor knows a class, as in the paper's code
# Steps and samples in a step by which the mentor learns, and Adam's largest rate. Our choice: with
# half the steps it finds fewer wrong labels, with more it finds no more.
STEPS, LESSONS_AT_ONCE, MENTOR_RATE = 1000, 512, 0.02


def fit(
    learn: Learner,
    rates: Sequence[float],
    *,
    curriculum: str = "learned",
    mentor: "Mentor | None" = None,
    percentile: float = 0.7,
    decay: float = 0.9,
    burn_in: float = BURN_IN,
    seed: int = 0,
    **common,
) -> Trained:
    """Train with a weight for each sample, from its loss, its label and the epoch.

    The loss of a batch is the mean of weight times cross entropy (the paper's objective
    also has a regulariser, which stands for the curriculum). Samples are compared with lambda, a
    moving average of the batch's `percentile` (0 to 1) of the losses: lambda becomes `decay` lambda
    + (1 - `decay`) times the new one.

    * `curriculum="percentile"`: the predefined curriculum of self-paced learning. The weight is 1
      if the loss is below lambda, else 0.
    * `curriculum="learned"`: a mentor gives the weights, 0 to 1; see `Mentor`. Without a `mentor`,
      `train_mentor` makes one first, which takes as long as the training itself. One that was made
      on similar data with the same classes can be passed.

    In the share `burn_in` of the epochs all weights are 1. `seed` is that of the mentor's training.
    `percentile` 0.7, `decay` 0.9 and `burn_in` 0.18 are the defaults in the paper's code. As
    published are the inputs of the mentor and what it learns to predict. Not as published: its
    size, a hidden layer where the paper has an LSTM over a sequence of two losses; and that it
    learns on the user's own data with planted wrong labels, where the paper takes a further data
    set whose truth is known.

    The suspicion is 1 - the mean weight after the burn-in, 0 to 1, NaN without such an epoch. See
    `methods` for the other options. Raises `ValueError` for an unknown curriculum, or a mentor for
    another number of classes.
    """
    if curriculum not in CURRICULA:
        raise ValueError(f"Unknown curriculum {curriculum!r}: expected {' or '.join(CURRICULA)}.")
    settings = dict(percentile=percentile, decay=decay, burn_in=burn_in)
    mentor = mentor if curriculum == "learned" else None
    own = dict(method="mentornet", rates=list(rates), curriculum=curriculum, seed=seed, **settings)
    own["mentor"] = None if mentor is None else checksum(mentor)
    run = RecordedFit(goes_on=own, **common)
    if curriculum == "learned" and mentor is None:
        teach = partial(train_mentor, learn, rates, seed=seed, **settings)
        opt_func = common.get("opt_func", sgd)
        mentor = Mentor.of(
            run.once(learn, "mentor", lambda: dict(teach(opt_func=opt_func).state_dict()))
        )
    weights = Mentored(run.recorder, mentor=mentor, **settings)
    run.fit(learn, rates, [weights])
    return Trained(run.trace, suspicion=1 - weights.mean_weights)


train = traced(fit)


def train_mentor(
    learn: Learner,
    rates: Sequence[float],
    *,
    wrong: float = 0.4,
    percentile: float = 0.7,
    decay: float = 0.9,
    burn_in: float = BURN_IN,
    seed: int = 0,
    opt_func=sgd,
) -> "Mentor":
    """Return a mentor that has learnt, on the Learner's own samples, to tell planted wrong labels.

    A share `wrong` (0 to 1) of the samples, drawn with `seed`, gets another label than the given
    one, all others alike. The Learner's model trains on these labels at `rates` by the percentile
    curriculum, and afterwards has its weights back. Each sample in each batch after the burn-in is
    a lesson: its loss, lambda, label and epoch, and whether its label was planted. Labels that were
    wrong before count as right in these lessons, so that wrong labels get small weights but not 0.
    The other options are those of `fit`. The mentor is on the device of the model.

    Raises `ValueError` for a `wrong` outside of (0, 1), or when no epoch follows the burn-in.
    """
    if not 0 < wrong < 1:
        raise ValueError(f"Expected a share of planted labels between 0 and 1, found {wrong}.")
    run = RecordedFit(opt_func=opt_func)
    lessons = Lessons(
        run.recorder, wrong=wrong, seed=seed, percentile=percentile, decay=decay, burn_in=burn_in
    )
    with weights_kept(learn):
        run.fit(learn, rates, [lessons])
    if not lessons.inputs:
        raise ValueError(f"Expected epochs after the burn-in, found {len(rates)} epochs in all.")
    return taught(torch.cat(lessons.inputs), torch.cat(lessons.right), lessons.n_classes, seed=seed)


@contextmanager
def weights_kept(learn: Learner) -> Iterator[None]:
    """Put the present weights of the Learner's model back at the end of the `with` block."""
    own = copy.deepcopy(learn.model.state_dict())
    try:
        yield
    finally:
        learn.model.load_state_dict(own)


def taught(inputs: torch.Tensor, right: torch.Tensor, n_classes: int, *, seed: int) -> "Mentor":
    """Return a mentor that tells from `inputs` which labels are `right`, with cross entropy.

    `inputs` is float (n, 4), see `Mentor`, and `right` (n,) float is 1 or 0. torch's global random
    state stays as it is.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        mentor = Mentor(n_classes).to(inputs.device)
    optimiser = torch.optim.Adam(mentor.parameters(), lr=MENTOR_RATE)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, MENTOR_RATE, total_steps=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(right), (LESSONS_AT_ONCE,), generator=random).to(right.device)
        loss = F.binary_cross_entropy_with_logits(mentor.logits(inputs[rows]), right[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        pace.step()
    return mentor.requires_grad_(False)


class Mentor(nn.Module):
    """Give samples weights, 0 to 1: how sure it is that their labels are right.

    Its inputs, float (n, 4), are the cross entropy of a sample (nats), that minus lambda, the share
    of the epochs that are over (0 to 1), and the position of its label in the classes.
    """

    def __init__(self, n_classes: int):
        super().__init__()
        self.label = nn.Embedding(n_classes, EMBEDDED)
        self.layers = nn.Sequential(
            nn.Linear(3 + EMBEDDED, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1)
        )

    @classmethod
    def of(cls, weights: dict[str, torch.Tensor]) -> "Mentor":
        """Return the mentor whose `state_dict` was `weights`; it does not learn any more."""
        with torch.random.fork_rng():  # the first weights are drawn, and replaced at once
            made = cls(len(weights["label.weight"]))
        made.load_state_dict(weights)
        return made.requires_grad_(False)

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the log-odds that the labels are right: (n,)."""
        label = self.label(inputs[:, 3].long())
        return self.layers(torch.cat([inputs[:, :3], label], 1))[:, 0]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the weights (n,)."""
        return self.logits(inputs).sigmoid()


class Curriculum:
    """Follow lambda, the moving percentile of the losses, and tell when the burn-in is over."""

    kept = ("level",)

    def __init__(self, *, percentile: float, decay: float, burn_in: float):
        self.percentile = percentile
        self.decay = decay
        self.burn_in = burn_in
        self.level: torch.Tensor | None = None  # lambda, a scalar, nats

    def burning_in(self, epoch: int, n_epochs: int) -> bool:
        """Return whether all weights are 1 in `epoch`, counted from 0."""
        return epoch < round(self.burn_in * n_epochs)

    def inputs(self, losses: torch.Tensor, labels: torch.Tensor, share: float) -> torch.Tensor:
        """Take in the losses (n,) of a batch, and return the inputs of a mentor: float (n, 4)."""
        found = torch.quantile(losses, self.percentile)
        self.level = (
            found if self.level is None else self.decay * self.level + (1 - self.decay) * found
        )
        past = torch.full_like(losses, share)
        return torch.stack([losses, losses - self.level, past, labels.to(losses.dtype)], 1)


def percentile_weights(inputs: torch.Tensor) -> torch.Tensor:
    """Return the weights of the percentile curriculum: 1 for a loss below lambda, else 0."""
    return (inputs[:, 1] < 0).to(inputs.dtype)


class Mentored(WeightedLoss):
    """Train with the weights of a mentor, or without one those of the percentile curriculum."""

    kept = (*WeightedLoss.kept, "curriculum")

    def __init__(self, recorder: DynamicsRecorder, *, mentor: Mentor | None, **settings):
        super().__init__(recorder)
        self.curriculum = Curriculum(**settings)
        self.weigh = percentile_weights if mentor is None else mentor

    def before_fit(self):
        """Check that the mentor knows the classes."""
        super().before_fit()
        if isinstance(self.weigh, Mentor):
            known = self.weigh.label.num_embeddings
            if known != self.n_classes:
                raise ValueError(
                    f"Expected a mentor for {self.n_classes} classes, found one for {known}: train "
                    "it on samples with the same classes."
                )
            self.weigh.to(self.recorder.labels.device)

    @property
    def counts(self) -> bool:
        """Return whether the burn-in is over."""
        return not self.curriculum.burning_in(self.epoch, self.n_epoch)

    def weights_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the batch."""
        losses = F.cross_entropy(logits, labels, reduction="none")
        inputs = self.curriculum.inputs(losses, labels, self.epoch / self.n_epoch)
        return self.weigh(inputs) if self.counts else torch.ones_like(losses)


class Lessons(BatchLoss):
    """Train on planted labels by the percentile curriculum, and keep what a mentor learns from.

    `inputs` and `right` are lists with the tensors of each batch, see `taught`.
    """

    def __init__(self, recorder: DynamicsRecorder, *, wrong: float, seed: int, **settings):
        super().__init__(recorder)
        self.wrong = wrong
        self.seed = seed
        self.curriculum = Curriculum(**settings)
        self.inputs: list[torch.Tensor] = []
        self.right: list[torch.Tensor] = []

    def before_fit(self):
        """Plant the wrong labels."""
        given = self.recorder.labels
        self.planted = planted(given.cpu(), self.n_classes, self.wrong, self.seed).to(given.device)

    def loss_of(
        self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of the batch with the planted labels."""
        seen = self.planted[rows]
        losses = F.cross_entropy(logits, seen, reduction="none")
        inputs = self.curriculum.inputs(losses.detach(), seen, self.epoch / self.n_epoch)
        if self.curriculum.burning_in(self.epoch, self.n_epoch):
            return losses.mean()
        self.inputs.append(inputs)
        self.right.append((seen == labels).to(inputs.dtype))
        return (percentile_weights(inputs) * losses).mean()


def planted(labels: torch.Tensor, n_classes: int, wrong: float, seed: int) -> torch.Tensor:
    """Return `labels` (n,) int, round(`wrong` n) of them changed to a random other class."""
    random = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(labels), generator=random)[: round(wrong * len(labels))]
    steps = torch.randint(1, n_classes, (len(chosen),), generator=random)
    changed = labels.clone()
    changed[chosen] = (labels[chosen] + steps) % n_classes
    return changed
