"""Measure what makes an epoch of an audit fast: one choice changed at a time, in one run.

    python benchmarks/training_speed.py [--repeats 5]

The network, pictures and batch size are those of the standard preset on 2,500 pictures of 32
pixels. Every round trains one epoch of each variant; the median of the ratios to the audit's own
choice is reported. On a GPU the same command measures the GPU.
"""

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from common import write_table
from fastai.basics import Learner
from fastai.callback.fp16 import MixedPrecision  # noqa: F401  patches Learner.to_bf16
from fastai.optimizer import SGD
from recorder_overhead import epoch_seconds, learner
from torch import nn

from o2u_nb.training.models import CompactResNet, Residual, _conv
from o2u_nb.training.recorder import DynamicsRecorder

SAMPLES = 2_500
SIDE = 32  # pixels of a picture
CLASSES = 10


class FullSizeStem(nn.Module):
    """The same network behind one more convolution, of half its first width, at full size."""

    def __init__(self, n_classes: int, widths: tuple[int, ...] = (32, 64, 128)):
        super().__init__()
        stem = [_conv(3, widths[0] // 2), _conv(widths[0] // 2, widths[0], stride=2)]
        inner = CompactResNet(n_classes, widths=widths)
        self.body = nn.Sequential(*stem, Residual(widths[0]), *inner.body[2:])
        self.head = inner.head
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures to logits."""
        return self.head(self.body(x))


def own() -> Learner:
    """Build the Learner that an audit trains."""
    return learner(SAMPLES, SIDE, CLASSES)


def full_size() -> Learner:
    """Compute one layer at the pictures' full size."""
    learn = own()
    learn.model = FullSizeStem(CLASSES)
    return learn


def channels_first() -> Learner:
    """Keep weights and pictures in torch's default layout."""
    learn = own()
    learn.model = nn.Sequential(Contiguous(), learn.model.to(memory_format=torch.contiguous_format))
    return learn


class Contiguous(nn.Module):
    """Copy pictures into torch's default layout."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the same pictures."""
        return x.contiguous()


def unfused() -> Learner:
    """Use fastai's own SGD, which goes through the parameters one by one."""
    learn = own()
    learn.opt_func = lambda params, **options: SGD(params, mom=0.9, wd=5e-4, **options)
    return learn


VARIANTS: dict[str, Callable[[], Learner]] = {
    "as an audit trains": own,
    "bfloat16 (autocast)": lambda: own().to_bf16(),
    "a first layer at full size": full_size,
    "channels first": channels_first,
    "fastai's SGD, not fused": unfused,
}


def main() -> None:
    """Measure all variants, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    learners = {name: make() for name, make in VARIANTS.items()}
    recorders = {name: DynamicsRecorder() for name in VARIANTS}
    rounds = [
        {name: epoch_seconds(learn, recorders[name]) for name, learn in learners.items()}
        for _ in range(options.repeats + 1)
    ][1:]  # the first one warms up
    seconds = pd.DataFrame(rounds)
    ratios = seconds.div(seconds["as an audit trains"], axis=0)
    table = pd.DataFrame(
        {
            "pictures per second": (SAMPLES / seconds.median()).map("{:,.0f}".format),
            "time / the audit's": ratios.median().map("{:.2f}".format),
            "quartiles": [
                "{:.2f} to {:.2f}".format(*np.quantile(ratios[name], [0.25, 0.75]))
                for name in ratios
            ],
        }
    ).rename_axis("one choice changed")
    notes = (
        f"{options.repeats} rounds of one epoch each on {SAMPLES:,} pictures of {SIDE} pixels, "
        "crop and flip, recorder attached."
    )
    print(write_table("training_speed", "The speed of training", table, notes).read_text())


if __name__ == "__main__":
    main()
