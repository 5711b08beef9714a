"""The settings of a review: the order, the filters, and the threshold from which on suspects begin.

In come a scores table and what is decided; out come masks and orders over its rows. Each setting
is checked when it is set, and an error names the nearest value that exists.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import traitlets
from traitlets import Bunch

from o2u_nb.detect.from_decisions import Decided
from o2u_nb.errors import O2UError
from o2u_nb.review.alike import Alike
from o2u_nb.review.columns import Columns, one_of
from o2u_nb.review.concealed import LEVELS, NOTHING, TELLING
from o2u_nb.review.events import ACTIONS
from o2u_nb.review.groups import GROUPINGS
from o2u_nb.review.learning import P_WRONG, Learning
from o2u_nb.review.remarks import Remarks

UNDECIDED = "undecided"
STATES = (UNDECIDED, *ACTIONS)  # what is decided about a sample; its code is the position here
FOUND_WRONG = [STATES.index("relabel"), STATES.index("drop")]  # the codes of a label found wrong
FOUND = [*FOUND_WRONG, STATES.index("keep")]  # and of one found wrong or right
DECISION_FILTERS = ("all", "decided", *STATES)
# The traits that decide which samples are visible.
HIDING = (
    "only_suspects", "label_filter", "pair_filter", "decision_filter", "note_filter", "tag_filter",
    "text_filter", "position_filter", "alike_filter",
)  # fmt: skip
# These, and the traits that decide in which order.
FILTERS = ("order_by", "descending", "group_by", *HIDING)
# The value of each filter that hides nothing.
OFF = dict.fromkeys(HIDING) | dict(
    only_suspects=False, decision_filter="all", note_filter=False, text_filter=""
)


class Filters(traitlets.HasTraits):
    """Hold the settings of a review; `ReviewSession` says what they mean.

    `columns` are the scores table's, `suspects` bool (n,) the samples at or above the threshold.
    `features` are as in `Learning`, and `causes` what the decisions so far have added to the
    log-odds of a wrong label, float (n,) nats each, by the name of the cause; see `Moved`.
    """

    order_by = traitlets.Unicode("score")
    descending = traitlets.Bool(True)
    group_by = traitlets.Unicode("")
    label_filter = traitlets.Unicode(None, allow_none=True)
    pair_filter = traitlets.Tuple(
        traitlets.Unicode(), traitlets.Unicode(), default_value=None, allow_none=True
    )
    decision_filter = traitlets.Unicode("all")
    note_filter = traitlets.Bool(False)
    tag_filter = traitlets.Unicode(None, allow_none=True)
    text_filter = traitlets.Unicode("")
    only_suspects = traitlets.Bool(True)
    position_filter = traitlets.Instance(np.ndarray, allow_none=True)
    alike_filter = traitlets.Instance(Alike, allow_none=True)
    sequence = traitlets.Instance(np.ndarray, allow_none=True)
    concealed = traitlets.Unicode(NOTHING)
    threshold = traitlets.Float()
    threshold_column = traitlets.Unicode("score")

    suspects = traitlets.Instance(np.ndarray, args=(0,), read_only=True)
    p_wrong = traitlets.Instance(np.ndarray, args=(0,), read_only=True)
    estimated_precision = traitlets.Float(None, allow_none=True, read_only=True)

    def __init__(self, scores: pd.DataFrame, features: Callable[[], Sequence[np.ndarray]] = tuple):
        super().__init__()
        self.columns = Columns(scores)
        self.learning = Learning(self.columns, features)
        self.causes: dict[str, np.ndarray] = {}
        self._state = np.zeros(len(self.columns), dtype=np.int8)
        self._right = np.full(len(self.columns), -1, dtype=np.int32)  # see `Decided`
        self._remarks = Remarks()
        self.set_trait("p_wrong", self.columns.values(P_WRONG))

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

    @property
    def alike_in_force(self) -> Alike | None:
        """Return the similar samples that are listed; None in blind mode, where they would tell."""
        return None if "alike_filter" in TELLING[self.concealed] else self.alike_filter

    @property
    def tags_in_use(self) -> tuple[str, ...]:
        """Return the tags that samples have, those of the most samples first."""
        return self._remarks.in_use

    def passing(self, *, without: str | None = None) -> np.ndarray:
        """Tell which samples (n,) bool pass all filters, those named `without` left out."""
        mask = np.ones(len(self.columns), dtype=bool)
        for name in HIDING:
            if name != without and (passes := self.passes(name)) is not None:
                mask &= passes
        return mask

    def passes(self, name: str) -> np.ndarray | None:
        """Tell which samples (n,) bool pass one filter of `HIDING`; None where it is off."""
        value = getattr(self, name)
        is_off = value is None or value is False or (isinstance(value, str) and value == OFF[name])
        is_off |= name in TELLING[self.concealed]
        return None if is_off else getattr(self, f"_pass_{name}")(value)

    def hiding(self, mask: np.ndarray) -> tuple[str, ...]:
        """Name the filters that hide samples of `mask` bool (n,)."""
        found = ((name, self.passes(name)) for name in HIDING)
        return tuple(
            name for name, passes in found if passes is not None and (mask & ~passes).any()
        )

    def relax(self, names: Iterable[str]) -> None:
        """Switch the filters `names` off, all at once."""
        with self.hold_trait_notifications():
            for name in names:
                setattr(self, name, OFF[name])

    def clear_filters(self) -> None:
        """Switch all filters off, the lasso included, but the one for suspects."""
        self.relax(name for name in HIDING if name != "only_suspects")

    @property
    def estimated_threshold(self) -> float:
        """Return the threshold on `threshold_column` with as many suspects as the audit found."""
        return self.threshold_for(int(self.scores["suspect"].sum()))

    @property
    def is_estimated(self) -> bool:
        """Return whether the suspects are those that the audit found."""
        # A threshold that comes from an array compares to a bool of numpy, which panels refuse.
        return self.threshold_column == "score" and bool(self.threshold == self.estimated_threshold)

    def reset_threshold(self) -> None:
        """Go back to the suspects that the audit found, by its recommended score."""
        self.threshold_column = "score"
        self.threshold = self.estimated_threshold

    def _pass_only_suspects(self, _: bool) -> np.ndarray:
        return self.suspects

    def _pass_label_filter(self, label: str) -> np.ndarray:
        return self.labelled(label)

    def _pass_pair_filter(self, pair: tuple[str, str]) -> np.ndarray:
        given, suggested = map(self.columns.code, pair)
        return (self.columns.label == given) & (self.columns.suggested == suggested)

    def _pass_decision_filter(self, decision: str) -> np.ndarray:
        return self._state > 0 if decision == "decided" else self._state == STATES.index(decision)

    def _pass_note_filter(self, _: bool) -> np.ndarray:
        return _picked(self.columns.positions(self._remarks.noted), len(self.columns))

    def _pass_tag_filter(self, tag: str) -> np.ndarray:
        return _picked(self.columns.positions(self._remarks.tagged(tag)), len(self.columns))

    def _pass_text_filter(self, text: str) -> np.ndarray:
        return self.columns.matches(text)

    def _pass_position_filter(self, positions: np.ndarray) -> np.ndarray:
        return _picked(positions, len(self.columns))

    def _pass_alike_filter(self, alike: Alike) -> np.ndarray:
        return _picked(self.columns.positions(alike.shown()), len(self.columns))

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

    def found(self) -> Decided:
        """Return where a label was found right or wrong, and which class is the right one."""
        decided = np.flatnonzero(np.isin(self._state, FOUND))
        wrong = np.isin(self._state[decided], FOUND_WRONG)
        return Decided(decided, wrong, self._right[decided])

    def moved(self, said: np.ndarray) -> np.ndarray:
        """Move the probabilities `said` (n,) as far as the decisions so far ask for."""
        return self.learning.after(self.found(), said).p_wrong

    def recalibrate(self) -> None:
        """Move `p_wrong` as far as the decisions so far ask for; see `review.learning`."""
        found = self.learning.after(self.found())
        self.causes = found.causes
        with self.hold_trait_notifications():
            self.set_trait("p_wrong", frozen(found.p_wrong))
            self.estimate()

    def order_values(self) -> np.ndarray:
        """Return what `order_by` sorts by, float (n,): of `p_wrong` as the decisions moved it."""
        return self.p_wrong if self.order_by == P_WRONG else self.columns.values(self.order_by)

    @traitlets.validate("order_by", "threshold_column")
    def _valid_column(self, proposal: Bunch) -> str:
        return one_of(proposal["value"], self.columns.names, "score")

    @traitlets.validate("group_by")
    def _valid_grouping(self, proposal: Bunch) -> str:
        return one_of(proposal["value"], list(GROUPINGS), "grouping")

    @traitlets.validate("tag_filter")
    def _valid_tag(self, proposal: Bunch) -> str | None:
        tag = proposal["value"]
        return tag if tag is None else one_of(tag, list(self.tags_in_use), "tag")

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

    @traitlets.validate("concealed")
    def _valid_level(self, proposal: Bunch) -> str:
        return one_of(proposal["value"], list(LEVELS), "level of concealment")

    @traitlets.validate("position_filter", "sequence")
    def _valid_positions(self, proposal: Bunch) -> np.ndarray | None:
        positions = proposal["value"]
        if positions is None:
            return None
        positions = np.array(positions, dtype=np.int64)
        if positions.size and not (0 <= positions.min() <= positions.max() < len(self.columns)):
            raise O2UError(
                f"Expected positions from 0 to {len(self.columns) - 1} as "
                f"{proposal['trait'].name}, found {positions.min()} to {positions.max()}."
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
