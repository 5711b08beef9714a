"""A listing of similar samples: what is like some of them, most similar first, in every panel.

In comes what `AuditSearch` finds; out goes an `Alike`, which filters and orders the list until it
is cleared; then all is as it was before. It is kept in the audit's cache, so that a review that is
opened again shows it again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from traitlets import Bunch

from o2u_nb.data import atomic
from o2u_nb.data.parallel import Progress
from o2u_nb.errors import O2UError, OutputError
from o2u_nb.looks import Picture, called
from o2u_nb.review import copies
from o2u_nb.review.alike import LABELS, Alike
from o2u_nb.review.filters import HIDING, OFF
from o2u_nb.review.listing import Listing
from o2u_nb.review.search import SHOWN, AuditSearch, spoken_eye

if TYPE_CHECKING:
    from o2u_nb.folder import AuditFolder

CACHE = ".cache/listings"
# Filters that the listing is shown without, and that come back when it is cleared.
OTHERS = tuple(name for name in HIDING if name != "alike_filter")


@dataclass
class Before:
    """What a listing took the place of: the filters that were set, and the current sample."""

    filters: dict[str, Any] = field(default_factory=dict)
    current: str | None = None


class AlikeListing(Listing):
    """Show similar samples in the list; see `ReviewSession`. `audit` is what is searched."""

    audit: "AuditFolder"
    _before: Before

    @property
    def reviewer(self) -> str:
        """Return the name under which decisions are recorded."""
        raise NotImplementedError

    @cached_property
    def search(self) -> AuditSearch:
        """Return the search for similar samples of this audit."""
        return AuditSearch(self.audit)

    def show_similar(
        self, ids: str | Iterable[str] | None = None, *, k: int = SHOWN, eye: str | None = None
    ) -> Alike:
        """List the `k` samples most similar to any of `ids`, and nothing else; return the listing.

        As for all commands, `ids` defaults to the selection, or to the current sample. Suspects or
        not, all samples are searched, and filters are set aside until `stop_alike()`, after which
        everything is as before. `eye` names the network whose features are compared, by default the
        first one. Raises `O2UError` for an unknown id or eye, where no features were kept, or while
        something is `concealed`.
        """
        return self._show(self.search.similar, ids, k=k, eye=eye, words="Similar to")

    def show_more_like(
        self, ids: str | Iterable[str] | None = None, *, k: int = SHOWN, eye: str | None = None
    ) -> Alike:
        """List the `k` samples that have most of what `ids` have in common.

        The other arguments, what is returned and what is raised are those of `show_similar`.
        """
        return self._show(self.search.more_like, ids, k=k, eye=eye, words="More like")

    def show_looks_like(
        self, picture: Picture, *, k: int = SHOWN, eye: str | None = None, name: str = ""
    ) -> Alike:
        """List the samples most similar to a picture that is not in the set.

        `name` is what it is called, by default its file's name; `k` and `eye` are those of
        `show_similar`. See `AuditSearch.looks_like` for pictures and errors.
        """
        self._require_seen()
        found = self.search.looks_like(picture, k=k, eye=eye)
        return self.show_found(f"Looks like {name or called(picture)}", found)

    def show_found(self, title: str, found: pd.DataFrame) -> Alike:
        """List what `AuditSearch.looks_like` has found; so that may be asked in the background."""
        self._require_seen()
        return self._list(_alike(title, found, ()))

    def show_copies(self, *, every: bool = False, progress: Progress | None = None) -> Alike:
        """List the pictures that have a copy with another label, copies side by side.

        With `every`, all groups of copies are listed. They are searched for when first asked for,
        see `copies.copies_of`; `progress(done, total)` is called while this runs. Else as
        `show_similar`. Raises `O2UError` when there is nothing to list.
        """
        self._require_seen()
        found = copies.copies_of(self.audit, progress=progress)
        return self._list(copies.listing(found, every=every))

    def choose_labels(self, labels: str) -> None:
        """List all similar samples, or only those with the same or with other labels.

        `labels` is one of `LABELS`. Raises `O2UError` for anything else, or without a listing.
        """
        if self.alike_filter is None:
            raise O2UError("Nothing similar is listed: call show_similar first.")
        if labels not in LABELS:
            raise O2UError(f"Expected one of {', '.join(LABELS)}, found {labels!r}.")
        self.alike_filter = replace(self.alike_filter, labels=labels)

    def stop_alike(self) -> None:
        """Go back to the list that was there before similar samples were shown."""
        if self.alike_filter is None:
            return
        before, self._before = self._before, Before()
        with self.hold_trait_notifications():
            self.alike_filter = None
            for name, value in before.filters.items():
                setattr(self, name, value)
        if before.current is not None and self.is_shown(before.current):
            self.current = before.current

    def clear_filters(self) -> None:
        """Switch all filters off, similar samples too, but the one for suspects."""
        self.stop_alike()
        super().clear_filters()

    def reopen_listing(self) -> None:
        """Show the similar samples again that were listed when the review was last open."""
        self._before = Before()
        with suppress(OSError, ValueError, LookupError, TypeError, O2UError):
            kept = json.loads(self._kept_in().read_text(encoding="utf-8"))
            alike = _from_plain(kept["alike"])
            self.columns.positions((*alike.ids, *alike.of))  # raises for samples that are gone
            before = Before(_from_lists(kept["before"]["filters"]), kept["before"]["current"])
            self._begin(alike)
            self._before = before
        self.observe(self._keep_listing, ["alike_filter"])

    def _show(
        self, search: Callable, ids: str | Iterable[str] | None, *, k: int, eye: str | None,
        words: str,
    ) -> Alike:  # fmt: skip
        self._require_seen()
        chosen = tuple(self._chosen(ids))
        title = f"{words} {chosen[0] if len(chosen) == 1 else f'{len(chosen):,} samples'}"
        return self._list(_alike(title, search(chosen, k=k, eye=eye), chosen))

    def _require_seen(self) -> None:
        if self.concealed or self.sequence is not None:
            raise O2UError(
                "Similar samples are not listed in blind mode or during a check, because they tell "
                "what the picture may be: leave it first."
            )

    def _chosen(self, ids: str | Iterable[str] | None) -> list[str]:
        raise NotImplementedError

    def _list(self, alike: Alike) -> Alike:
        if self.alike_filter is None:
            self._before = Before(self._set_filters(), self.current)
        self._begin(alike)
        return alike

    def _begin(self, alike: Alike) -> None:
        with self.hold_trait_notifications():
            self.relax(OTHERS)
            self.selected = ()
            self.alike_filter = alike
        if len(self.visible):
            self.current = self.id_of(self.visible[0])

    def _set_filters(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in OTHERS}
        return {name: value for name, value in values.items() if not _is_off(name, value)}

    def _kept_in(self) -> Path:
        who = hashlib.sha256(self.reviewer.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self.audit.folder / CACHE / f"{who}.json"

    def _keep_listing(self, change: Bunch) -> None:
        """Keep what is listed, or forget it; where the cache cannot be written, it is not kept."""
        path = self._kept_in()
        with suppress(OSError, OutputError):
            if change["new"] is None:
                path.unlink(missing_ok=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = dict(alike=asdict(change["new"]), before=asdict(self._before))
            with atomic.replacing(path, durable=False) as file:
                file.write(json.dumps(kept, default=np.ndarray.tolist).encode())


def _alike(title: str, found: pd.DataFrame, of: tuple[str, ...]) -> Alike:
    same = found["same_label"].tolist() if "same_label" in found else [False] * len(found)
    return Alike(
        title=title,
        by=spoken_eye(found.attrs["eye"]),
        of=of,
        ids=tuple(found.index),
        similarities=tuple(found["similarity"]),
        same=tuple(same),
        how=found.attrs["how"],
    )


def _is_off(name: str, value: Any) -> bool:
    return value is None or (not isinstance(value, np.ndarray) and value == OFF[name])


def _from_plain(values: dict) -> Alike:
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Alike(**{**values, **lists})


def _from_lists(filters: dict[str, Any]) -> dict[str, Any]:
    """Return filters as they were before they were written as JSON."""
    if "position_filter" in filters:
        filters["position_filter"] = np.array(filters["position_filter"], dtype=np.int64)
    if "pair_filter" in filters:
        filters["pair_filter"] = tuple(filters["pair_filter"])
    return filters
