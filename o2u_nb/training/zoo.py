"""Pretrained networks by name, from timm and torchvision, as feature extractors.

In comes a name, and a file of weights if there is one; out goes a network without its classifier,
with the size and the statistics of its pictures. Weights without a file are those of the library's
cache, or a download. Importing this module without timm raises `MissingExtraError`.
"""

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn
from torchvision import models

from o2u_nb import offline_weights
from o2u_nb.errors import DownloadError, WeightsError
from o2u_nb.extras import require_timm
from o2u_nb.offline_weights import INSTALLED, OFFLINE
from o2u_nb.text import first_line
from o2u_nb.training import weights as files
from o2u_nb.training.body import body

require_timm()
import timm  # noqa: E402

TORCHVISION = "torchvision/"  # names that begin so are torchvision's
N_IMAGENET = 1000  # classes of torchvision's networks


class Found(NamedTuple):
    """A network (n, 3, size, size) to (n, d), and the mean and std (3 each) of its pictures."""

    model: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def offline(name: str, *, file: str | os.PathLike | None = None, size: int | None = None) -> Found:
    """Return the network `name` of `INSTALLED` (Tan and Le, ICML 2019; TensorFlow's lite variant).

    Its weights are those of the installed package, or of `file`. Raises `WeightsError` when they
    are missing or wrong.
    """
    path = offline_weights.require(name) if file is None else file
    model = timm.create_model(INSTALLED[name].arch, pretrained=False)
    files.put_in_order(model, files.read(path), where=str(path))
    model.reset_classifier(0)
    # Trained on pictures in [-1, 1].
    return Found(model, size or INSTALLED[name].size, (0.5,) * 3, (0.5,) * 3)


def from_timm(name: str, *, file: str | os.PathLike | None, size: int | None) -> Found:
    """Return timm's network `name`, with weights from `file` or those that timm names.

    Raises `WeightsError` for an unknown name, and when the weights cannot be had.
    """
    if not timm.is_model(name):
        raise WeightsError(_unknown(name))
    if file is None:
        with _had(name), files.patience(), files.reachable_hub(), files.quiet("timm"):
            model = _timm(name, size, pretrained=True, num_classes=0)
    else:
        state = files.read(file)
        with files.fitting(file), files.quiet("timm"):
            model = _timm_from(name, size, state)
    config = timm.data.resolve_model_data_config(model)
    side = size or config["input_size"][-1]
    return Found(model, side, tuple(config["mean"]), tuple(config["std"]))


def _timm_from(name: str, size: int | None, state: files.State) -> nn.Module:
    """Build timm's network `name` with the weights in `state`, all of which must fit.

    Without its classifier, timm would also accept weights that do not fit. So it is built with one,
    and the classifier's own weights are added where the file has none.
    """
    blank = _timm(name, size, pretrained=False)
    ends = blank.pretrained_cfg.get("classifier") or ()
    ends = (ends,) if isinstance(ends, str) else ends
    own = {k: v for k, v in blank.state_dict().items() if k.rpartition(".")[0] in ends}
    overlay = {"state_dict": {**own, **state}}
    model = _timm(name, size, pretrained=True, pretrained_cfg_overlay=overlay)
    model.pretrained_cfg.pop("state_dict", None)
    model.reset_classifier(0)
    return model


def _timm(name: str, size: int | None, **options) -> nn.Module:
    if size is not None:
        try:  # networks with embedded positions are built for one size
            return timm.create_model(name, img_size=size, **options)
        except TypeError:  # the others take any, and do not know this option
            pass
    return timm.create_model(name, **options)


def from_torchvision(name: str, *, file: str | os.PathLike | None, size: int | None) -> Found:
    """Return torchvision's classifier `name` without its last layer, with its newest weights.

    With `file`, the weights are from there. Raises `WeightsError` as `from_timm` does.
    """
    if name not in models.list_models(module=models):
        raise WeightsError(_unknown(TORCHVISION + name))
    recipe = models.get_model_weights(name).DEFAULT.transforms()
    if file is None:
        with _had(TORCHVISION + name), files.patience():
            model = models.get_model(name, weights="DEFAULT")
    else:
        state = files.read(file)
        model = models.get_model(name, weights=None)
        with files.fitting(file):
            model.load_state_dict(state)
    side = size or recipe.crop_size[0]
    return Found(body(model, side, N_IMAGENET), side, tuple(recipe.mean), tuple(recipe.std))


@contextmanager
def _had(name: str) -> Iterator[None]:
    """Turn what loading raises into a `DownloadError`, a sentence that names the way out."""
    try:
        yield
    except Exception as error:  # the libraries for downloads each have errors of their own
        raise DownloadError(
            f"The pretrained weights of {name} are not on this machine and cannot be downloaded "
            f"({first_line(error)}): connect to the internet, pass a file of them as "
            f"weights=PATH, or use {OFFLINE!r}, whose weights are installed."
        ) from error


def _unknown(name: str) -> str:
    known = [*INSTALLED, *timm.list_models(), *timm.list_pretrained()]
    known += [TORCHVISION + other for other in models.list_models(module=models)]
    once = list(dict.fromkeys(known))  # timm's list holds some names twice, and installed ones
    near = difflib.get_close_matches(name, once, n=3, cutoff=0.5) or [OFFLINE]
    return (
        f"Expected the name of a network of timm, or of torchvision as in 'torchvision/resnet50'; "
        f"found {name!r}. The nearest: {', '.join(near)}."
    )
