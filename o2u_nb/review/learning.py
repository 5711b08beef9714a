"""Learning from decisions in a review: the probabilities of a wrong label as a function of the log.

In come the columns of a scores table, the features of frozen networks and what is decided now; out
come probabilities in the same order, and what moved them. Nothing is remembered between decisions
but what depends on none of them: so after an undo the probabilities are what they were before.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from o2u_nb.detect.from_decisions import Decided, Learned, Prior
from o2u_nb.detect.recalibrated import log_odds, recalibrated
from o2u_nb.errors import O2UError
from o2u_nb.review.columns import Columns

P_WRONG = "p_wrong"


class Moved(NamedTuple):
    """Probabilities of a wrong label, float (n,), 0 to 1, NaN where unknown, and what moved them.

    `causes` are float (n,) each, nats that were added to the log-odds, by the name of the cause;
    empty without decisions.
    """

    p_wrong: np.ndarray
    causes: dict[str, np.ndarray]


class Learning:
    """Say what the decisions of a review tell about all other samples.

    `columns` are the scores table's. `features()` returns those of frozen networks, float (n, d)
    each, rows in the order of the table; it is first called when something is decided. Without
    features, all log-odds are shifted and scaled alike (see `detect.recalibrated`), which keeps the
    order; with them, see `detect.from_decisions`. `problem` is a sentence that says why features
    that were there are not used, "" otherwise.
    """

    def __init__(
        self, columns: Columns, features: Callable[[], Sequence[np.ndarray]] = tuple
    ) -> None:
        self.columns = columns
        self.problem = ""
        self._features = features

    def after(self, decided: Decided, said: np.ndarray | None = None) -> Moved:
        """Return the probabilities after what was `decided`.

        They start from `said` (n,), by default the audit's `p_wrong`; without decisions they are
        returned as they are.
        """
        start = self.columns.values(P_WRONG) if said is None else said
        if not (~np.isnan(start[decided.positions])).any():
            return Moved(start, {})
        if self._prior is None:
            p_wrong = recalibrated(start, decided.positions, decided.wrong)
            return Moved(p_wrong, dict(overall=log_odds(p_wrong) - log_odds(start)))
        return _moved(self._prior.starting_from(start).after(decided))

    @cached_property
    def _prior(self) -> Prior | None:
        """Prepare the features, when something is first decided; None without usable ones."""
        try:
            found = list(self._features())
        except O2UError as error:
            self.problem = f"Features are not used to learn from decisions: {error.message}"
            return None
        usable = [rows for rows in found if _is_usable(rows, len(self.columns))]
        if len(usable) < len(found):
            self.problem = (
                "Features are not used to learn from decisions: expected finite numbers, a row for "
                f"each of {len(self.columns):,} samples, which {len(found) - len(usable)} of "
                f"{len(found)} networks have not left. Make the audit again to compute them."
            )
        return prior_of(self.columns, usable) if usable else None


def prior_of(columns: Columns, features: Sequence[np.ndarray]) -> Prior:
    """Return what the audit says before any decision, all columns of its scores table included.

    Columns that were added are not: what a review learns does not depend on what is looked at.
    """
    own = [name for name in columns.names if name != P_WRONG and name not in columns.added]
    return Prior(
        columns.values(P_WRONG),
        columns.label,
        columns.suggested,
        len(columns.classes),
        features,
        [columns.values(name) for name in own],
    )


def _moved(learned: Learned) -> Moved:
    return Moved(learned.p_wrong, {name: getattr(learned, name) for name in Learned._fields[1:]})


def _is_usable(rows: np.ndarray, n: int) -> bool:
    return rows.ndim == 2 and len(rows) == n and bool(np.isfinite(rows).all())
