"""The settings of a review: the order, the filters, and the threshold from which on suspects begin.

In come a scores table and what is decided; out come masks and orders over its rows. Each setting
is checked when it is set, and an error names the nearest value that exists.
"""

import numpy as np
import pandas as pd
import traitlets
from traitlets import Bunch

from o2u_nb.detect.recalibrated import recalibrated
from o2u_nb.errors import O2UError
from o2u_nb.review.columns import Columns, one_of
from o2u_nb.review.events import ACTIONS

UNDECIDED = "undecided"
STATES = (UNDECIDED, *ACTIONS)  # what is decided about a sample; its code is the position here
FOUND_WRONG = [STATES.index("relabel"), STATES.index("drop")]  # the codes of a label found wrong
FOUND = [*FOUND_WRONG, STATES.index("keep")]  # and of one found wrong or right
DECISION_FILTERS = ("all", "decided", *STATES)
# The traits that decide which samples are visible, and in which order.
FILTERS = (
    "order_by", "descending", "label_filter", "pair_filter", "decision_filter", "text_filter",
    "only_suspects", "position_filter",
)  # fmt: skip


class Filters(traitlets.HasTraits):
    """Hold the settings of a review; `ReviewSession` says what they mean.

    `columns` are the scores table's, `suspects` bool (n,) the samples at or above the threshold.
    """

    order_by = traitlets.Unicode("score")
    descending = traitlets.Bool(True)
    label_filter = traitlets.Unicode(None, allow_none=True)
    pair_filter = traitlets.Tuple(
        traitlets.Unicode(), traitlets.Unicode(), default_value=None, allow_none=True
    )
    decision_filter = traitlets.Unicode("all")
    text_filter = traitlets.Unicode("")
    only_suspects = traitlets.Bool(True)
    position_filter = traitlets.Instance(np.ndarray, allow_none=True)
    threshold = traitlets.Float()
    threshold_column = traitlets.Unicode("score")

    suspects = traitlets.Instance(np.ndarray, args=(0,), read_only=True)
    p_wrong = traitlets.Instance(np.ndarray, args=(0,), read_only=True)
    estimated_precision = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(self, scores: pd.DataFrame):
        super().__init__()
        self.columns = Columns(scores)
        self._state = np.zeros(len(self.columns), dtype=np.int8)
        self.set_trait("p_wrong", self.columns.values("p_wrong"))

    @property
    def scores(self) -> pd.DataFrame:
        """Return the scores table; positions are its rows."""
        return self.columns.scores

    @property
    def classes(self) -> list[str]:
        """Return the class names, sorted."""
        return self.columns.classes

    @property
    def orders(self) -> list[str]:
        """Return the columns that `order_by` and `threshold_column` may name."""
        return self.columns.names

    @property
    def states(self) -> np.ndarray:
        """Return what is decided of each sample: int8 (n,), positions in `STATES`, a copy."""
        return self._state.copy()

    def passing(self) -> np.ndarray:
        """Tell which samples (n,) bool pass all filters."""
        columns = self.columns
        mask = self.suspects.copy() if self.only_suspects else np.ones(len(columns), dtype=bool)
        if self.label_filter is not None:
            mask &= self.labelled(self.label_filter)
        if self.pair_filter is not None:
            given, suggested = map(columns.code, self.pair_filter)
            mask &= (columns.label == given) & (columns.suggested == suggested)
        if self.decision_filter == "decided":
            mask &= self._state > 0
        elif self.decision_filter != "all":
            mask &= self._state == STATES.index(self.decision_filter)
        if self.text_filter:
            mask &= columns.matches(self.text_filter)
        if self.position_filter is not None:
            mask &= _picked(self.position_filter, len(columns))
        return mask

    def labelled(self, label: str) -> np.ndarray:
        """Tell which samples (n,) bool have the given label `label`."""
        return self.columns.label == self.columns.code(label)

    def pairs(self) -> pd.DataFrame:
        """Count which given label is taken for which among the suspects: given, suggested, count.

        Largest count first; the rows of a confusion matrix, and what `pair_filter` takes.
        """
        n = len(self.columns.classes)
        known = self.suspects & (self.columns.suggested >= 0)
        codes = self.columns.label[known].astype(np.int64) * n + self.columns.suggested[known]
        pairs, counts = np.unique(codes, return_counts=True)
        names = np.array(self.columns.classes, dtype=object)
        table = pd.DataFrame(
            {"given": names[pairs // n], "suggested": names[pairs % n], "count": counts}
        )
        return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)

    def threshold_for(self, count: int) -> float:
        """Return the threshold that makes `count` suspects, more where values are equal.

        It is the `count`-th highest value of `threshold_column`. For a `count` of 0 it is just
        above the highest value.
        """
        values = self.columns.values(self.threshold_column)
        best = values[self.columns.order(self.threshold_column)[: max(count, 1)]]
        known = best[~np.isnan(best)]
        if not len(known):
            return 0.0
        return float(known[-1] if count else np.nextafter(known[0], np.inf))

    def cut(self) -> None:
        """Find the suspects, and what to expect of them, for the present threshold."""
        suspects = self.columns.values(self.threshold_column) >= self.threshold
        with self.hold_trait_notifications():  # observers of one must see the other's new value
            self.set_trait("suspects", frozen(suspects))
            self.estimate()

    def estimate(self) -> None:
        """Find how many of the suspects are wrong, by `p_wrong`."""
        p_wrong = self.p_wrong[self.suspects]
        known = p_wrong[~np.isnan(p_wrong)]
        self.set_trait("estimated_precision", float(known.mean()) if len(known) else None)

    def found(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where a label was found right or wrong: positions (k,), and if wrong (k,) bool."""
        decided = np.flatnonzero(np.isin(self._state, FOUND))
        return decided, np.isin(self._state[decided], FOUND_WRONG)

    def recalibrate(self) -> None:
        """Move `p_wrong` as far as the decisions so far ask for; see `detect.recalibrated`."""
        found = recalibrated(self.columns.values("p_wrong"), *self.found())
        with self.hold_trait_notifications():
            self.set_trait("p_wrong", frozen(found))
            self.estimate()

    @traitlets.validate("order_by", "threshold_column")
    def _valid_column(self, proposal: Bunch) -> str:
        return one_of(proposal["value"], self.columns.names, "score")

    @traitlets.validate("label_filter")
    def _valid_label(self, proposal: Bunch) -> str | None:
        label = proposal["value"]
        return label if label is None else one_of(label, self.classes, "class")

    @traitlets.validate("pair_filter")
    def _valid_pair(self, proposal: Bunch) -> tuple:
        for label in proposal["value"] or ():
            one_of(label, self.columns.classes, "class")
        return proposal["value"]

    @traitlets.validate("decision_filter")
    def _valid_decision(self, proposal: Bunch) -> str:
        return one_of(proposal["value"], list(DECISION_FILTERS), "decision")

    @traitlets.validate("position_filter")
    def _valid_positions(self, proposal: Bunch) -> np.ndarray | None:
        positions = proposal["value"]
        if positions is None:
            return None
        positions = np.array(positions, dtype=np.int64)
        if positions.size and not (0 <= positions.min() <= positions.max() < len(self.columns)):
            raise O2UError(
                f"Expected positions from 0 to {len(self.columns) - 1} as position_filter."
            )
        return frozen(positions)

    @traitlets.validate("threshold")
    def _valid_threshold(self, proposal: Bunch) -> float:
        if not np.isfinite(proposal["value"]):
            raise O2UError(f"Expected a number as threshold, found {proposal['value']}.")
        return proposal["value"]


def frozen(array: np.ndarray) -> np.ndarray:
    """Make `array` read-only, and return it: a trait does not notice changes inside an array."""
    array.setflags(write=False)
    return array


def _picked(positions: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[positions] = True
    return mask
