"""A certificate in a review session: the cut, the draw, the sample in the list, and the statement.

In comes a session; out come the state of the certificate with what to do next, and the statement.
The log is the only memory, so that a later session, or another kernel, goes on where this one was.
"""

import secrets
from typing import Any, NamedTuple

import numpy as np

from o2u_nb.errors import CertificateError, O2UError
from o2u_nb.review import drawing
from o2u_nb.review.acceptance import looks_needed, sampling_plan
from o2u_nb.review.certificate import require_confidence
from o2u_nb.review.certified import with_checks
from o2u_nb.review.concealed import HINTS
from o2u_nb.review.drawing import Draw, Drawn, Rest
from o2u_nb.review.events import DRAW
from o2u_nb.review.filters import OFF, STATES, UNDECIDED
from o2u_nb.review.mistakes import Checks
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.statement import Statement, allowed, state

STANDARD, CONFIDENCE = 0.95, 0.95
LEAST, MOST = 60, 2000  # looks of a sample whose size nobody chose
REVIEW, CUT, LOOK, DONE, REFUSED = "review", "cut", "look", "done", "refused"  # steps, see `Step`


class Step(NamedTuple):
    """Where a certificate is: `name`, and `words` that say what to do next.

    "review": suspects are still to be decided, or the cut to be moved. "cut": the sample can be
    drawn. "look": the sample is to be looked at. "done": it is looked at. "refused": there is a
    sample that allows no statement, as the words say.
    """

    name: str
    words: str


