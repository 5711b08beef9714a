"""The eyes of an audit: which networks look at the pictures.

In come a samples table and a preset, or the names that a user gave; out come the networks, by name,
that can be had on this machine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from o2u_nb.data import images
from o2u_nb.errors import DownloadError, WeightsError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.presets import Preset
from o2u_nb.training.backbones import Backbone, backbone
from o2u_nb.training.networks import PHOTOGRAPH


def usual_eyes(samples: pd.DataFrame, preset: Preset) -> tuple[str, ...]:
    """Return the eyes of `preset` for these pictures, by their size."""
    photographs = min(images.common_size(samples)) >= PHOTOGRAPH
    return preset.photographs if photographs else preset.small


class Eyes(NamedTuple):
    """The networks of an audit, and what people should know of them.

    `networks` maps each name to the frozen network, or for `NETWORK` to None, in the eyes' order.
    `notes` are sentences, one for each eye that is replaced by another.
    """

    networks: dict[str, Backbone | None]
    notes: list[str]


def available(eyes: Sequence[str]) -> Eyes:
    """Return the networks that `eyes` name.

    A network whose weights would have to be downloaded, on a machine without internet, is replaced
    by the one that works offline. Raises `WeightsError` for a name that is not known, for weights
    that are damaged, and for names that an audit folder could not tell apart.
    """
    found: dict[str, Backbone | None] = {}
    notes = []
    for name in eyes:
        try:
            found[name] = None if name == NETWORK else backbone(name)
        except DownloadError as error:
            notes.append(f"{error} Going on with {OFFLINE}.")
            found.setdefault(OFFLINE, backbone(OFFLINE))
    if not found:
        raise WeightsError(
            f"Expected at least one eye, found none: name some, such as {OFFLINE!r}, or "
            f"{NETWORK!r} for a network that is trained on the pictures."
        )
    if len(set(map(column_name, found))) < len(found):
        raise WeightsError(
            f"Expected eyes whose names differ in letters or digits, found {', '.join(found)}: use "
            "one of them."
        )
    return Eyes(found, notes)
