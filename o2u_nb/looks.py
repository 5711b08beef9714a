"""How a picture that is not in an audit looks to one of its eyes: a row of features.

In comes an audit and a picture: a file's path, its bytes, a Pillow image or an array. Out comes the
row that the eye's frozen network makes of it, as of every sample. torch is imported when that is
asked for, and only then.
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from o2u_nb.data.images import Item, broken_image, grey_range, in_range, square_pixels
from o2u_nb.errors import FeaturesError, O2UError, SourceError
from o2u_nb.extras import require_training
from o2u_nb.folder import AuditFolder

if TYPE_CHECKING:
    from o2u_nb.training.backbones import Backbone

Picture = str | os.PathLike | bytes | bytearray | memoryview | np.ndarray | Image.Image


def frozen_eyes(audit: AuditFolder) -> dict[str, str]:
    """Return the eyes that can look at new pictures, by name, with the keys of their features."""
    return {eye["name"]: eye["features"] for eye in audit.facts.get("eyes", ()) if eye["frozen"]}


def row_of(audit: AuditFolder, picture: Picture, eye: str) -> np.ndarray:
    """Return the features of `picture` by the frozen network `eye`: float32 (d,).

    The picture is decoded and scaled as every sample is; an array is uint8 of (height, width) or
    (height, width, 3). Raises `O2UError` when `eye` is none of `frozen_eyes`, `SourceError` when
    the picture cannot be decoded, `FeaturesError` when the network is not the one that the audit
    used, `WeightsError` when its weights cannot be had, and `MissingExtraError` without torch.
    """
    _key(audit, eye)  # raises for a name that is not known
    item = _item(audit, picture)
    backbone = network_of(audit, eye)
    from o2u_nb.training.inference import runner  # imports torch, which takes seconds

    if why := broken_image(item):
        raise SourceError(f"{called(picture)}: cannot be decoded: {why}. Give another picture.")
    pixels = square_pixels(called(picture), item, backbone.size, at_least=backbone.size)
    return runner(backbone, fast=False)(np.stack([pixels]))[0]  # a copy that torch may own


def network_of(audit: AuditFolder, eye: str) -> "Backbone":
    """Return the frozen network `eye` with the weights that the audit used.

    Raises what `row_of` raises for the network.
    """
    return known_network(eye, _key(audit, eye))


def known_network(name: str, key: str) -> "Backbone":
    """Return the frozen network `name`, if it is the one that gave the features `key`.

    Raises `FeaturesError` when it is another one, `WeightsError` when its weights cannot be had,
    and `MissingExtraError` without torch.
    """
    require_training()
    backbone = _backbone(name)
    if backbone.key != key:
        raise FeaturesError(
            f"Expected the network {key!r}, with which the audit looked; found {backbone.key!r}: "
            "its weights have changed. Audit again with --overwrite."
        )
    return backbone


def called(picture: Picture) -> str:
    """Return what a picture is called in messages and titles: a file's name, or what it is.

    >>> called("photos/cat.png"), called(b"")
    ('cat.png', 'the picture')
    """
    return os.path.basename(picture) if isinstance(picture, str | os.PathLike) else "the picture"


def _key(audit: AuditFolder, eye: str) -> str:
    eyes = frozen_eyes(audit)
    if eye in eyes:
        return eyes[eye]
    if not eyes:
        raise O2UError(
            f"Expected an audit with a pretrained eye, whose network can look at new pictures; the "
            f"one in {audit.folder} has none. Audit with --eye efficientnet_lite0, beside others."
        )
    raise O2UError(
        f"{eye!r} cannot look at new pictures, since only pretrained networks are there later: try "
        f"{' or '.join(map(repr, eyes))}."
    )


@lru_cache(maxsize=2)  # a network takes some 20 MB, and a search uses one or two
def _backbone(name: str) -> "Backbone":
    from o2u_nb.training.backbones import backbone

    return backbone(name)


def _item(audit: AuditFolder, picture: Any) -> Item:
    """Return `picture` as an item, with the range of grey of the audited pictures if there is one.

    Raises `SourceError` when it is not a picture.
    """
    if isinstance(picture, Image.Image):
        picture = np.asarray(picture.convert("RGB"))
    if isinstance(picture, bytearray | memoryview):
        picture = bytes(picture)
    if isinstance(picture, os.PathLike):
        picture = os.fspath(picture)
    if isinstance(picture, np.ndarray):
        return _checked(picture)
    if not isinstance(picture, str | bytes):
        raise SourceError(
            "Expected a picture: the path of a file, its bytes, a Pillow image or a uint8 array; "
            f"found {type(picture).__name__}."
        )
    return in_range(picture, grey_range(audit.samples))


def _checked(pixels: np.ndarray) -> np.ndarray:
    is_colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or is_colour) or not pixels.size:
        raise SourceError(
            "Expected a picture as uint8 (height, width) or (height, width, 3), found "
            f"{pixels.dtype} {pixels.shape}."
        )
    return pixels
