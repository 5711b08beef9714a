"""mixup: training on blends of two samples and of their losses, by fastai's callback.

In come a Learner and a rate per epoch; out goes a `Trained`. Zhang, Cisse, Dauphin and Lopez-Paz,
"mixup: Beyond Empirical Risk Minimization", ICLR 2018.
"""

from collections.abc import Sequence

import torch
from fastai.basics import Learner
from fastai.callback.mixup import MixUp

from o2u_nb.training.recorded import RecordedFit
from o2u_nb.training.trained import Trained, traced

ALPHA = 1.0  # as published for CIFAR-10; 0.2 to 0.4 for ImageNet, 8 to 32 for corrupted labels


def fit(
    learn: Learner, rates: Sequence[float], *, alpha: float = ALPHA, seed: int = 0, **common
) -> Trained:
    """Train on blends: inputs lam x_i + (1 - lam) x_j, and their losses blended in the same way.

    lam is drawn from Beta(`alpha`, `alpha`), for each sample anew, and j is another sample of the
    batch; `seed` is that of the draws. The losses are recorded in a clean pass after each epoch,
    because in the training pass they would be of two samples. See `methods` for the other options.

    Raises `ValueError` for an `alpha` of 0 or less. Not as published: fastai draws one lam for each
    sample, where the paper's code has one for a batch, and takes the larger of lam and 1 - lam.
    """
    if alpha <= 0:
        raise ValueError(f"Expected an alpha above 0, found {alpha}: the paper has 1 for CIFAR-10.")
    run = RecordedFit(
        goes_on=dict(method="mixup", rates=list(rates), alpha=alpha, seed=seed),
        **{"record": "eval", **common},
    )
    run.fit(learn, rates, [Blends(alpha, seed)])
    return Trained(run.trace)


train = traced(fit)


class Blends(MixUp):
    """fastai's MixUp with random numbers of its own, for any loss of integer labels."""

    def __init__(self, alpha: float, seed: int):
        super().__init__(alpha)
        self.state = torch.Generator().manual_seed(seed).get_state()

    def state_dict(self) -> dict:
        """Return the state of the random numbers, for a checkpoint."""
        return dict(state=self.state)

    def load_state_dict(self, found: dict) -> None:
        """Go on with the random numbers of a checkpoint."""
        self.state = found["state"]

    def before_train(self):
        """Blend losses, also where the loss does not say, as fastai's do, that labels are int."""
        self.stack_y = True
        self.old_lf, self.learn.loss_func = self.learn.loss_func, self.lf

    def before_batch(self):
        """Blend the batch; torch's global random numbers stay as they are."""
        with torch.random.fork_rng(devices=[]):  # fastai draws on the processor
            torch.set_rng_state(self.state)
            super().before_batch()
            self.state = torch.get_rng_state()
