"""The state of a review: order, filters, threshold, selection and decisions, without any widget.

In comes an audit folder; out come the samples to look at, in order, and what is known of each.
Panels observe the traits and call the commands; the session alone writes decisions.
"""

import getpass
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from traitlets import Bunch

from o2u_nb.data.content import hash_if_readable
from o2u_nb.data.images import image_items
from o2u_nb.data.moved import missing_hint
from o2u_nb.data.parallel import in_threads
from o2u_nb.errors import DecisionsError, O2UError
from o2u_nb.folder import AuditFolder
from o2u_nb.review.alike_listing import AlikeListing
from o2u_nb.review.bulk import Above, above
from o2u_nb.review.certificate import Measured, measured
from o2u_nb.review.classes import Classes
from o2u_nb.review.columns import plain
from o2u_nb.review.concealed import HINTS, LABELS, concealed
from o2u_nb.review.decisions import Decisions, Event
from o2u_nb.review.events import NOTE, TAG, UNTAG
from o2u_nb.review.filters import STATES, UNDECIDED
from o2u_nb.review.learning import P_WRONG
from o2u_nb.review.lineage import Lineage
from o2u_nb.review.remarks import as_note, as_tags
from o2u_nb.review.thumbnails import CHANGED, OK, State, Thumbnails
from o2u_nb.rows import rows_of
from o2u_nb.trace import Trace

CACHE = ".cache/thumbnails"


def alone(command: Callable) -> Callable:
    """Let a method of a session run while no other one of them runs in another thread.

    JupyterLab sends what a panel asks for to a thread of its own, so that a panel answers while a
    cell runs; a cell may decide at the same time.
    """

    @wraps(command)
    def run(session: "ReviewSession", *args: Any, **options: Any) -> Any:
        with session.lock:
            return command(session, *args, **options)

    return run


