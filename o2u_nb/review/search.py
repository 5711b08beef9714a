"""Search an audit for similar samples, by the features of any of its eyes, without a session.

In come ids of samples, or a picture from elsewhere; out come tables of what was found, most similar
first. `detect.similar` compares the rows, and `looks` makes one of a new picture.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb import looks
from o2u_nb.detect.similar import Found, Search
from o2u_nb.errors import O2UError
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.folder import AuditFolder
from o2u_nb.looks import Picture
from o2u_nb.review.columns import one_of
from o2u_nb.rows import rows_of

CACHE = ".cache/similar"  # of the audit folder; may be deleted at any time
SHOWN = 100  # samples that are found unless more or fewer are asked for; our choice


class AuditSearch:
    """Find similar samples of one audit; `eyes` are those whose features were kept.

    `eye` is by default the first of them; for new pictures, the first that is pretrained.

    Tables are indexed by `sample_id`, most similar first: `similarity`, float from -1 to 1;
    `label`, the given label; and `same_label`, whether a sample that was asked about has that label
    (not known for a new picture, whose table lacks it). `table.attrs` says which `eye` looked, and
    `how` it was searched.
    """

    def __init__(self, audit: AuditFolder):
        self.audit = audit
        self._searches: dict[str, Search] = {}

    @property
    def eyes(self) -> list[str]:
        """Return the names of the eyes whose features were kept, the first eye first."""
        return [name for name in self.audit.eye_names if self.audit.file_of_eye(name).is_file()]

    @property
    def looking_eyes(self) -> list[str]:
        """Return the names of those that can look at new pictures."""
        frozen = looks.frozen_eyes(self.audit)
        return [name for name in self.eyes if name in frozen]

    def similar(
        self, ids: str | Iterable[str], *, k: int = SHOWN, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples most similar to any of `ids`, without these.

        Raises `O2UError` for an unknown id or eye, or where no features were kept.
        """
        ids, eye = self._asked(ids, eye)
        return self._table(self.search(eye).like(self._rows(ids), _count(k)), eye, ids)

    def more_like(
        self, ids: str | Iterable[str], *, k: int = SHOWN, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples that have most of what `ids` have in common, without these.

        For one id these are the most similar ones. See `detect.similar.Search.more_like`.
        """
        ids, eye = self._asked(ids, eye)
        return self._table(self.search(eye).more_like(self._rows(ids), _count(k)), eye, ids)

    def looks_like(
        self, picture: Picture, *, k: int = SHOWN, eye: str | None = None
    ) -> pd.DataFrame:
        """Return the `k` samples most similar to a picture that is not in the set.

        `picture` is a file's path, its bytes, a Pillow image or a uint8 array. It needs torch, and
        one of `looking_eyes`; see `looks.row_of` for the errors.
        """
        eye = self.looking_eye(eye)
        row = looks.row_of(self.audit, picture, eye)
        return self._table(self.search(eye).like_rows(row, _count(k)), eye, None)

    def looking_eye(self, eye: str | None) -> str:
        """Return the name of the eye that looks at new pictures: `eye`, or the first that can."""
        self._require_features()
        return eye or next(iter(self.looking_eyes), self.eyes[0])

    def eye(self, name: str | None) -> str:
        """Return `name`, or that of the first eye; raise `O2UError` if it has no features."""
        self._require_features()
        return self.eyes[0] if name is None else one_of(name, self.eyes, "eye with features")

    def search(self, eye: str) -> Search:
        """Return the search by the features of `eye`, made when first asked for."""
        if eye not in self._searches:
            eye = self.eye(eye)
            place = self.audit.folder / CACHE / f"{column_name(eye)}-{self.stamp(eye)}"
            _tidy(place)
            rows = self.audit.features_of(eye)
            assert rows is not None, "an eye in `eyes` has a file"
            self._searches[eye] = Search(rows, place)
        return self._searches[eye]

    def stamp(self, eye: str) -> str:
        """Return a text that is another one when the features of `eye`, or the samples, are."""
        source = self.audit.file_of_eye(eye).stat()
        about = f"{self._ids_digest} {source.st_size} {source.st_mtime_ns}"
        return hashlib.sha256(about.encode()).hexdigest()[:16]

    @cached_property
    def _ids_digest(self) -> str:
        ids = "\n".join(self.audit.trace.ids)
        return hashlib.sha256(ids.encode("utf-8", "surrogatepass")).hexdigest()

    def _require_features(self) -> None:
        if not self.eyes:
            raise O2UError(
                f"No features were kept in {self.audit.folder}, by which samples could be "
                "compared: audit again, or pass `embeddings(learn)` to `Audit.save`."
            )

    def _asked(self, ids: str | Iterable[str], eye: str | None) -> tuple[list[str], str]:
        ids = [ids] if isinstance(ids, str) else list(dict.fromkeys(ids))
        if not ids:
            raise O2UError("Expected at least one sample to compare with, found none.")
        return ids, self.eye(eye)

    def _rows(self, ids: Sequence[str]) -> np.ndarray:
        return rows_of(self.audit.trace.ids, ids)

    def _table(self, found: Found, eye: str, ids: Sequence[str] | None) -> pd.DataFrame:
        names = self.audit.trace.ids[found.positions]
        given = self.audit.given
        label = given.loc[names].astype(object)
        table = pd.DataFrame(
            {"similarity": found.similarities.astype(float), "label": label.to_numpy()},
            index=pd.Index(names, name="sample_id"),
        )
        if ids is not None:
            table["same_label"] = table["label"].isin(set(given.loc[list(ids)]))
        table.attrs = {"eye": eye, "how": self.search(eye).how}
        return table


def spoken_eye(name: str) -> str:
    """Return what people call an eye.

    >>> spoken_eye("network"), spoken_eye("efficientnet_lite0")
    ('the network trained here', 'efficientnet_lite0')
    """
    return "the network trained here" if name == NETWORK else name


def _count(k: int) -> int:
    if k < 1:
        raise O2UError(f"Expected to find at least one sample, found k={k}.")
    return int(k)


def _tidy(place: Path) -> None:
    """Remove what was kept of the same eye's earlier features."""
    eye = place.name.rpartition("-")[0]
    for path in place.parent.glob(f"{eye}-*"):
        if path.name.split(".")[0] != place.name:
            try:
                os.unlink(path)
            except OSError:  # another process may have removed it, or the folder is read-only
                continue
