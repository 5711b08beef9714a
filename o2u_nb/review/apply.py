"""From decisions to a cleaned data set: what would change, and the table that results.

In come samples and decisions; out come a `Plan` to look at, and the cleaned samples table, which
the same loaders take for retraining. Nothing is written here; `exchange` does that.
"""

import html
import os
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from o2u_nb.data.content import hash_if_readable
from o2u_nb.data.images import image_items
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import ApplyError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.events import Event, fold, merge, remarks
from o2u_nb.review.lineage import Lineage
from o2u_nb.review.session import ReviewSession

UNSURE = ("keep", "drop")  # what can become of samples that were marked unsure


@dataclass(frozen=True)
class Plan:
    """Hold what would change in a data set, before anything does.

    `samples` is the table as it is. `decided` holds the current decision on each decided sample, as
    `fold` returns it. `stale` holds those of them whose picture is no longer the one that was
    decided on; they are not applied. `absent` holds those whose picture cannot be read now, because
    it was moved or deleted; they are applied, since a new label needs no picture. `unsure` (keep or
    drop) says what becomes of samples that were marked unsure. `source` is the audited folder, None
    where no folder was audited. `remarks` holds the note and the tags of each sample that has
    either, decided or not, as `events.remarks` returns them.
    """

    samples: pd.DataFrame
    decided: pd.DataFrame
    stale: pd.DataFrame
    absent: pd.DataFrame
    unsure: str
    source: str | None
    remarks: pd.DataFrame

    @cached_property
    def cleaned(self) -> pd.DataFrame:
        """Return the samples table that results."""
        return cleaned(self.samples, self.decided.drop(self.stale.index), unsure=self.unsure)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Return one row per changed sample, indexed by `sample_id`.

        Columns label_before, label_after (None = left out), action, reviewer, ts_utc, note, tags.
        """
        after = self.cleaned["label"].astype(object).reindex(self.samples.index)
        after = after.where(after.notna(), None)
        table = pd.DataFrame(
            {"label_before": self.samples["label"].astype(object), "label_after": after}
        )
        changed = table[table["label_before"] != table["label_after"]]
        return changed.join(self.decided[["action", "reviewer", "ts_utc", "note", "tags"]])

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Count the samples of each class (int), before and after.

        Columns before, dropped, relabelled_from, relabelled_to, after.
        """
        gone = self.changes["label_after"].isna()
        moved = self.changes[~gone]
        columns = {
            "before": self.samples["label"],
            "dropped": self.changes.loc[gone, "label_before"],
            "relabelled_from": moved["label_before"],
            "relabelled_to": moved["label_after"],
            "after": self.cleaned["label"],
        }
        counted = [labels.astype(object).value_counts() for labels in columns.values()]
        table = pd.concat(counted, axis=1, keys=columns).fillna(0).astype(int)
        return table.sort_index().rename_axis("label")

    def __repr__(self) -> str:
        total = self.counts.sum()
        by_action = self.decided["action"].value_counts()
        line = (
            f"{len(self.decided):,} of {len(self.samples):,} samples decided: "
            f"{total['relabelled_to']:,} relabelled, {total['dropped']:,} dropped, "
            f"{by_action.get('keep', 0):,} kept as they are, {by_action.get('unsure', 0):,} unsure "
            f"({'left out' if self.unsure == 'drop' else 'kept'}); {total['after']:,} remain."
        )
        if len(self.stale):
            line += (
                f" {len(self.stale):,} decisions are not applied, since their pictures changed: "
                "see plan.stale, and decide again."
            )
        if len(self.absent):
            line += (
                f" The pictures of {len(self.absent):,} decisions cannot be read: see plan.absent; "
                "if they were moved, use Audit.open(folder, images=...)."
            )
        return line

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.counts.to_html()}"


def plan(review: ReviewSession | AuditFolder | str | os.PathLike, *, unsure: str = "keep") -> Plan:
    """Return what the decisions of `review` would change: a session, an audit or its folder.

    `unsure` says whether to keep or drop the samples that were marked unsure. Every decided image
    is read, to find out whether it is still the one that was decided on. Raises `DecisionsError`
    when the decision log is about another data set, `SourceError` when there is no audit, and
    `ApplyError` for another value of `unsure`.
    """
    _require_unsure(unsure)
    if isinstance(review, ReviewSession):
        review.refresh()
        audit = review.audit
        events = review.decisions.events
    else:
        audit = review if isinstance(review, AuditFolder) else AuditFolder.open(review)
        events = logged(audit)
    decided = fold(events)
    source = audit.facts.get("source")
    then = decided["content_hash"]  # None where it was not taken: then nothing can be compared
    now = _hashes(audit.samples, decided)
    absent = then.notna() & now.isna()
    return Plan(
        samples=audit.samples,
        decided=decided,
        stale=decided[then.notna() & now.notna() & (then != now)],
        absent=decided[absent],
        unsure=unsure,
        source=source if source and os.path.isabs(source) else None,
        remarks=remarks(events),
    )


def cleaned(samples: pd.DataFrame, decided: pd.DataFrame, *, unsure: str = "keep") -> pd.DataFrame:
    """Return `samples` with the `decided` labels and without what was dropped.

    `decided` is what `fold` returns. Columns and order stay the same, and undecided samples stay as
    they are. Raises `ApplyError` when a decision is about a sample or given label that is not in
    `samples`, and for an `unsure` that is neither keep nor drop.
    """
    _require_unsure(unsure)
    given = samples["label"].reindex(decided.index)
    strange = decided.index[(given != decided["given_label"]).to_numpy(dtype=bool)]
    if len(strange):
        raise ApplyError(
            f"{len(strange):,} decisions do not belong to these samples, such as that on "
            f"{strange[0]!r}: expected the table that was reviewed, with the labels it had then."
        )
    moved = decided.loc[decided["action"] == "relabel", "new_label"]
    label = samples["label"].astype(object)
    label[moved.index] = moved
    left_out = ["drop", "unsure"] if unsure == "drop" else ["drop"]
    out = decided.index[decided["action"].isin(left_out)]
    return samples.assign(label=label.astype("str")).drop(index=out)


def logged(audit: AuditFolder) -> list[Event]:
    """Return the events of the log of `audit`, oldest first; `fold` makes decisions of them.

    Raises `DecisionsError` when the log is about another data set.
    """
    return sorted_log(audit)[0]


def sorted_log(audit: AuditFolder) -> tuple[list[Event], list[Event]]:
    """Return the events of the log of `audit` that count, and those that are set aside.

    Raises `DecisionsError` when the log is about another data set.
    """
    log = audit.log
    events = merge([log] if log.exists() else [])
    return Lineage.of(audit).sort(events, str(log))


def _hashes(samples: pd.DataFrame, decided: pd.DataFrame) -> pd.Series:
    """Return each decided picture's content hash as it is now, None where it cannot be read."""
    items = image_items(samples.loc[decided.index])
    return pd.Series(list(in_threads(hash_if_readable, items)), decided.index, dtype=object)


def _require_unsure(unsure: str) -> None:
    if unsure not in UNSURE:
        raise ApplyError(f"Expected unsure='keep' or unsure='drop', found {unsure!r}.")