class ReviewSession(AlikeListing):
    """Hold the review of one audit by one reviewer; `audit` is an `Audit` or its folder.

    `log` is a decision log of its own, in place of the audit's (see `checking`).

    Positions are rows of `scores` (position 0 = rank 1). `visible` lists the positions that pass
    all filters, in display order. `selected` and `current` are ids of visible samples; at the
    beginning `current` is the first one that is undecided.

    Settings: `order_by` (a score column), `descending`, `group_by` ("pair" puts samples with the
    same given and suggested label side by side, "" does not), `label_filter` (given label; for a
    class made in review, the decided label), `pair_filter` (given label, suggested label),
    `decision_filter` (all, decided, undecided or an action), `note_filter` (only samples with a
    note), `tag_filter` (a tag), `text_filter` (part of an id or label; upper and lower case are the
    same), `only_suspects`, `position_filter` (positions picked by lasso), `alike_filter` (similar
    samples, see `show_similar`; they are listed most similar first), `threshold` on
    `threshold_column` (a sample at or above it is a suspect in this review), `advance` (whether
    `current` moves on to the next sample after a decision), `sequence` (positions that are shown in
    this order instead of `order_by`, and no others), and `concealed` (what the reviewer does not
    see, see `review.concealed`; filters that would betray it hide nothing meanwhile).

    Results, read-only: `visible`, `groups` (of the list, see `groups.Group`), `hidden_matches`
    (what the search finds that other filters hide, see `listing.Hidden`), `suspects` (n,) bool,
    `revision` (+1 with each change of decisions, notes or tags), `counts` (suspects, visible,
    remaining = undecided suspects, and each action), `p_wrong` (n,), the audit's probabilities as
    the decisions so far have moved them, `estimated_precision` (mean `p_wrong` of the suspects,
    None without any), `measured_precision` (a `Measured`, None before a suspect is decided),
    `made_classes` (classes made by decisions), `tags` (in use, the commonest first), `noted` (how
    many samples have a note).

    Commands look at the log first. Where another kernel or reviewer has changed one of the samples
    meanwhile, a command takes that in, changes nothing itself, and says so.

    Raises `SourceError` when there is no audit, `DecisionsError` when its log is about another data
    set; for a setting or id that does not exist, an `O2UError` that names the nearest one.
    """

    advance = traitlets.Bool(True)

    revision = traitlets.Int(0, read_only=True)
    counts = traitlets.Dict(read_only=True)
    measured_precision = traitlets.Instance(Measured, allow_none=True, read_only=True)
    made_classes = traitlets.Tuple(read_only=True)
    tags = traitlets.Tuple(read_only=True)
    noted = traitlets.Int(0, read_only=True)

    def __init__(
        self,
        audit: AuditFolder | str | os.PathLike,
        *,
        reviewer: str | None = None,
        log: Path | None = None,
    ):
        self.lock = threading.RLock()  # held by whoever changes the review, see `alone`
        self.audit = audit if isinstance(audit, AuditFolder) else AuditFolder.open(audit)
        super().__init__(self.audit.scores, self._features)
        self.decisions = Decisions(
            self.audit.log if log is None else log,
            reviewer=user() if reviewer is None else reviewer,
            lineage=Lineage.of(self.audit)
            if log is None
            else Lineage.of(self.audit).whatever_shown(),
        )
        self.thumbnails = Thumbnails(self.audit.folder / CACHE, audited=_audited(self.audit.facts))
        self._classes = Classes(self.columns.classes)
        self._since = time.monotonic()
        self._companions: dict[type, Any] = {}
        self._mark(self.decisions.pop_changed())
        self._announce()
        self.follow_settings()
        self.recalibrate()
        self.go_to_undecided()
        if log is None:
            self.reopen_listing()
        self.observe(self._on_current, "current")

    # What there is

    @property
    def reviewer(self) -> str:
        """Return the name under which decisions are recorded."""
        return self.decisions.reviewer

    @property
    def problems(self) -> list[str]:
        """Say which lines of the decision log could not be read."""
        return self.decisions.problems

    @cached_property
    def pictures_hint(self) -> str:
        """Say where pictures were expected that are not there, and what to call; "" if none is.

        A few of the files are looked for, when this is first asked for.
        """
        return missing_hint(self.audit.samples, self.audit.folder)

    @property
    def can_undo(self) -> bool:
        """Tell whether `undo` has something to take back."""
        return self.decisions.can_undo

    @property
    def can_redo(self) -> bool:
        """Tell whether `redo` has something to take back."""
        return self.decisions.can_redo

    @property
    def classes(self) -> list[str]:
        """Return the class names, sorted; those made in review are among them."""
        return self._classes.names

    def near_class(self, name: str) -> str | None:
        """Return the class that `name` is probably meant to be, None where no class is near.

        Where it is not None, `name` may be a typing error: ask before it becomes a class. For the
        name of a class it is None.
        """
        return self._classes.near(name)

    def labelled(self, label: str) -> np.ndarray:
        """Tell which samples (n,) bool have the given label, or a decided one made in review."""
        if label in self.columns.classes:
            return super().labelled(label)
        mask = np.zeros(len(self.columns), dtype=bool)
        mask[self.columns.positions(self._classes.ids_of(label))] = True
        return mask

    @property
    def trace(self) -> Trace:
        """Return the training dynamics, opened when first asked for."""
        return self.audit.trace

    @property
    def embeddings(self) -> np.ndarray | None:
        """Return each sample's features, one row per sample of `trace`; see `Audit.embeddings`.

        They are memory-mapped and opened when first asked for; None where none were kept.
        """
        return self.audit.embeddings

    def _features(self) -> list[np.ndarray]:
        """Return the features of frozen networks, with a row for each position.

        Those of a network that was trained on the labels are left out: it has learned the wrong
        ones, too.
        """
        features = self.audit.features
        rows = rows_of(self.trace.ids, self.columns.ids) if features else None
        return [found[rows] for found in features.values()]

    def companion(self, kind: type) -> Any:
        """Return what is kept of a class for this session, `kind(session)`; made when first asked.

        So several panels share what goes beyond the session, which itself knows nothing of it.
        """
        if kind not in self._companions:
            self._companions[kind] = kind(self)
        return self._companions[kind]

    # Commands

    def keep(self, ids: Iterable[str] | None = None, *, note: str = "") -> list[str]:
        """Record that the given labels are right; return the samples decided.

        As for all commands, `ids` defaults to the selection or, if nothing is selected, to the
        current sample. Without `ids` the selection is cleared afterwards, and `current` moves on if
        `advance` is set. `note` is noted on the samples. The decision is on disk when the command
        returns. Raises `O2UError` for an unknown id, or where nothing is selected; `OutputError`
        when the log cannot be written; and `DecisionsError` when another kernel or reviewer has
        just changed one of the samples, so that it must be looked at again.
        """
        return self._decide(ids, "keep", note=note)

    def relabel(
        self, new_label: str | None = None, ids: Iterable[str] | None = None, *, note: str = "",
        new_class: bool | str = False,
    ) -> list[str]:  # fmt: skip
        """Record `new_label` as the right one, or when it is None each sample's suggested label.

        `ids`, `note`, what is returned and what is raised are those of `keep`. Where a sample has
        the label already, that is recorded as `keep`. A name that is no class yet raises `O2UError`
        unless `new_class` is true; then it becomes a class like the others. Where the name is close
        to a class (see `near_class`), `new_class` must be the name once more, so that no class is
        made by a typing error.
        """
        if new_label is not None:
            self._classes.require(new_label, new_class)
        return self._decide(ids, "relabel", new_label=new_label, note=note)

    def drop(self, ids: Iterable[str] | None = None, *, note: str = "") -> list[str]:
        """Record that samples do not belong in the data set; their files stay where they are.

        `ids`, `note`, what is returned and what is raised are those of `keep`.
        """
        return self._decide(ids, "drop", note=note)

    def unsure(self, ids: Iterable[str] | None = None, *, note: str = "") -> list[str]:
        """Record that the reviewer cannot tell whether the labels are right.

        `ids`, `note`, what is returned and what is raised are those of `keep`.
        """
        return self._decide(ids, "unsure", note=note)

    def again(self, ids: Iterable[str] | None = None) -> list[str]:
        """Decide on samples as the reviewer's last command did, undone ones left out.

        A class that was named then is named again; where several were, as when suggestions are
        accepted, each sample's own suggestion is. `ids` are those of `keep`. Raises `O2UError`
        before the first decision.
        """
        last = self.decisions.ledger.last_decisions(self.reviewer)
        if not last:
            raise O2UError("There is no decision yet to repeat: decide on a sample first.")
        labels = {event.new_label for event in last if event.action == "relabel"}
        if not labels:
            return self._decide(ids, last[-1].action, note="")
        return self.relabel(labels.pop() if len(labels) == 1 else None, ids)

    def note(self, text: str, ids: Iterable[str] | None = None) -> list[str]:
        """Note something on samples, in place of what was noted before; "" removes the note.

        Decisions, the selection and `current` stay. Returns the samples whose note has changed.
        `ids` and the other errors are those of `keep`. Raises `DecisionsError` for a text of more
        than 2,000 characters.
        """
        note = as_note(text)
        return self._remark(ids, lambda id: self.decisions.note(id) != note, action=NOTE, note=note)

    def tag(self, tags: str | Iterable[str], ids: Iterable[str] | None = None) -> list[str]:
        """Add tags to samples: names, or a text with commas between them.

        Decisions, the selection and `current` stay. Returns the samples that had not all of them.
        `ids` and the other errors are those of `keep`. Raises `DecisionsError` where there is no
        tag, or one of more than 60 characters.
        """
        new = as_tags(tags)
        lack = lambda id: not {*new} <= {*self.decisions.tags(id)}  # noqa: E731
        return self._remark(ids, lack, action=TAG, tags=new)

    def untag(self, tags: str | Iterable[str], ids: Iterable[str] | None = None) -> list[str]:
        """Take tags away from samples; return the samples that had any of them.

        `tags`, `ids` and what is raised are those of `tag`.
        """
        old = as_tags(tags)
        have = lambda id: bool({*old} & {*self.decisions.tags(id)})  # noqa: E731
        return self._remark(ids, have, action=UNTAG, tags=old)

    def preview_above(self, p: float) -> Above:
        """Say what `accept_above(p)` would do now, see `Above`; nothing is recorded."""
        self._require_shown()
        return above(
            p,
            self.visible,
            self.columns,
            self.p_wrong,
            self._state == STATES.index(UNDECIDED),
        )

    @alone
    def accept_above(self, p: float) -> list[str]:
        """Accept the suggestions for all samples in the list that are wrong with probability `p`.

        `p` is from 0 to 1, and a sample with just this `p_wrong` is among them. Samples that are
        decided, or have no other suggestion, are left alone. It is one command, which one `undo`
        takes back. Returns the samples decided, none where no sample reaches `p`. Raises
        `O2UError` for a `p` outside of 0 to 1, and what `keep` raises.
        """
        self.catch_up()
        ids = self.columns.ids_at(self.preview_above(p).positions)
        return self._by_rank(self.relabel(None, ids)) if ids else []

    def undo(self) -> list[str]:
        """Take back the reviewer's last command, in any kernel; return its samples, if any."""
        return self._step(self.decisions.undo)

    def redo(self) -> list[str]:
        """Take back the last undo, unless a new command came after it; return its samples."""
        return self._step(self.decisions.redo)

    @alone
    def refresh(self) -> None:
        """Take in what another kernel or reviewer has added to the log."""
        self.decisions.refresh()
        self._absorb()

    @alone
    def catch_up(self) -> None:
        """Do what `refresh` does if the log has changed, which costs next to nothing to ask."""
        if self.decisions.is_behind():
            self.refresh()

    # What to show

    def page(self, start: int, stop: int) -> list[dict]:
        """Return rows `start` to `stop` of what is visible, as plain values.

        Keys: sample_id, rank, label, suggested, p_wrong, score (of `order_by`), suspect, kind,
        decision (None while undecided), new_label, note, tags (a list), named (whether the id may
        be shown), and, while similar samples are listed, similarity and same_label (whether its
        label is one of those that it is similar to); None otherwise.
        """
        return [self.row(position) for position in self.visible[max(start, 0) : stop]]

    def row(self, position: int) -> dict:
        """Return the row of `page` for the sample at `position`."""
        columns = self.columns
        sample_id = self.id_of(position)
        event = self.decisions.current(sample_id)
        alike = self.alike_filter
        similarity, same_label = alike.about(sample_id) if alike else (None, None)
        row = dict(
            sample_id=sample_id,
            rank=int(self._ranks[position]),
            label=self.shown_label(position),
            suggested=columns.name(columns.suggested[position]),
            p_wrong=plain(self.p_wrong[position]),
            score=plain(self.order_values()[position]),
            suspect=bool(self.suspects[position]),
            kind=self._kinds[position],
            decision=event.action if event else None,
            new_label=event.new_label if event else None,
            note=self._remarks.note(sample_id),
            tags=list(self._remarks.tags(sample_id)),
            named=True,
            similarity=similarity,
            same_label=same_label,
        )
        return concealed(row, self.level(position))

    def spoken(self, sample_id: str) -> str:
        """Return the id of a sample, or where it is not to be shown a word for it."""
        (position,) = self.columns.positions([sample_id])
        return sample_id if self.row(position)["named"] else "one sample"

    def shown_label(self, position: int) -> str:
        """Return the label that a decision is about: the given one."""
        return self.columns.classes[self.columns.label[position]]

    def level(self, position: int) -> str:
        """Return what is concealed of a sample; in blind mode its label, until it is decided."""
        if self.concealed == LABELS and self._state[position] != STATES.index(UNDECIDED):
            return HINTS
        return self.concealed

    def image_state(self, sample_id: str) -> State:
        """Look at a sample's image file: is it there, readable, and the one that was decided on?"""
        item = self._items([sample_id])[0]
        state = self.thumbnails.state(item)
        event = self.decisions.current(sample_id)
        decided = event and event.content_hash
        if state.state in (OK, CHANGED) and decided and decided != hash_if_readable(item):
            return State(CHANGED, "image differs from the one that was decided on")
        return state

    def thumbnail(self, sample_id: str, size: int = 128) -> bytes:
        """Return a sample's picture as JPEG bytes, its longest side `size` pixels.

        A picture that cannot be read gives a tile that says why.
        """
        return self.thumbnails.get(self._items([sample_id])[0], size)

    def original(self, sample_id: str) -> bytes:
        """Return a sample's picture as JPEG bytes with all its pixels, at most 4,096 on a side.

        A picture that cannot be read gives a tile that says why.
        """
        return self.thumbnails.original(self._items([sample_id])[0])

    def page_thumbnails(self, ids: Sequence[str], size: int = 128) -> list[bytes]:
        """Return the thumbnails of many samples, made several at a time."""
        return self.thumbnails.many(self._items(ids), size)

    def remaining(self) -> int:
        """Count the suspects that are still undecided."""
        return self.counts["remaining"]

    def trace_positions(self, positions: np.ndarray) -> np.ndarray:
        """Translate positions here into positions in `trace`."""
        return rows_of(self.trace.ids, self.columns.ids_at(positions))

    # Following the list and the decisions

    def _on_current(self, _: Bunch) -> None:
        self._since = time.monotonic()

    def listed(self) -> None:
        """Count the decisions, and the suspects that are still undecided."""
        by_state = np.bincount(self._state, minlength=len(STATES))
        suspects = np.bincount(self._state[self.suspects], minlength=len(STATES))
        counts = {state: int(count) for state, count in zip(STATES, by_state, strict=True)}
        counts |= dict(
            suspects=int(suspects.sum()), remaining=int(suspects[0]), visible=len(self.visible)
        )
        self.set_trait("counts", counts)
        of = dict(zip(STATES, suspects.tolist(), strict=True))
        wrong = of["relabel"] + of["drop"]
        self.set_trait("measured_precision", measured(wrong, wrong + of["keep"]))

    # Carrying out commands

    @alone
    def _decide(
        self,
        ids: Iterable[str] | str | None,
        action: str,
        *,
        new_label: str | None = None,
        note: str,
    ) -> list[str]:
        chosen = self._chosen(ids)
        positions = self.columns.positions(chosen)
        hashes = in_threads(hash_if_readable, self._items(chosen))
        choices = [
            self._choice(position, action, new_label, content)
            for position, content in zip(positions, hashes, strict=True)
        ]
        self._look(chosen)
        following = self.following(positions)
        self.decisions.record(choices, note=note, ms_spent=self._spent())
        with self.hold_trait_notifications():
            if ids is None:
                self.selected = ()
                if self.advance and following is not None:
                    self.current = following
            self._absorb()
        return chosen

    @alone
    def _remark(
        self,
        ids: Iterable[str] | str | None,
        is_changed: Callable[[str], bool],
        *,
        note: str = "",
        **fields: Any,
    ) -> list[str]:
        """Record a note, or tags, on those of the samples where it changes something."""
        chosen = self._chosen(ids)
        self._look(chosen)
        chosen = list(filter(is_changed, chosen))
        if chosen:
            positions = self.columns.positions(chosen)
            hashes = in_threads(hash_if_readable, self._items(chosen))
            choices = [
                dict(self._about(position, content), **fields)
                for position, content in zip(positions, hashes, strict=True)
            ]
            self.decisions.record(choices, note=note, ms_spent=self._spent())
            self._absorb()
        return chosen

    def _chosen(self, ids: Iterable[str] | str | None) -> list[str]:
        """Return the samples that a command is about, each once."""
        chosen = list(dict.fromkeys(self._targets() if ids is None else _listed(ids)))
        self.columns.positions(chosen)  # raises for an unknown one
        return chosen

    def _look(self, chosen: list[str]) -> None:
        """Look at the log before a command on the samples `chosen`.

        Raises `DecisionsError` where another kernel has changed one of them meanwhile: the reviewer
        has not seen that yet; and where the log cannot be read any more.
        """
        if self.decisions.is_behind():
            try:
                self.decisions.refresh()
            except DecisionsError as error:
                raise DecisionsError(
                    f"{error.message} So the last decision is not recorded."
                ) from error
            news = self._absorb()
            met = [sample_id for sample_id in chosen if sample_id in news]
            if met:
                raise DecisionsError(self._met(met))

    def _met(self, ids: list[str]) -> str:
        event = self.decisions.history(ids[0])[-1]
        others = f" and {len(ids) - 1:,} more" if len(ids) > 1 else ""
        what = f"{self.spoken(ids[0])}{others}"
        return (
            f"{event.reviewer} has changed {what} meanwhile, which is shown now, so "
            "nothing is recorded: look again, and repeat the command if it is still meant."
        )

    def _targets(self) -> Sequence[str]:
        if self.selected:
            return self.selected
        if self.current is None:
            raise O2UError("Nothing is selected: pick a sample, or pass ids.")
        return [self.current]

    def _choice(
        self, position: int, action: str, new_label: str | None, content: str | None
    ) -> dict:
        given = self.shown_label(position)
        suggested = self.columns.name(self.columns.suggested[position])
        if action == "keep" and self.level(position) == LABELS:
            raise DecisionsError("The given label is hidden: choose the class that you see.")
        if action == "relabel":
            if new_label is None:
                self._require_shown()
            new_label = suggested if new_label is None else new_label
            if new_label is None:
                raise DecisionsError(
                    f"{self.id_of(position)} has no suggested label: pass the new label."
                )
            action = "keep" if new_label == given else action
        return dict(
            self._about(position, content),
            action=action,
            new_label=new_label if action == "relabel" else None,
        )

    def _about(self, position: int, content: str | None) -> dict:
        """Return the fields of an event that say which sample it is about, and what was shown."""
        given = self.shown_label(position)
        if self.concealed:
            return dict(
                sample_id=self.id_of(position), given_label=given, content_hash=content,
                concealed=self.level(position),
            )  # fmt: skip
        return dict(
            sample_id=self.id_of(position),
            given_label=given,
            suggested_label=self.columns.name(self.columns.suggested[position]),
            content_hash=content,
            rank_shown=int(self._ranks[position]),
            score_shown=plain(self.columns.values("score")[position]),
        )

    def _require_shown(self) -> None:
        if self.concealed:
            raise DecisionsError(
                "Suggestions are hidden now, so none can be accepted: choose the class yourself."
            )

    @alone
    def _step(self, command: Callable[[], Iterable[Event]]) -> list[str]:
        ids = self._by_rank(event.sample_id for event in command())
        with self.hold_trait_notifications():
            self._absorb()
            if self.order_by == P_WRONG:
                self.show()  # what the decisions said of the order is taken back, too
            if ids and self.is_shown(ids[0]):
                self.current = ids[0]
        return ids

    def _absorb(self) -> set[str]:
        """Take over new events, this reviewer's or another's, and tell the panels.

        Returns the samples that the events are about.
        """
        changed = self.decisions.pop_changed()
        if changed:
            self._mark(changed)
            self._since = time.monotonic()
            with self.hold_trait_notifications():
                self.recalibrate()
                self.set_trait("revision", self.revision + 1)
                self._announce()
                self.show() if self._list_follows_decisions() else self.listed()
        return set(changed)

    def _list_follows_decisions(self) -> bool:
        made = self.label_filter is not None and self.label_filter not in self.columns.classes
        by_remark = self.note_filter or self.tag_filter is not None
        return made or by_remark or self.decision_filter != "all"

    def _mark(self, ids: list[str]) -> None:
        if ids:
            events = [self.decisions.current(id) for id in ids]
            states = [STATES.index(event.action) if event else 0 for event in events]
            positions = self.columns.positions(ids)
            self._state[positions] = states
            self._right[positions] = list(map(self._right_code, positions, events))
            for sample_id, event in zip(ids, events, strict=True):
                self._classes.note(sample_id, event.new_label if event else None)
                note, tags = self.decisions.note(sample_id), self.decisions.tags(sample_id)
                self._remarks.take(sample_id, note, tags)

    def _right_code(self, position: int, event: Event | None) -> int:
        """Return the code of the class that was found right; -1 for none, or one made in review."""
        if event is None or event.action == "keep":
            return int(self.columns.label[position])
        return self._codes.get(event.new_label, -1)

    def _announce(self) -> None:
        self.set_trait("made_classes", self._classes.made)
        self.set_trait("tags", self.tags_in_use)
        self.set_trait("noted", len(self._remarks.noted))

    def _spent(self) -> int:
        return round(1000 * (time.monotonic() - self._since))

    # Looking things up

    @cached_property
    def _codes(self) -> dict[str | None, int]:
        return {name: code for code, name in enumerate(self.columns.classes)}

    @cached_property
    def _ranks(self) -> np.ndarray:
        return self.scores["rank"].to_numpy()

    @cached_property
    def _kinds(self) -> np.ndarray:
        return self.scores["kind"].to_numpy(dtype=object)

    def _items(self, ids: Sequence[str]) -> list:
        samples = self.audit.samples
        return image_items(samples.iloc[rows_of(samples.index, ids)])

    def _by_rank(self, ids: Iterable[str]) -> list[str]:
        return self.columns.ids_at(np.sort(self.columns.positions(ids)))


def _listed(ids: Iterable[str]) -> list[str]:
    """Return `ids` as a list; a single id, which is text, is a list of one."""
    return [ids] if isinstance(ids, str) else list(ids)


def _audited(facts: dict) -> float:
    """Return when the audit was made, in seconds since 1970; infinity where that is not known."""
    created = facts.get("created")
    return datetime.fromisoformat(created).timestamp() if created else float("inf")


def user() -> str:
    """Return the name under which a person's decisions are recorded, unless she gives another."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in containers
        return "reviewer"
