"""One training, by one process or by several: `python -m torch.distributed.run ... several.py`.

In come a folder and jobs as JSON: for each its name, what is trained, and options. Out come the
traces in the folder, and beside each a JSON file for each process. `test_processes` compares what
one process and several leave there.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.data import ImageDataLoaders
from torch import nn

from o2u_nb.training import learner  # noqa: F401  adds the methods
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.processes import join
from tests.features import blobs, head


class Ends(Callback):
    """End the process without a word, as a kill does, in the second batch of the epoch `at`."""

    def __init__(self, at: int):
        self.at = at

    def before_batch(self):
        """End it."""
        if self.epoch == self.at and self.iter == 1 and self.training:
            os.kill(os.getpid(), signal.SIGKILL)


def network(n_in: int, n_classes: int) -> nn.Module:
    """Return a small network without batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(n_in, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(n_classes)
    )


def built(kind: str, folder: Path) -> Learner:
    """Return a Learner: a head, our pictures, or the pictures of a user's own fastai loaders."""
    # The weights and the order of the first process must reach the others.
    torch.manual_seed(join().rank)
    random.seed(join().rank)
    if kind == "head":
        points = blobs(131, wrong=0.1)  # the last batch of 16 has 3
        return head(points)
    pictures = folder.parents[1] / "pictures"
    if kind == "pictures":
        from o2u_nb.data import sources

        dls = dataloaders(sources.read(pictures).samples, bs=16, size=8, seed=3, device="cpu")
    else:
        dls = ImageDataLoaders.from_folder(
            pictures, bs=16, device="cpu", valid_pct=0.2, seed=1, num_workers=int(kind == "workers")
        )
    model = network(3, len(dls.vocab))
    model(dls.one_batch()[0])
    return Learner(dls, model, loss_func=CrossEntropyLossFlat(), path=folder.parent)


def train(folder: Path, kind: str, options: dict) -> dict:
    """Do one job: train, and keep the trace in `folder` and the weights beside it."""
    learn = built(kind, folder)
    rank = join().rank
    killed = options.pop("killed", None)
    verb = getattr(learn, options.pop("verb", "fit_o2u"))
    cbs = [Ends(killed)] if killed is not None and rank == 1 else []
    said: list[str] = []
    if verb.__name__ == "fit_o2u":
        options["say"] = said.append
    found = verb(out=folder, on_epoch=said.append, cbs=cbs, **options)
    weights = torch.cat([p.detach().reshape(-1) for p in learn.model.parameters()])
    trace = getattr(found, "trace", found)
    removed = getattr(found, "removed", np.zeros(0)).tolist()
    return dict(
        rank=rank, name=folder.name, epochs=trace.n_epochs, said=len(said), removed=removed,
        weights=weights.tolist(),
    )  # fmt: skip


def main(folder: Path, jobs: list) -> None:
    for name, kind, options in jobs:
        found = train(folder / name, kind, options)
        (folder / f"{name}-{found['rank']}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
