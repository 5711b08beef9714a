"""Learners on the numbered pictures of `tests.lookup`, whose every loss is known by hand."""

import pandas as pd
import torch
from fastai.basics import Learner
from fastai.data.all import CategoryBlock, DataBlock, RandomSplitter, get_image_files, parent_label
from fastai.data.core import DataLoaders
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.all import ImageBlock, ImageDataLoaders

from o2u_nb.training.fitting import sgd
from o2u_nb.training.loaders import PixelData, PixelLoader
from tests import lookup

RAW = (torch.zeros(3), torch.full((3,), 1 / 255))  # statistics that leave pixel values as they are


def pixel_loaders(bs=7, **options) -> DataLoaders:
    """Our own loaders."""
    ids = pd.Index([f"{number:03d}.png" for number in range(lookup.N_SAMPLES)], name="sample_id")
    data = PixelData(lookup.pictures(), lookup.labels(), ids, lookup.CLASSES)
    train = PixelLoader(data, bs=bs, shuffle=True, stats=RAW, **options)
    train.rng.seed(0)
    return DataLoaders(train, train.new(shuffle=False), device="cpu")


def stock_loaders(root, **options) -> DataLoaders:
    """fastai's loaders, from a folder of class folders that is written to `root`."""
    options = {"bs": 7, "num_workers": 0, "valid_pct": 0.2, "seed": 1, **options}
    dls = ImageDataLoaders.from_folder(lookup.write_folder(root), device="cpu", **options)
    dls.train.rng.seed(0)
    return dls


def block(root, **options) -> DataBlock:
    """A `DataBlock` over the folder of class folders `root`."""
    return DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=RandomSplitter(0.2, seed=1),
        **options,
    )


def learner(dls, *, scale=1.0, loss_func=None, **options) -> Learner:
    """A Learner whose model knows the logits of every picture; pixels times `scale` are numbers."""
    model = lookup.Lookup(scale, options.pop("dtype", torch.float32))
    loss_func = loss_func or CrossEntropyLossFlat()
    return Learner(dls, model, loss_func=loss_func, opt_func=sgd, lr=0.0, **options)
