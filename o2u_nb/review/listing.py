"""Which samples of a review are shown, in which order, and where in the list the reviewer is.

In come the settings of `filters`; out come `visible`, the positions to show, and the samples that
are selected and current, which are always among them.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import traitlets
from traitlets import Bunch

from o2u_nb.errors import O2UError
from o2u_nb.review.filters import FILTERS, STATES, UNDECIDED, Filters, frozen
from o2u_nb.review.groups import Group, by_pair
from o2u_nb.review.learning import P_WRONG


@dataclass(frozen=True)
class Hidden:
    """Say how many samples a search found that are not shown, and which other filters hide them."""

    count: int = 0
    filters: tuple[str, ...] = ()


class Listing(Filters):
    """Hold the list of samples that are shown, and follow the settings; see `ReviewSession`.

    `visible` int (n_visible,) are positions in display order; `selected` and `current` are ids.
    """

    selected = traitlets.Tuple()
    current = traitlets.Unicode(None, allow_none=True)

    visible = traitlets.Instance(np.ndarray, args=(0,), read_only=True)
    groups = traitlets.Tuple(read_only=True)
    hidden_matches = traitlets.Instance(Hidden, args=(), read_only=True)

    def __init__(self, scores: pd.DataFrame, features: Callable[[], Sequence[np.ndarray]] = tuple):
        super().__init__(scores, features)
        self._shown = np.zeros(len(self.columns), dtype=bool)

    def follow_settings(self) -> None:
        """Begin with the audit's own suspects, and keep the list in step with every setting."""
        with self.hold_trait_notifications():
            self.threshold = self.threshold_for(int(self.scores["suspect"].sum()))
            self.cut()
            self.show()
        self.observe(lambda _: self.show(), [*FILTERS, "sequence", "concealed"])
        self.observe(self._on_threshold, "threshold")
        self.observe(self._on_column, "threshold_column")

    def show(self) -> None:
        """List what passes the filters, and keep the focus within it."""
        self._shown = self.passing()
        visible, groups = self._grouped(self._order())
        with self.hold_trait_notifications():
            self.set_trait("groups", groups)
            self.set_trait("visible", frozen(visible))
            self.set_trait("hidden_matches", self._hidden_matches())
            self._keep_focus_visible()
            self.listed()

    def _order(self) -> np.ndarray:
        """Return the positions that may be shown, in their order; hide all others."""
        if self.sequence is not None:
            in_sequence = np.zeros(len(self.columns), dtype=bool)
            in_sequence[self.sequence] = True
            self._shown &= in_sequence
            return self.sequence
        if self.alike_in_force is not None:  # most similar first
            return self.columns.positions(self.alike_in_force.ids)
        return self._sorted()

    def _sorted(self) -> np.ndarray:
        """Return all positions sorted by `order_by`; ties are in rank order, NaN is last."""
        if self.order_by == P_WRONG and self.causes:
            return np.argsort(-self.p_wrong if self.descending else self.p_wrong, kind="stable")
        return self.columns.order(self.order_by, descending=self.descending)

    def rank_again(self) -> None:
        """List the samples by the probability of a wrong label that the decisions so far say.

        The list keeps this order while decisions are made, until this is called again, a setting
        changes, or a command is undone. Where nothing is decided, it is the audit's `p_wrong`.
        """
        with self.hold_trait_notifications():
            self.order_by, self.descending = P_WRONG, True
            self.show()
            self.go_to_undecided()

    def _grouped(self, order: np.ndarray) -> tuple[np.ndarray, tuple[Group, ...]]:
        """Return what is shown of all positions in `order`, and its groups."""
        listed = order[self._shown[order]]
        if not self.group_by or self.sequence is not None:
            return listed, ()
        # Without the filter by decision, so that deciding does not make groups change places.
        counted = order[self.passing(without="decision_filter")[order]]
        return by_pair(listed, self.columns, counted)

    def _hidden_matches(self) -> Hidden:
        found = self.passes("text_filter")
        missed = None if found is None else found & ~self._shown
        if missed is None or not missed.any():
            return Hidden()
        return Hidden(int(np.count_nonzero(missed)), self.hiding(missed))

    def listed(self) -> None:
        """Update what depends on the list. Called whenever that has changed; subclasses fill it."""

    def select(self, ids: Iterable[str]) -> None:
        """Select samples; the last one becomes the current one.

        Raises `O2UError` for a sample that is unknown or hidden by the filters.
        """
        ids = tuple(dict.fromkeys(ids))
        self._require_visible(ids)
        with self.hold_trait_notifications():
            self.selected = ids
            if ids:
                self.current = ids[-1]

    def select_range(self, first: str, last: str) -> None:
        """Select all visible samples from `first` to `last`, which becomes the current one.

        Raises `O2UError` when one of the two is unknown or hidden by the filters.
        """
        start = self.index_of(first)
        end = self.index_of(last)
        if start is None or end is None:
            raise O2UError(f"Expected two visible samples, found {first!r} and {last!r}.")
        low, high = sorted((start, end))
        self.select(self.columns.ids_at(self.visible[low : high + 1]))
        self.current = last

    def group_of(self, sample_id: str) -> Group | None:
        """Return the group of `groups` that a sample stands in, None where it is in none."""
        place = self.index_of(sample_id)
        groups = (group for group in self.groups if group.start <= (place or 0) < group.stop)
        return None if place is None else next(groups, None)

    def select_group(self, sample_id: str | None = None) -> list[str]:
        """Select the group that a sample stands in, by default the current one; return its ids.

        The sample becomes the current one. Raises `O2UError` when the list has no groups, or the
        sample is hidden by the filters.
        """
        sample_id = self.current if sample_id is None else sample_id
        group = None if sample_id is None else self.group_of(sample_id)
        if group is None:
            raise O2UError(
                "There is no group here: set group_by to 'pair', and name a sample in the list."
            )
        ids = self.columns.ids_at(self.visible[group.start : group.stop])
        with self.hold_trait_notifications():
            self.selected = tuple(ids)
            self.current = sample_id
        return ids

    def reveal(self, sample_id: str) -> None:
        """Make a sample the current one; filters that hide it are switched off, and no others.

        Raises `O2UError` for an unknown id.
        """
        mask = np.zeros(len(self.columns), dtype=bool)
        mask[self.columns.positions([sample_id])] = True
        self.relax(self.hiding(mask))
        self.current = sample_id

    def reveal_matches(self) -> None:
        """Show all that the search finds: switch those other filters off that hide some of it."""
        self.relax(self.hidden_matches.filters)

    def go_to_undecided(self) -> str | None:
        """Make the first undecided sample of the list current, unless the current one is undecided.

        Returns the current sample; it stays where no sample in the list is undecided.
        """
        is_open = self._state[self.visible] == STATES.index(UNDECIDED)
        here = None if self.current is None else self.index_of(self.current)
        if is_open.any() and (here is None or not is_open[here]):
            self.current = self.id_of(self.visible[int(is_open.argmax())])
        return self.current

    def index_of(self, sample_id: str) -> int | None:
        """Return the place of a sample in `visible`, None when it is filtered out."""
        (position,) = self.columns.positions([sample_id])
        if not self._shown[position]:
            return None
        return int(np.flatnonzero(self.visible == position)[0])

    def step(self, by: int = 1) -> str | None:
        """Move `current` by `by` places in the list, but not beyond its ends; return its id."""
        if len(self.visible):
            here = None if self.current is None else self.index_of(self.current)
            place = 0 if here is None else min(max(here + by, 0), len(self.visible) - 1)
            self.current = self.id_of(self.visible[place])
        return self.current

    def following(self, positions: np.ndarray) -> str | None:
        """Return the first visible sample after all of `positions`, None at the end."""
        places = np.flatnonzero(np.isin(self.visible, positions))
        after = places[-1] + 1 if len(places) else len(self.visible)
        return self.id_of(self.visible[after]) if after < len(self.visible) else None

    def is_shown(self, sample_id: str) -> bool:
        """Tell whether a sample is in the list."""
        return bool(self._shown[self.columns.positions([sample_id])[0]])

    def id_of(self, position: int) -> str:
        """Return the id of the sample at `position`, a row of the scores."""
        return self.columns.ids[position]

    @traitlets.validate("current")
    def _valid_current(self, proposal: Bunch) -> str | None:
        if proposal["value"] is not None:
            self._require_visible([proposal["value"]])
        return proposal["value"]

    def _on_threshold(self, _: Bunch | None) -> None:
        self.cut()
        self.show()

    def _on_column(self, _: Bunch) -> None:
        """Set the threshold on the new column so that there are as many suspects as before."""
        self.threshold = self.threshold_for(int(self.suspects.sum()))
        self._on_threshold(None)  # also when both columns have the same threshold by chance

    def _keep_focus_visible(self) -> None:
        """Deselect what a filter hides, so that no command hits a sample out of sight."""
        shown = self._shown[self.columns.positions(self.selected)]
        kept = tuple(itertools.compress(self.selected, shown))
        if kept != self.selected:
            self.selected = kept
        if self.current is None or not self.is_shown(self.current):
            self.current = self.id_of(self.visible[0]) if len(self.visible) else None

    def _require_visible(self, ids: Sequence[str]) -> None:
        hidden = np.flatnonzero(~self._shown[self.columns.positions(ids)])
        if len(hidden):
            raise O2UError(f"Sample {ids[hidden[0]]!r} is hidden by the filters: show it first.")
