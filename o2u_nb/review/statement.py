"""The certificate: how many labels are right at least, from a review and a random sample.

In come given labels, the events of a log and a sample that was drawn (`drawing`); out come counts,
bounds, and the sentences that a person may sign. Whatever is not known counts as wrong: labels that
nobody was sure of, and those of the sample that are not looked at yet.

Before the corrections, the wrong labels are those found in the census and at most `possible` in the
rest. After them, those that were found in the rest are subtracted: they are relabelled or dropped,
so that the bound on what is left holds whenever that on the rest does.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.review import acceptance, mistakes, tails
from o2u_nb.review.acceptance import ACCEPT, LOOK, REJECT, SamplingPlan, Verdict
from o2u_nb.review.betting import most_wrong_anytime
from o2u_nb.review.certificate import most_wrong
from o2u_nb.review.drawing import Draw, Drawn
from o2u_nb.review.events import Ledger
from o2u_nb.review.mistakes import Checks, Left

CORRECTED = ("relabel", "drop")
WRONG = (*CORRECTED, "unsure")
GOOD = 0.5  # of the share of wrong labels that the standard allows, a good lot has this much


class Tally(NamedTuple):
    """Counts of samples by what is decided; `waiting` are not decided."""

    keep: int = 0
    relabel: int = 0
    drop: int = 0
    unsure: int = 0
    waiting: int = 0

    @property
    def corrected(self) -> int:
        """Count the wrong labels that are corrected: relabelled or dropped."""
        return self.relabel + self.drop

    @property
    def wrong(self) -> int:
        """Count what is wrong, or not known to be right by somebody who looked."""
        return self.corrected + self.unsure

    @property
    def looked_at(self) -> int:
        """Count what is decided."""
        return self.keep + self.wrong


class ClassStatement(NamedTuple):
    """What holds for one given class; all classes together with the confidence of the statement.

    `size` samples have the label, `rest` of them were not decided before the draw, `looked_at` of
    these are drawn and decided, `wrong` of those were wrong. At most `possible` of the rest are
    wrong. `delivered` and `precision` are lower bounds on the share of right labels, before and
    after the corrections. `meets` says whether the delivered class is shown to meet the standard,
    all classes together with the confidence (Holm's procedure).
    """

    label: str
    size: int
    rest: int
    looked_at: int
    wrong: int
    possible: int
    delivered: float
    precision: float
    meets: bool


@dataclass(frozen=True)
class Statement:
    """What is certain of the labels, with the confidence of the draw.

    `census` and `sample` count decisions before the draw, and on the uniform sample of the rest;
    `beyond` those on other samples of the rest. `possible` is the largest number of wrong labels in
    the rest; `left` that of wrong labels in the data set after all corrections, of `size` samples.
    `delivered` and `precision` are lower bounds on the share of right labels, before and after the
    corrections. `with_mistakes` is what is left when the reviewer makes mistakes as in the
    `checks`, None without checks. `plan` and `verdict` are about the data set as it was delivered.
    `more` is how many more looks are enough to show the standard after the corrections, if all of
    them find right labels; None where no number is. `drawn_at`, `first` and `last` are times in ISO
    8601: of the draw, and of the decisions on census and sample. `revised` counts decisions on the
    sample that were changed later, `earlier` samples that were given up after somebody had looked.
    """

    draw: Draw
    total: int
    census: Tally
    sample: Tally
    beyond: Tally
    possible: int
    left: int
    size: int
    delivered: float
    precision: float
    classes: tuple[ClassStatement, ...]
    plan: SamplingPlan | None
    verdict: Verdict
    more: int | None
    checks: Checks | None
    with_mistakes: Left | None
    reviewers: tuple[str, ...]
    drawn_at: str
    first: str
    last: str
    revised: int
    earlier: int

    @property
    def is_complete(self) -> bool:
        """Tell whether the sample is looked at completely; in sequential mode always."""
        return self.draw.sequential or not self.sample.waiting

    @property
    def meets(self) -> bool:
        """Tell whether the standard is shown, after the corrections."""
        return self.precision >= self.draw.standard

    @property
    def precision_with_mistakes(self) -> float | None:
        """Return the lower bound after the corrections with the reviewer's mistakes."""
        if self.with_mistakes is None:
            return None
        unsure = self.census.unsure + self.sample.unsure + self.beyond.unsure
        return _share_right(self.with_mistakes.total + unsure, self.size)


def state(
    given: pd.Series, ledger: Ledger, drawn: Drawn, checks: Checks | None = None
) -> Statement:
    """Return what is certain by the sample `drawn` and all decisions so far.

    `given` are the given labels by `sample_id`, and `ledger` is what is decided.
    `drawing.require_valid` should have passed.
    """
    return _Counting(given, ledger, drawn, checks).statement()


class _Counting:
    """Count what the decisions on census and sample came to, and compute the bounds."""

    def __init__(self, given: pd.Series, ledger: Ledger, drawn: Drawn, checks: Checks | None):
        self.given, self.ledger, self.drawn, self.checks = given, ledger, drawn, checks
        self.draw = drawn.draw
        self.held = {event.sample_id: event for event in ledger.in_force()}
        uniform = drawn.ids[: drawn.size]
        self.uniform = self._begun(uniform) if self.draw.sequential else uniform
        self.looked = self.uniform if self.draw.sequential else drawn.ids
        self.census = self._tally(drawn.census)
        self.sample = self._tally(self.uniform)
        known = drawn.census | set(self.uniform)
        self.beyond = self._tally(sample_id for sample_id in self.held if sample_id not in known)

    def statement(self) -> Statement:
        draw, total = self.draw, len(self.given)
        census, sample, beyond = self.census, self.sample, self.beyond
        possible = self._possible(1 - draw.confidence)
        size = total - census.drop - sample.drop - beyond.drop
        left = _left(possible, census, sample, beyond)
        plan = _plan(total, census, draw)
        decided = [self.held[id] for id in [*self.drawn.census, *self.uniform] if id in self.held]
        times = sorted(event.ts_utc for event in decided) or [self.drawn.event.ts_utc]
        return Statement(
            draw=draw,
            total=total,
            census=census,
            sample=sample,
            beyond=beyond,
            possible=possible,
            left=left,
            size=size,
            delivered=_share_right(census.wrong + possible, total),
            precision=_share_right(left, size),
            classes=self._by_class() if draw.per_class else (),
            plan=plan,
            verdict=self._verdict(plan, possible),
            more=self._more(size),
            checks=self.checks,
            with_mistakes=self._with_mistakes(),
            reviewers=tuple(sorted({event.reviewer for event in decided})),
            drawn_at=self.drawn.event.ts_utc,
            first=times[0],
            last=times[-1],
            revised=sum(_revised(self.ledger, sample_id) for sample_id in self.uniform),
            earlier=self.drawn.earlier,
        )

    def _begun(self, order: Sequence[str]) -> list[str]:
        """Return the ids before the first undecided one: those count in sequential mode."""
        stop = next((k for k, id in enumerate(order) if id not in self.held), len(order))
        return list(order[:stop])

    def _tally(self, ids: Iterable[str]) -> Tally:
        counts = Counter(self.held[id].action if id in self.held else "waiting" for id in ids)
        return Tally(**counts)

    def _found(self) -> list[bool]:
        """Tell of each look in sequential mode whether the label was wrong, or nobody was sure."""
        return [self.held[sample_id].action in WRONG for sample_id in self.uniform]

    def _possible(self, level: float) -> int:
        """Return the largest number of wrong labels in the rest that is not rejected at `level`."""
        draw, sample = self.draw, self.sample
        if draw.sequential:
            return _anytime(draw.rest, self._found(), level, draw.expected)
        # What is not looked at yet counts as wrong: that can only raise the bound.
        return most_wrong(draw.rest, draw.size, sample.wrong + sample.waiting, 1 - level)

    def _verdict(self, plan: SamplingPlan | None, possible: int) -> Verdict:
        """Say whether the labels as they were delivered meet the standard.

        They are accepted as soon as the bound shows it. They are rejected when so many were found
        wrong that they cannot meet it, or that a fixed sample cannot show it any more.
        """
        draw, sample = self.draw, self.sample
        room = allowed(draw.standard, len(self.given)) - self.census.wrong
        if possible <= room:
            return Verdict(ACCEPT, 0)
        if plan is None or sample.wrong > room:
            return Verdict(REJECT, 0)
        more = self._looks_for(room)
        return Verdict(REJECT, 0) if more is None else Verdict(LOOK, more)

    def _more(self, size: int) -> int | None:
        """Return how many more looks show the standard after the corrections, if all are right."""
        fixed = self.sample.corrected + self.beyond.corrected
        room = allowed(self.draw.standard, size) - self.census.unsure + fixed
        return None if room < self.sample.wrong else self._looks_for(room)

    def _looks_for(self, room: int) -> int | None:
        """Return after how many more looks, all right, at most `room` of the rest may be wrong."""
        draw, sample = self.draw, self.sample
        if draw.sequential:
            return acceptance.more_looks(
                draw.rest, self._found(), room, confidence=draw.confidence, expected=draw.expected
            )
        at_end = most_wrong(draw.rest, draw.size, sample.wrong, draw.confidence)
        return sample.waiting if at_end <= room else None

    def _with_mistakes(self) -> Left | None:
        if self.checks is None or not self.checks.wrong:
            return None
        draw, sample = self.draw, self.sample
        every = (self.census, sample, self.beyond)
        level = mistakes.part(draw.confidence)
        return mistakes.most_left(
            rest=draw.rest,
            looked_at=sample.looked_at if draw.sequential else draw.size,
            wrong=sample.wrong + sample.waiting,
            unlooked=draw.rest - sample.looked_at,
            seen=sum(part.looked_at for part in every),
            found=sum(part.wrong for part in every),
            relabelled=sum(part.relabel for part in every),
            checks=self.checks,
            confidence=draw.confidence,
            possible=self._possible(level) if draw.sequential else None,
        )

    # Class by class

    def _by_class(self) -> tuple[ClassStatement, ...]:
        """Return what holds for each given class; see `ClassStatement`."""
        draw, rests = self.draw, self.drawn.rest
        level = (1 - draw.confidence) / max(len(rests), 1)  # of each class with a rest: Bonferroni
        rows, p_values = [], {}
        for label, part in self._parts().items():
            rest = rests.get(label, 0)
            wrong = part.sample.wrong + part.sample.waiting
            looks = part.sample.looked_at + part.sample.waiting
            total = rest + part.census.looked_at
            if draw.sequential:
                possible = _anytime(rest, part.found, level, draw.expected) if rest else 0
            else:
                possible = most_wrong(rest, looks, wrong, 1 - level) if rest else 0
            moved = part.census.corrected + part.sample.corrected + part.beyond.corrected
            size = total - moved + part.arrived
            row = ClassStatement(
                label=label,
                size=total,
                rest=rest,
                looked_at=part.sample.looked_at,
                wrong=part.sample.wrong,
                possible=possible,
                delivered=_share_right(part.census.wrong + possible, total),
                precision=_share_right(_left(possible, *part[:3]), size),
                meets=False,
            )
            rows.append(row._replace(meets=row.delivered >= draw.standard))
            room = allowed(draw.standard, total) - part.census.wrong
            p_values[label] = _p_value(rest, looks, wrong, room)
        if draw.sequential:
            return tuple(rows)
        shown = holm(
            {label: p for label, p in p_values.items() if label in rests}, 1 - draw.confidence
        )
        return tuple(r._replace(meets=r.label in shown) if r.rest else r for r in rows)

    def _parts(self) -> dict[str, "_Part"]:
        """Return the decisions on each given class."""
        labels = self.given
        groups: dict[str, tuple[list, list, list]] = {
            label: ([], [], []) for label in sorted(labels.unique())
        }
        looked = set(self.looked)
        others = (id for id in self.held if id not in looked and id not in self.drawn.census)
        for place, ids in enumerate((self.drawn.census, self.looked, others)):
            ids = list(ids)
            for sample_id, label in zip(ids, labels.loc[ids], strict=True):
                groups[label][place].append(sample_id)
        arrived = Counter(event.new_label for event in self.held.values() if event.new_label)
        return {
            label: _Part(
                self._tally(group[0]),
                self._tally(group[1]),
                self._tally(group[2]),
                arrived[label],
                [self.held[id].action in WRONG for id in group[1] if id in self.held],
            )
            for label, group in groups.items()
        }


class _Part(NamedTuple):
    """The decisions on one class; `arrived` counts what was relabelled to it."""

    census: Tally
    sample: Tally
    beyond: Tally
    arrived: int
    found: list[bool]


def _left(possible: int, census: Tally, sample: Tally, beyond: Tally) -> int:
    """Return how many wrong labels are left at most after the corrections."""
    fixed = sample.corrected + beyond.corrected
    return max(possible - fixed, sample.unsure + beyond.unsure) + census.unsure


def _anytime(rest: int, found: list[bool], level: float, expected: float) -> int:
    return int(most_wrong_anytime(rest, found, 1 - level, expected=expected)[-1])


def _share_right(wrong: int, of: int) -> float:
    return max(of - wrong, 0) / of if of else 1.0


def allowed(standard: float, size: int) -> int:
    """Return how many wrong labels a set of `size` may have to meet the standard.

    >>> allowed(0.95, 1000), allowed(0.9, 10)
    (50, 1)
    """
    return math.floor((1 - standard) * size + 1e-9)


def _plan(total: int, census: Tally, draw: Draw) -> SamplingPlan | None:
    """Return the plan of acceptance for the lot as it was delivered.

    None where the census alone says that it does not meet the standard, or where nothing is left.
    """
    most = allowed(draw.standard, total)
    bad = most + 1 - census.wrong
    if bad < 1 or not draw.rest:
        return None
    good = max(min(math.floor(GOOD * most) - census.wrong, bad - 1), 0)
    return acceptance.sampling_plan(
        draw.rest, min(bad, draw.rest), min(good, draw.rest - 1),
        consumer_risk=1 - draw.confidence, producer_risk=1 - draw.confidence,
    )  # fmt: skip


def _p_value(rest: int, looks: int, wrong: int, most: int) -> float:
    """Return the p-value against more than `most` wrong labels in the rest of a class."""
    if most < 0:
        return 1.0
    return 0.0 if most >= rest else tails.at_most(wrong, rest, most + 1, looks)


def holm(p_values: dict[str, float], level: float) -> set[str]:
    """Return the names whose hypotheses are rejected, all of them together at `level`.

    S. Holm, Scandinavian Journal of Statistics 1979.

    >>> sorted(holm({"a": 0.01, "b": 0.04, "c": 0.02}, 0.05)), sorted(holm({"a": 0.03}, 0.05))
    (['a', 'b', 'c'], ['a'])
    """
    rejected: set[str] = set()
    for name in sorted(p_values, key=lambda name: p_values[name]):
        if p_values[name] > level / (len(p_values) - len(rejected)):
            break
        rejected.add(name)
    return rejected


def _revised(ledger: Ledger, sample_id: str) -> bool:
    """Tell whether a decision on a sample took the place of another one."""
    made = [event for event in ledger.history(sample_id) if event.is_decision]
    return len({(event.action, event.new_label) for event in made}) > 1


def rounded_down(share: float) -> str:
    """Write a share as a percentage with one decimal, never more than it is.

    >>> rounded_down(0.96199), rounded_down(1.0), rounded_down(0.99987)
    ('96.1 %', '100 %', '99.98 %')
    """
    digits = 2 if 0.99 < share < 1 else 1
    if share == 1:
        return "100 %"
    return f"{np.floor(share * 10 ** (2 + digits) + 1e-9) / 10**digits:.{digits}f} %"
