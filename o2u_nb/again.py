"""Is a finished audit the one that is asked for again? Then it is opened, and nothing is trained.

In come what is asked for, the samples, and the facts of the audit that is there; out comes an error
that says what differs, or none. So a notebook whose cells run once more shows the same audit.
"""

import hashlib
import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from o2u_nb.data.content import content_hash
from o2u_nb.data.images import Item, image_items, png_bytes
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import AuditExistsError
from o2u_nb.folder import AuditFolder, what_is_in, what_to_do

OTHER_PICTURES = "pictures or their paths have changed"
ASKED = "asked"  # where `audit.json` keeps the settings and the state of the samples


def settings(preset: str, seed: int, eyes: Sequence[str] | None) -> dict:
    """Return what `audit.json` keeps of the settings of a run, as values that JSON can hold."""
    return dict(preset=preset, seed=seed, eyes=None if eyes is None else list(eyes))


def state(samples: pd.DataFrame) -> str:
    """Return a digest of a samples table and its pictures: 16 bytes, as 32 hex digits.

    It depends on ids, labels and splits, on the path, the size and the time of change of each file,
    and on the content of pictures that have no file. The files themselves are not read.
    """
    return digest(samples, states(samples))


def states(samples: pd.DataFrame) -> list[str]:
    """Return a text for the picture of each sample, which is another one when it has changed."""
    return list(in_threads(_state_of, image_items(samples)))


def short(states: Sequence[str]) -> list[str]:
    """Return a digest of each of the `states`: 8 bytes, as 16 hex digits."""
    return [hashlib.blake2b(_bytes(text), digest_size=8).hexdigest() for text in states]


def digest(samples: pd.DataFrame, states: Sequence[str]) -> str:
    """Return the digest of a samples table whose pictures have these `states`; see `state`."""
    made = hashlib.blake2b(digest_size=16)
    for column in (samples.index, samples["label"], samples["split"]):
        made.update(_bytes("\0".join(map(str, column))) + b"\0\0")
    for text in states:
        made.update(_bytes(text) + b"\0")
    return made.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _state_of(item: Item) -> str:
    if isinstance(item, (str, os.PathLike)):
        try:
            found = os.stat(item)
        except OSError:
            return f"{item}\0gone"
        return f"{item}\0{found.st_size}\0{found.st_mtime_ns}"
    return content_hash(png_bytes(item) if isinstance(item, np.ndarray) else item)


def require_same_settings(audit: AuditFolder, asked: dict) -> None:
    """Raise `AuditExistsError` unless `audit` was made with the `settings` that are `asked` for."""
    kept = audit.facts.get(ASKED)
    if kept is None:
        raise AuditExistsError(
            f"{what_is_in(audit.folder)} It does not say what it was made of, since it was saved "
            f"from a notebook or by an earlier version. {what_to_do(audit.folder)}"
        )
    if listed := differing(kept, asked):
        raise AuditExistsError(
            f"{what_is_in(audit.folder)} It was made with {listed}. {what_to_do(audit.folder)}"
        )


def differing(kept: dict, asked: dict) -> str:
    """Say in words which settings in `asked` are others than those `kept`; "" when none is."""
    names = [name for name in asked if kept.get(name) != asked[name]]
    return ", ".join(
        f"{name} {kept.get(name)!r}, and {asked[name]!r} is asked for" for name in names
    )


def require_same_data(audit: AuditFolder, samples: pd.DataFrame) -> None:
    """Raise `AuditExistsError` unless `audit` is about `samples`, their labels and pictures."""
    if audit.facts[ASKED].get("state") != state(samples):
        raise AuditExistsError(
            f"{what_is_in(audit.folder)} The source has changed since then: "
            f"{changes(audit.samples, samples)}. {what_to_do(audit.folder)}"
        )


def changes(before: pd.DataFrame, now: pd.DataFrame) -> str:
    """Say in words how the samples table `now` differs from the one `before`."""
    both = now.index.intersection(before.index)
    relabelled = (now.loc[both, "label"] != before.loc[both, "label"]).sum()
    counts = {
        "samples are new": len(now.index.difference(before.index)),
        "samples are gone": len(before.index.difference(now.index)),
        "labels have changed": int(relabelled),
    }
    said = [f"{count:,} {what}" for what, count in counts.items() if count]
    return ", ".join(said) or OTHER_PICTURES
