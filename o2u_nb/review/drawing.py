"""The random sample of a certificate: drawn once, after the cut is fixed, and recorded in the log.

In come given labels, the events of a log, and a `Draw` that is to be recorded or that was; out come
the ids of the sample in their order. What was decided before the draw is the census, all else the
rest; the sample is drawn from the rest. The log holds a seed, counts and digests, from which the
sample is found again on any machine: the order is that of keyed hashes of the ids (BLAKE2b), which
no version of a library can change. Use that would make a certificate untrue is refused here.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property

import pandas as pd

from o2u_nb.errors import CertificateError
from o2u_nb.review.betting import EXPECTED
from o2u_nb.review.events import DRAW, Event, Ledger

FORMAT = "o2u_nb sample 1"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What is recorded of a sample when it is drawn.

    `size` labels are drawn from the `rest`, and so many more that each given class has `per_class`
    of them (0 = no statement on classes). If `sequential`, there is no size (0): one goes on in the
    order for as long as one likes. `standard` is the share of right labels that is to be shown, and
    `confidence` that of the statements, both in (0, 1). The cut is `threshold` on the score
    `column`: all samples from it on are decided. `looked_at` counts the census. `expected` is the
    share of wrong labels in the rest that was expected, for which a sequential bound is best.
    """

    seed: int
    size: int
    sequential: bool
    per_class: int
    standard: float
    confidence: float
    column: str
    threshold: float
    looked_at: int
    rest: int
    rest_digest: str
    order_digest: str
    expected: float = EXPECTED
    format: str = FORMAT

    def to_details(self) -> str:
        """Return what the event in the log holds."""
        return json.dumps(asdict(self), sort_keys=True)


def from_details(details: str) -> Draw:
    """Return what an event recorded; raise `CertificateError` where it cannot be read."""
    names = {field.name for field in fields(Draw)}
    try:
        found = json.loads(details)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}")
        return Draw(**{name: value for name, value in found.items() if name in names})
    except (ValueError, TypeError, LookupError) as error:
        raise CertificateError(
            f"The sample in the decision log cannot be read ({error}): it was written by a newer "
            "version, or changed. Open it with that version, or draw a new sample."
        ) from error


class Rest:
    """Hold what is not decided by some events, and the random order of it by a seed."""

    def __init__(self, given: pd.Series, ledger: Ledger):
        self.census = {event.sample_id for event in ledger.in_force()}
        self.ids = sorted(sample_id for sample_id in given.index if sample_id not in self.census)
        self._given = given

    @cached_property
    def digest(self) -> str:
        """Return what tells this rest from another one."""
        return digest(self.ids)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count the rest by given label, in the order of the names."""
        return self._given.loc[self.ids].value_counts().sort_index().to_dict()

    def order(self, seed: int) -> list[str]:
        """Return all ids of the rest in the random order of `seed`."""
        key = seed.to_bytes(16, "big")
        place = lambda name: hashlib.blake2b(  # noqa: E731
            name.encode("utf-8", "backslashreplace"), key=key, digest_size=16
        ).digest()
        return sorted(self.ids, key=place)

    def sample(self, order: Sequence[str], size: int, per_class: int) -> list[str]:
        """Return the first `size` of the `order`, and then more of classes with too few.

        Of each given class there are `per_class`, or all. Which they are depends on the order and
        the given labels alone, so that the drawn ones of each class are a uniform sample of it.
        """
        drawn = list(order[:size])
        lacking = {label: min(per_class, count) for label, count in self.counts.items()}
        labels = dict(zip(order, self._given.loc[list(order)], strict=True)) if per_class else {}
        for sample_id in drawn if per_class else ():
            lacking[labels[sample_id]] -= 1
        for sample_id in order[size:] if per_class else ():
            if lacking[labels[sample_id]] > 0:
                lacking[labels[sample_id]] -= 1
                drawn.append(sample_id)
        return drawn


def digest(ids: Iterable[str]) -> str:
    """Return a digest of ids in their order: 16 bytes as 32 hex digits."""
    text = "\0".join(ids).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Drawn:
    """A sample that was drawn, found again from the log.

    `ids` is the sample in its order (in sequential mode all of the rest), and the first `size` of
    it are a uniform sample of the `rest`. `census` are the ids that were decided before. `earlier`
    counts the samples that were given up before this one after somebody had looked at them.
    """

    draw: Draw
    event: Event
    ids: list[str]
    rest: dict[str, int]
    census: frozenset[str]
    earlier: int

    @property
    def size(self) -> int:
        """Return how many of `ids` are the uniform sample of the whole rest."""
        return self.draw.rest if self.draw.sequential else self.draw.size


def find(given: pd.Series, events: Sequence[Event], aside: Sequence[Event] = ()) -> Drawn | None:
    """Return the sample that was drawn last; None where none was.

    `given` are the given labels by `sample_id`, `events` those of the log that count, in order, and
    `aside` those that were made for an earlier data set. Raises `CertificateError` when the sample
    was drawn from another set, or when the log before the draw is not what it was.
    """
    draws = [place for place, event in enumerate(events) if event.action == DRAW]
    if not draws:
        if any(event.action == DRAW for event in aside):
            raise CertificateError(
                "The random sample was drawn from another data set: since then the audit was made "
                "again, and ids or given labels have changed. Draw a new sample."
            )
        return None
    event = events[draws[-1]]
    draw = from_details(event.details or "")
    rest = Rest(given, Ledger(events[: draws[-1]]))
    order = rest.order(draw.seed)
    ids = order if draw.sequential else rest.sample(order, draw.size, draw.per_class)
    if (rest.digest, digest(ids)) != (draw.rest_digest, draw.order_digest):
        raise CertificateError(
            f"The sample was drawn from {draw.rest:,} samples, and by the decision log there were "
            f"{len(rest.ids):,} others to draw from: decisions from before the draw have been "
            "added or removed, as by merging logs. Draw a new sample."
        )
    earlier = sum(_is_used(events, start, stop) for start, stop in zip(draws, draws[1:]))  # noqa: B905, RUF007
    return Drawn(draw, event, ids, rest.counts, frozenset(rest.census), earlier)


def _is_used(events: Sequence[Event], start: int, stop: int) -> bool:
    """Tell whether anything was decided between two draws."""
    return any(event.is_decision for event in events[start:stop])


def require_valid(drawn: Drawn, ledger: Ledger, cut: tuple[str, float] | None = None) -> None:
    """Raise `CertificateError` where a statement from the sample would not be true.

    `ledger` is what is decided now, and `cut` the score and threshold that are set now, None where
    there are none.
    """
    draw = drawn.draw
    if cut is not None and cut != (draw.column, draw.threshold):
        raise CertificateError(
            f"The threshold was moved after the sample was drawn: expected {draw.threshold:.4g} on "
            f"{draw.column}, found {cut[1]:.4g} on {cut[0]}. Restore the threshold of the sample, "
            "or draw a new sample."
        )
    open_again = [id for id in drawn.census if ledger.current(id) is None]
    if open_again:
        raise CertificateError(
            f"{len(open_again):,} samples that were decided before the draw are not decided any "
            f"more ({min(open_again)} for one): they cannot be put back into the rest. Decide them "
            "again."
        )
