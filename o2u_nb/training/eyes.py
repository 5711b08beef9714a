"""The eyes of an audit: which networks look at the pictures.

In come a samples table and a preset, or the names that a user gave; out come the networks, by name,
that can be had on this machine.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from o2u_nb.data import images
from o2u_nb.errors import DownloadError, WeightsError
from o2u_nb.eye_names import NETWORK
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.presets import Preset
from o2u_nb.training.backbones import Backbone, backbone
from o2u_nb.training.networks import PHOTOGRAPH


def usual_eyes(samples: pd.DataFrame, preset: Preset) -> tuple[str, ...]:
    """Return the eyes of `preset` for these pictures, by their size."""
    photographs = min(images.common_size(samples)) >= PHOTOGRAPH
    return preset.photographs if photographs else preset.small


def available(eyes: Sequence[str], say: Callable[[str], None]) -> dict[str, Backbone | None]:
    """Return the frozen network of each name in `eyes`, None for `NETWORK`, in their order.

    A network whose weights would have to be downloaded, on a machine without internet, is replaced
    by the one that works offline, and `say` is called with a sentence that says so. Raises
    `WeightsError` for a name that is not known, or weights that are damaged.
    """
    found: dict[str, Backbone | None] = {}
    for name in eyes:
        try:
            found[name] = None if name == NETWORK else backbone(name)
        except DownloadError as error:
            say(f"{error} Going on with {OFFLINE}.")
            found.setdefault(OFFLINE, backbone(OFFLINE))
    if not found:
        raise WeightsError(
            f"Expected at least one eye, found none: name some, such as {OFFLINE!r}, or "
            f"{NETWORK!r} for a network that is trained on the pictures."
        )
    return found
