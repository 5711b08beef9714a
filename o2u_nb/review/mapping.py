"""The map of an audit: each sample as a point, so that similar samples lie near each other.

In come the features of an eye, by an `AuditSearch`; out come coordinates. Those that take long to
compute are kept in the audit folder's cache.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from o2u_nb.data import array_file
from o2u_nb.data.array_file import Damage
from o2u_nb.detect import projection
from o2u_nb.detect.projection import Tell
from o2u_nb.errors import OutputError
from o2u_nb.review.columns import one_of
from o2u_nb.review.search import AuditSearch

PCA, UMAP = "pca", "umap"
METHODS = {PCA: "principal components", UMAP: "UMAP"}  # what people call them


class AuditMap:
    """Compute the coordinates of all samples that `search` can compare, once for each method."""

    def __init__(self, search: AuditSearch):
        self.search = search
        self._found: dict[tuple[str, str], np.ndarray] = {}

    def coordinates(
        self,
        method: str = PCA,
        eye: str | None = None,
        *,
        tell: Tell | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> np.ndarray | None:
        """Return coordinates, float32 (n, 2), in the order of the trace; None if `cancelled()`.

        `method` is "pca", which takes a second or so, or "umap", which takes minutes for many
        samples; `tell(stage, done, total)` is called while this runs. `eye` names the network whose
        features lie near each other, by default the first one. Raises `O2UError` for another method
        or eye, or where no features were kept, and `MissingExtraError` without umap-learn.
        """
        one_of(method, list(METHODS), "method")
        key = method, self.search.eye(eye)
        if key not in self._found:
            make = self._principal if method == PCA else self._umap
            found = make(key[1], tell, cancelled)
            if found is None:
                return None
            self._found[key] = found
        return self._found[key]

    def table(self, method: str = PCA, eye: str | None = None) -> pd.DataFrame:
        """Return the coordinates as columns `x` and `y`, indexed by `sample_id`, with `label`."""
        found = self.coordinates(method, eye)
        assert found is not None, "nobody cancels it"
        ids = pd.Index(self.search.audit.trace.ids, name="sample_id")
        given = self.search.audit.given.loc[ids].astype(object).to_numpy()
        return pd.DataFrame({"x": found[:, 0], "y": found[:, 1], "label": given}, index=ids)

    def _principal(self, eye: str, _: Tell | None, __: Callable[[], bool]) -> np.ndarray:
        return projection.principal(self.search.search(eye))

    def _umap(
        self, eye: str, tell: Tell | None, cancelled: Callable[[], bool]
    ) -> np.ndarray | None:
        search = self.search.search(eye)
        kept = None if search.place is None else search.place.with_suffix(".umap.npy")
        if kept is not None:
            with suppress(OSError, Damage):
                return _read(kept, len(search.rows))
        found = projection.umap(search, tell=tell, cancelled=cancelled)
        if found is not None and kept is not None:
            with suppress(OSError, OutputError):  # then it is computed again the next time
                kept.parent.mkdir(parents=True, exist_ok=True)
                array_file.write(kept, found)
        return found


def _read(path: Path, n: int) -> np.ndarray:
    found = array_file.read(path, whole=True)
    array_file.expect(found, [np.float32], (n, 2))
    return np.array(found)
