"""Why a sample is listed: one plain sentence, and how the detectors agree.

In come the figures of one sample; out comes plain text (not HTML: whoever shows it escapes it).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from o2u_nb.review.columns import Columns
from o2u_nb.text import percent

SUMMARIES = ("score", "p_wrong")  # the recommended detector once more, and what follows from it

COMMON = (
    0.35  # of `swap_odds`, in nats: twice as common as the average mix-up; rare: half as common
)


class Opinion(NamedTuple):
    """What one detector says of a sample: its value, rank (1 = most suspicious), and its vote.

    `agrees` tells whether the rank is within the number of suspects.
    """

    detector: str
    value: float
    rank: int
    agrees: bool


def opinions(columns: Columns, position: int, n_suspects: int) -> list[Opinion]:
    """Return what each detector says of the sample at `position`, except where it says nothing."""
    found = []
    for name in columns.names:
        values = columns.values(name)
        if name not in SUMMARIES and not np.isnan(values[position]):
            rank = 1 + int(np.count_nonzero(values > values[position]))
            found.append(Opinion(name, float(values[position]), rank, rank <= n_suspects))
    return found


def reason(
    *,
    label: str,
    suggested: str | None,
    p_wrong: float | None,
    kind: str,
    probs: dict[str, float],
    loss_share: float | None,
    score: float | None,
    opinions: Sequence[Opinion],
) -> str:
    """Say in plain words why a sample is where it is in the ranking.

    `probs` maps classes to mean probabilities, `loss_share` is the share of samples whose mean loss
    is lower, in [0, 1], and `score` the recommended one, positive where the pictures speak against
    the label; None where unknown.

    >>> reason(label="cat", suggested="dog", p_wrong=0.9, kind="wrong",
    ...        probs={"dog": 0.8, "cat": 0.05}, loss_share=0.99, score=3.0, opinions=[])
    'Labelled "cat", but while training the network gave "dog" 80 % and "cat" 5.0 %; its loss was
    higher than that of 99 % of the samples; so the label is wrong with a probability of 90 %.'
    """
    parts = [_seen(label, suggested, probs)]
    if loss_share is not None:
        parts.append(_loss(loss_share))
    parts += _look_alikes(opinions)
    if score is not None and score > 0:  # else mix-ups have no part in it, see `table.combined`
        parts += _swaps(opinions, label, suggested)
    if opinions:
        agree = sum(opinion.agrees for opinion in opinions)
        parts.append(f"{agree} of {len(opinions)} detectors count it among the suspects")
    if kind == "duplicate conflict":
        parts.append("the same picture is also there under another label, so one of them is wrong")
    elif p_wrong is not None:
        parts.append(f"so the label is wrong with a probability of {percent(p_wrong)}")
    return "; ".join(parts) + "."


def _look_alikes(opinions: Sequence[Opinion]) -> list[str]:
    """Say whether the part of the score that comes from similar samples speaks for the label."""
    values = [opinion.value for opinion in opinions if opinion.detector == "lookalike_margin"]
    side = {True: "against its label", False: "for its label"}
    return [f"what the network thinks of its look-alikes speaks {side[v > 0]}" for v in values]


def _swaps(opinions: Sequence[Opinion], label: str, suggested: str | None) -> list[str]:
    """Say so where this mix-up is common, or rare, among the surest samples."""
    values = [opinion.value for opinion in opinions if opinion.detector == "swap_odds"]
    kind = {True: "common", False: "rare"}
    said = f'"{suggested}" labelled "{label}" is a {{}} mix-up here'
    return [said.format(kind[value > 0]) for value in values if abs(value) > COMMON]


def _loss(share: float) -> str:
    if share == 1:
        return "its loss was the highest of all"
    return f"its loss was higher than that of {percent(share)} of the samples"


def _seen(label: str, suggested: str | None, probs: dict[str, float]) -> str:
    if not probs:
        return f'Labelled "{label}"; no class probabilities are known'
    given, other = probs.get(label, 0.0), probs.get(suggested, 0.0)
    if suggested is None or given >= other:
        return f'Labelled "{label}", and while training the network gave it {percent(given)}'
    return (
        f'Labelled "{label}", but while training the network gave "{suggested}" '
        f'{percent(other)} and "{label}" {percent(given)}'
    )


def vote(label: str, neighbours: Sequence[str]) -> str:
    """Say what most of the nearest samples are labelled; `label` is the sample's own given one.

    >>> vote("leopard", ["tiger", "tiger", "jaguar"])
    '2 of its 3 nearest look-alikes are labelled tiger; none is labelled leopard, as it is.'
    >>> vote("tiger", ["tiger", "tiger", "jaguar"])
    '2 of its 3 nearest look-alikes are labelled tiger, as it is.'
    """
    counts = Counter(neighbours)
    most = max(counts, key=lambda name: (counts[name], name == label))
    own = "" if most == label else f"; {_are(counts[label])} labelled {label}"
    asked = f" of its {len(neighbours)} nearest look-alikes"
    return f"{_are(counts[most], asked)} labelled {most}{own}, as it is."


def _are(count: int, of: str = "") -> str:
    return f"{count or 'none'}{of} {'is' if count < 2 else 'are'}"