class Certification:
    """Make a certificate of the labels in `session`; panels share one, see `Certification.of`.

    `checks` are what the reviewers' answers to planted and repeated samples came to; without them,
    they are those of the audit's finished checks, see `checking`.
    Raises `CertificateError` where a step would make the statement untrue; its message says what to
    do.
    """

    def __init__(self, session: ReviewSession, *, checks: Checks | None = None):
        self.session = session
        self.checks = checks
        self._found: tuple[tuple, Drawn | None] | None = None
        self._before: dict | None = None  # the settings of the session before the sample was shown
        drawn = self._drawn_or_none()
        if drawn is not None and session.is_estimated:
            self._restore_cut(drawn)

    @classmethod
    def of(cls, session: ReviewSession) -> "Certification":
        """Return the one that all panels on `session` share."""
        return session.companion(cls)

    # The cut

    @property
    def cut(self) -> tuple[str, float]:
        """Return the cut, where the ranked review stops: the score, and the threshold on it now."""
        return self.session.threshold_column, self.session.threshold

    @property
    def undecided(self) -> int:
        """Count the samples at or above the threshold that are not decided."""
        return self.session.remaining()

    def cut_here(self) -> float:
        """Move the threshold to just below the last sample of the ranking that is decided.

        All samples before the first undecided one are then above the cut. Returns the threshold.
        """
        session = self.session
        order = session.columns.order(session.threshold_column)
        is_open = session.states[order] == STATES.index(UNDECIDED)
        count = int(is_open.argmax()) if is_open.any() else len(order)
        values = session.columns.values(session.threshold_column)[order]
        # Where the first undecided sample has the value of the last decided one, it would be above.
        while 0 < count < len(order) and values[count - 1] == values[count]:
            count -= 1
        session.threshold = session.threshold_for(count)
        return session.threshold

    @property
    def is_cut_moved(self) -> bool:
        """Tell whether the threshold is not where it was when the sample was drawn."""
        drawn = self._drawn_or_none()
        return drawn is not None and self.cut != (drawn.draw.column, drawn.draw.threshold)

    def restore_cut(self) -> None:
        """Put the threshold back to where it was when the sample was drawn."""
        drawn = self.drawn
        if drawn is not None:
            self._restore_cut(drawn)

    def _restore_cut(self, drawn: Drawn) -> None:
        with self.session.hold_trait_notifications():
            self.session.threshold_column = drawn.draw.column
            self.session.threshold = drawn.draw.threshold

    # The sample

    @property
    def drawn(self) -> Drawn | None:
        """Return the sample that was drawn last, None where none was.

        Raises `CertificateError` where it is of another data set, or the log was changed.
        """
        decisions = self.session.decisions
        events = decisions.events
        places = tuple(k for k, event in enumerate(events) if event.action == DRAW)
        key = places, tuple(events[k].event_id for k in places)
        if self._found is None or self._found[0] != key:
            found = drawing.find(self.session.audit.given, events, decisions.set_aside)
            self._found = key, found
        return self._found[1]

    def _drawn_or_none(self) -> Drawn | None:
        try:
            return self.drawn
        except CertificateError:
            return None

    def suggested(self, standard: float = STANDARD, confidence: float = CONFIDENCE) -> int:
        """Return how many labels to draw, so that the standard is probably shown.

        It is the number that shows the standard for the corrected data set if the rest has half as
        many wrong labels as it may have; with fewer expected, as by `p_wrong`, it is less.
        """
        session, rest = self.session, self._rest_count()
        states = session.states
        unsure = int((states == STATES.index("unsure")).sum())
        room = allowed(standard, len(session.columns)) - unsure
        if rest == 0 or room < 0:
            return rest
        good = min(int(self._expected() * rest), room // 2)
        bad = min(room + 1, rest)
        risk = 1 - require_confidence(confidence)
        if good >= bad:
            return rest
        plan = sampling_plan(rest, bad, good, consumer_risk=risk, producer_risk=0.1)
        least = min(max(looks_needed(rest, room, confidence=confidence), LEAST), rest)
        return min(max(plan.looks, least), max(MOST, least), rest)

    def _rest_count(self) -> int:
        return int((self.session.states == STATES.index(UNDECIDED)).sum())

    def _expected(self) -> float:
        """Return which share of the rest is probably wrong, by the decisions so far."""
        session = self.session
        rest = session.p_wrong[session.states == STATES.index(UNDECIDED)]
        known = rest[~np.isnan(rest)]
        return float(np.clip(known.mean(), 0.001, 0.5)) if len(known) else 0.01

    def draw(self, size: int | None = None, **options: Any) -> Drawn:
        """Draw the random sample from all that is not decided, and record it in the log.

        The options are `standard` and `confidence` (both 0.95), `sequential` (False), `per_class`
        (0), `seed` and `anew` (False). `size` is the number of labels to look at (default:
        `suggested`); in a `sequential` sample there is none. `per_class` labels of each class are
        drawn at least, for a statement on each. `seed` fixes the order; by default it comes from
        the operating system, so that nobody can choose a lucky one. `anew` gives an earlier sample
        up, which the statement says if somebody had looked at it.

        Raises `CertificateError` where suspects are undecided, nothing is left to draw from, or
        there is an earlier sample; and `O2UError` for options that do not fit.
        """
        with self.session.lock:  # a cell may decide meanwhile, in another thread
            return self._draw(size, **options)

    def _draw(
        self,
        size: int | None,
        *,
        standard: float = STANDARD,
        confidence: float = CONFIDENCE,
        sequential: bool = False,
        per_class: int = 0,
        seed: int | None = None,
        anew: bool = False,
    ) -> Drawn:
        session = self.session
        require_confidence(confidence)
        if not 0 < standard < 1:
            raise O2UError(f"Expected a standard between 0 and 1, such as 0.95, found {standard}.")
        session.catch_up()
        self._require_cut()
        self._require_no_sample(anew)
        rest = Rest(session.audit.given, session.decisions.ledger)
        if not rest.ids:
            raise CertificateError("Every sample is decided, so there is nothing to draw from.")
        if sequential and size is not None:
            raise O2UError("A sequential sample has no size: leave size out, and stop any time.")
        if size is None:
            size = 0 if sequential else self.suggested(standard, confidence)
        if not sequential and not 1 <= size <= len(rest.ids):
            raise O2UError(
                f"Expected a size from 1 to {len(rest.ids):,} undecided samples, found {size:,}."
            )
        seed = secrets.randbits(32) if seed is None else seed
        order = rest.order(seed)
        ids = order if sequential else rest.sample(order, size, per_class)
        column, threshold = self.cut
        recorded = Draw(
            seed=seed, size=size, sequential=sequential, per_class=per_class, standard=standard,
            confidence=confidence, column=column, threshold=threshold, looked_at=len(rest.census),
            rest=len(rest.ids), rest_digest=rest.digest, order_digest=drawing.digest(ids),
            expected=self._expected(),
        )  # fmt: skip
        choice = dict(sample_id="", given_label="", action=DRAW, details=recorded.to_details())
        session.decisions.record([choice])
        session.catch_up()
        drawn = self.drawn
        assert drawn is not None, "the draw was just recorded"
        return drawn

    def _require_cut(self) -> None:
        if self.undecided:
            raise CertificateError(
                f"{self.undecided:,} of {int(self.session.suspects.sum()):,} suspects are not "
                "decided: decide them, or move the threshold to where you stopped, before you draw."
            )

    def _require_no_sample(self, anew: bool) -> None:
        drawn = self._drawn_or_none()
        if drawn is None or anew:
            return
        looked = sum(self.session.decisions.current(id) is not None for id in drawn.ids)
        raise CertificateError(
            f"A sample was drawn already, and {looked:,} of its labels are looked at: go on with "
            "it. Choosing among samples by their results would make the statement untrue. To give "
            "this one up, pass anew=True; the statement will say so."
        )

    # In the list

    @property
    def is_shown(self) -> bool:
        """Tell whether the list shows the sample."""
        return self._before is not None

    def show(self) -> None:
        """Show the sample in the list, in its random order, and conceal rank and suggestion.

        Raises `CertificateError` where no sample is drawn.
        """
        drawn = self.drawn
        if drawn is None:
            raise CertificateError("No sample is drawn yet: draw one first.")
        session = self.session
        if self._before is None:
            names = (*OFF, "concealed", "sequence")
            self._before = {name: getattr(session, name) for name in names}
        with session.hold_trait_notifications():
            for name, value in OFF.items():
                setattr(session, name, value)
            session.concealed = session.concealed or HINTS  # blind mode hides more
            session.sequence = session.columns.positions(drawn.ids)
        session.go_to_undecided()

    def hide(self) -> None:
        """Show the ranked list again, with the settings that it had."""
        if self._before is None:
            return
        before, self._before = self._before, None
        with self.session.hold_trait_notifications():
            for name, value in before.items():
                setattr(self.session, name, value)

    # The statement

    def statement(self) -> Statement:
        """Return what is certain now.

        Raises `CertificateError` where no sample is drawn, or a statement would not be true.
        """
        drawn = self.drawn
        if drawn is None:
            raise CertificateError(self.step().words)
        ledger = self.session.decisions.ledger
        drawing.require_valid(drawn, ledger, self.cut)
        given = self.session.audit.given
        if self.checks is not None:
            return state(given, ledger, drawn, self.checks)
        return with_checks(self.session.audit, ledger, drawn)

    def step(self) -> Step:
        """Say where the certificate is, and what to do next."""
        try:
            drawn = self.drawn
            found = None if drawn is None else self.statement()
        except CertificateError as error:
            return Step(REFUSED, error.message)
        if found is None:
            return self._before_the_draw()
        if found.draw.sequential and not found.meets and found.sample.looked_at < found.draw.rest:
            return Step(
                LOOK,
                f"Go on with the random order: {found.sample.looked_at:,} are looked at. You may "
                "stop at any time.",
            )
        waiting = 0 if found.draw.sequential else self._waiting(drawn)
        if waiting:
            return Step(LOOK, f"Look at the random sample: {waiting:,} are not decided yet.")
        return Step(DONE, "All labels of the sample are looked at.")

    def _waiting(self, drawn: Drawn | None) -> int:
        current = self.session.decisions.current
        return sum(current(sample_id) is None for sample_id in (drawn.ids if drawn else ()))

    def _before_the_draw(self) -> Step:
        if not self._rest_count():
            return Step(REVIEW, "Every sample is decided, so there is nothing to draw from.")
        if self.undecided:
            return Step(
                REVIEW,
                f"Decide the {self.undecided:,} suspects that are left, or move the threshold to "
                "where you stopped.",
            )
        looked = len(self.session.columns) - self._rest_count()
        return Step(
            CUT,
            f"{looked:,} samples are decided. Draw a random sample of the other "
            f"{self._rest_count():,}.",
        )
