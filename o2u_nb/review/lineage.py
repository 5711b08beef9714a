"""Which decisions of a log count for an audit, and which were made for an earlier one only.

In come an audit's samples and the events of a log; out come the events that count and those that
are set aside. When an audit has replaced another one, a decision still counts if the sample's id,
given label and picture are unchanged. Nothing is ever removed from a log.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.data.content import hash_if_readable
from o2u_nb.data.images import Item, image_items, png_bytes
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import DecisionsError, SourceError
from o2u_nb.folder import DECISIONS, FACTS, AuditFolder
from o2u_nb.review.events import Event, Ledger, parse


def fingerprint(given: pd.Series) -> str:
    """Return what tells one data set from another: a digest of its ids and given labels.

    `given` (n_samples,) holds the labels by `sample_id`. The digest is 16 bytes, as 32 hex digits.
    It depends on the order of the rows, and neither on paths nor on pixels.
    """
    digest = hashlib.blake2b(digest_size=16)
    for column in (given.index, given):
        digest.update("\0".join(column.tolist()).encode("utf-8", "backslashreplace") + b"\0\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Lineage:
    """Tell which events are about an audit's samples.

    `fingerprint` is that of the audit's data set, `earlier` those of the data sets that were
    audited in the same folder before, `given` the given labels by `sample_id` (None where they are
    not known: then all events on this data set count), and `left` the ids
    of events whose pictures had changed when the audit was made.
    """

    fingerprint: str
    earlier: frozenset[str] = frozenset()
    given: pd.Series | None = None
    left: frozenset[str] = frozenset()

    @classmethod
    def of(cls, audit: AuditFolder) -> "Lineage":
        """Return the lineage of an audit."""
        before = audit.facts.get("earlier_decisions") or {}
        return cls(
            fingerprint=fingerprint(audit.given),
            earlier=frozenset(before.get("fingerprints", ())),
            given=audit.given,
            left=frozenset(before.get("left", ())),
        )

    def whatever_shown(self) -> "Lineage":
        """Return the lineage of a log whose events may name a label that was shown, not given.

        Hidden checks show planted labels. Their events count if they are about this very data set.
        """
        return replace(self, given=None)

    def sort(
        self, events: Iterable[Event], name: str, *, among_others: bool = False
    ) -> tuple[list[Event], list[Event]]:
        """Return the events that count, and those that are set aside.

        An event counts if it is about this data set or an earlier one, and its sample is here under
        the same given label. A draw, which is about no sample, counts if it is about this data set.
        `among_others` says that the log is known to be about this audit.
        Otherwise `DecisionsError` is raised when all events are about another data set; the message
        calls the log `name`.
        """
        counted: list[Event] = []
        aside: list[Event] = []
        for event in events:
            (counted if self._counts(event) else aside).append(event)
        if aside and not (counted or among_others or any(map(self._is_related, aside))):
            event = aside[0]
            raise DecisionsError(
                f"{name} holds decisions on another data set: expected the fingerprint "
                f"{self.fingerprint}, found {event.dataset_fingerprint} (sample "
                f"{event.sample_id!r}). Open the audit it belongs to, or move the log away to "
                "start a new one."
            )
        return counted, aside

    def _counts(self, event: Event) -> bool:
        if event.event_id in self.left:
            return False
        if self.given is None or not event.is_of_sample:
            return event.dataset_fingerprint == self.fingerprint
        return self._is_related(event) and _is_same(self.given, event)

    def _is_related(self, event: Event) -> bool:
        return event.dataset_fingerprint in {self.fingerprint, *self.earlier}


class Carried(NamedTuple):
    """What becomes of earlier decisions: `facts` for `audit.json`, and lines `said` to people."""

    facts: dict
    said: list[str]


def carry(folder: Path, samples: pd.DataFrame) -> Carried:
    """Find out which decisions of the audit in `folder` hold for the new `samples`.

    The log stays as it is. A decision holds if the sample's id and given label are still the same,
    and if its picture has the same content as when it was decided on. A picture whose content was
    not recorded then counts as unchanged.
    """
    log = folder / DECISIONS
    events = parse(log.read_bytes(), name=str(log)).events if log.exists() else []
    given = samples["label"]
    decided = Ledger(events)
    standing = decided.standing()  # notes and tags are carried over as decisions are
    changed = _changed([event for event in standing if _is_same(given, event)], samples)
    earlier = {event.dataset_fingerprint for event in events} | _fingerprints(folder)
    facts = dict(
        fingerprints=sorted(earlier - {fingerprint(given)}),
        left=[e.event_id for sample_id in changed for e in decided.history(sample_id)],
    )
    return Carried(facts, _said(decided.in_force(), set(changed), given))


def _fingerprints(folder: Path) -> set[str]:
    """Return the fingerprints of the audit that is replaced, and of those before it.

    They are needed even if its log is empty now: a session that is still open may write to it.
    Where that audit is damaged, only its log tells them; it must not stop the one that replaces it.
    """
    if not (folder / FACTS).is_file():
        return set()
    try:
        lineage = Lineage.of(AuditFolder(folder))
    except SourceError:
        return set()
    return {lineage.fingerprint, *lineage.earlier}


def _is_same(given: pd.Series, event: Event) -> bool:
    """Tell whether the sample of an event is still there under the label that it had."""
    return event.sample_id in given.index and given[event.sample_id] == event.given_label


def _changed(events: list[Event], samples: pd.DataFrame) -> list[str]:
    """Return the samples whose pictures have another content than `events` were decided on."""
    ids = [event.sample_id for event in events]
    items = map(_as_stored, image_items(samples.loc[ids]))
    now = in_threads(hash_if_readable, list(items))
    pairs = zip(events, now, strict=True)
    return [event.sample_id for event, found in pairs if event.content_hash not in (None, found)]


def _as_stored(item: Item) -> Item:
    """Return a picture as an audit keeps it: a review hashes the PNG that was made of an array."""
    return png_bytes(item) if isinstance(item, np.ndarray) else item


def _said(everything: list[Event], changed: set[str], given: pd.Series) -> list[str]:
    """Say what becomes of the decisions; those on the samples `changed` are set aside."""
    if not everything:
        return []
    same = [event.sample_id for event in everything if _is_same(given, event)]
    another = [sample_id for sample_id in same if sample_id in changed]
    gone = [event.sample_id for event in everything if event.sample_id not in given.index]
    relabelled = [
        event.sample_id
        for event in everything
        if event.sample_id in given.index and not _is_same(given, event)
    ]
    lines = [
        f"Decisions: {len(same) - len(another):,} of {len(everything):,} are carried over from "
        "the earlier audit."
    ]
    reasons = {
        "their samples are gone": gone,
        "their samples have another label now": relabelled,
        "their pictures have changed": another,
    }
    return lines + [
        f"  {len(ids):,} are set aside, since {why} ({ids[0]} for one); they stay in the log."
        for why, ids in reasons.items()
        if ids
    ]
