"""Critical samples: those that lie near a decision boundary of the network.

In comes a trained Learner; out comes one number for each training sample, or their share. It is a
demonstration: a network that has memorised its samples has boundaries near many of them. It is no
detector of wrong labels.

Arpit et al., "A Closer Look at Memorization in Deep Networks", ICML 2017: Langevin
Adversarial Sample Search (LASS). That this is what a survey of label noise meant by LASS is our
inference.
"""

import numpy as np
import torch
from fastai.basics import Learner
from fastai.torch_core import to_device
from torch import nn
from torch.nn import functional as F

from o2u_nb.errors import RecordingError
from o2u_nb.training.clean import clean_loader, evaluating
from o2u_nb.training.items import labels_and_classes
from o2u_nb.training.outputs import main_output

# Half the side of the largest box, in standard deviations of the inputs. Our choice, for pictures
# and for features alike.
RADIUS = 0.02
BOXES = 4  # of growing size; our choice
STEPS = 5  # of the search in each box; our choice
# Length of a step and of its noise, in radii. Third-party versions have .25, .2 and a radius of .3
# grey values of 255; the authors' own code is not public.
STEP, NOISE = 0.25 / 0.3, 0.2 / 0.3


def near_boundary(
    learn: Learner,
    *,
    radius: float = RADIUS,
    boxes: int = BOXES,
    steps: int = STEPS,
    seed: int = 0,
) -> np.ndarray:
    """Return how near each training sample lies to a decision boundary: float (n,), 0 to 1.

    Higher = nearer. In a box around the sample, the search looks for an input that the network
    takes for another class: in each of `steps` steps, every number of the input moves by a fixed
    length in the direction that makes the predicted class less likely, and by normal noise, and is
    put back into the box. As published, there is one box; here there are `boxes` of them, from
    `radius` / `boxes` up to `radius`, and a sample whose class changes in the first has the value
    1, in the second 1 - 1 / `boxes`, and so on; 0 where no other class was found. So a sample is
    critical in the paper's sense where the value is above 0. `radius` is half the side of a box in
    standard deviations of the inputs, which are those of the first clean batch. `seed` determines
    the noise.

    The inputs are what the model is given: pixels as the loader serves them, or features; with
    several inputs, the first one. The model and its gradients are left as they are. It takes at
    most `boxes` x `steps` times as long as an epoch of training. Raises `RecordingError` for inputs
    that are not floating-point numbers.
    """
    model = learn.model
    device = next(model.parameters()).device
    n_classes = len(labels_and_classes(learn.dls.train)[1])
    random = torch.Generator().manual_seed(seed)
    found, spread = [], None
    # A pass over a loader draws from torch's global random state, which is put back.
    with evaluating(model), torch.random.fork_rng(devices=[]):
        for batch in clean_loader(learn.dls):
            inputs = to_device(tuple(batch), device)[:-1]
            x = _plain(inputs[0])
            spread = float(x.std()) if spread is None else spread
            search = _Search(model, inputs[1:], n_classes, random)
            found.append(search.nearness(x, radius * spread, boxes, steps).cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def critical_ratio(learn: Learner, **options) -> float:
    """Return the share of the training samples near which there is a decision boundary, 0 to 1.

    This is the critical sample ratio of Arpit et al. (ICML 2017), with the `options` of
    `near_boundary`. Train on right labels, and then on random ones, and compare: the more a network
    has to memorise, the more of its samples are critical.
    """
    return float((near_boundary(learn, **options) > 0).mean())


class _Search:
    """Search around the samples of one batch; `more` are the model's further inputs."""

    def __init__(self, model: nn.Module, more: tuple, n_classes: int, random: torch.Generator):
        self.model = model
        self.more = more
        self.n_classes = n_classes
        self.random = random

    def nearness(self, x: torch.Tensor, radius: float, boxes: int, steps: int) -> torch.Tensor:
        """Return the value of each sample in the batch `x` (n, ...): float (n,)."""
        found = torch.zeros(len(x), device=x.device)
        with torch.no_grad():
            own = self._logits(x).argmax(1)
        moved = x
        for box in range(1, boxes + 1):
            half = radius * box / boxes
            for _ in range(steps):
                moved = self._step(x, moved, own, half)
                with torch.no_grad():
                    other = self._logits(moved).argmax(1) != own
                found[other & (found == 0)] = 1 - (box - 1) / boxes
                if (found > 0).all():
                    return found
        return found

    def _step(self, x, moved, own, half: float) -> torch.Tensor:
        moved = moved.detach().requires_grad_()
        with torch.enable_grad():
            loss = F.cross_entropy(self._logits(moved), own, reduction="sum")
            (slope,) = torch.autograd.grad(loss, moved)
        noise = torch.randn(x.shape, generator=self.random).to(x)
        step = half * (STEP * slope.sign() + NOISE * noise)
        return torch.clamp(moved.detach() + step, x - half, x + half)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.model(x, *self.more)
        return main_output(outputs, len(x), self.n_classes).as_subclass(torch.Tensor).float()


def _plain(x: torch.Tensor) -> torch.Tensor:
    if not torch.is_tensor(x) or not x.is_floating_point():
        found = getattr(x, "dtype", type(x).__name__)
        raise RecordingError(
            f"Expected floating-point inputs, which can be moved a little; found {found}: "
            "let the loader convert them, as fastai's IntToFloatTensor does."
        )
    return x.detach().as_subclass(torch.Tensor)
