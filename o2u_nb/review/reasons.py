"""Why a sample is listed: one plain sentence, and how the detectors agree.

In come the figures of one sample; out comes plain text (not HTML: whoever shows it escapes it).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from o2u_nb.detect import eyes as eye_words
from o2u_nb.detect import registry
from o2u_nb.review.columns import Columns
from o2u_nb.text import likely, percent

# Threshold on `swap_odds`, in nats: a confusion is called common above it, rare below its negative.
# `swap_odds` is the logarithm of a ratio of frequencies, times `swaps.WEIGHT`, which is 0.5. So
# 0.35 (0.5 log 2) means twice, and -0.35 half, as frequent as the average confusion.
COMMON = 0.35


HARDLY_LEARNED = (
    "how likely the label is wrong cannot be told, since the network has hardly learned to tell "
    "these classes apart"
)
# From this probability on, it is also said how rarely such a label is right.
CERTAIN = 0.99


class Opinion(NamedTuple):
    """What one detector says of a sample: its value, rank (1 = most suspicious), and its vote.

    Samples with the same value share the best of their ranks. `agrees` tells whether this detector
    alone would count the sample among the suspects. Of the ranks that samples with the same value
    take up, the middle one must then be no larger than the number of suspects.
    """

    detector: str
    value: float
    rank: int
    agrees: bool


def opinions(columns: Columns, position: int, n_suspects: int) -> list[Opinion]:
    """Return the opinion of each voter on the sample at `position`; a voter that is NaN has none.

    The voters are the columns that `o2u_nb.detect.registry` lets vote. `n_suspects` is the number
    of suspects at the present threshold.
    """
    voters = [name for name in columns.names if registry.votes(name)]
    return [
        _opinion(name, columns.values(name), position, n_suspects)
        for name in voters
        if not np.isnan(columns.values(name)[position])
    ]


def _opinion(name: str, values: np.ndarray, position: int, n_suspects: int) -> Opinion:
    value = values[position]
    rank = 1 + int(np.count_nonzero(values > value))
    # Detectors that count have many ties. The samples that were never forgotten, for example, must
    # not all become suspects together because they share the best of their ranks.
    middle = rank + (np.count_nonzero(values == value) - 1) / 2
    return Opinion(name, float(value), rank, bool(middle <= n_suspects))


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
    swap_odds: float | None = None,
    eyes: Sequence[eye_words.Opinion] = (),
    hardly_learned: bool = False,
) -> str:
    """Say in plain words why a sample is where it is in the ranking.

    `probs` maps classes to mean probabilities. `loss_share`, in [0, 1], is the share of samples
    whose mean loss is lower. `score` is the recommended score, positive where the pictures speak
    against the label. `swap_odds`, in nats, says how common such a confusion is. `p_wrong` is the
    probability in [0, 1] that the label is wrong. These figures are None where they are not known.
    `eyes` is what each eye says, empty with a single one. `hardly_learned` says that the network
    has learned too little for `p_wrong` to be given as a number.

    >>> reason(label="cat", suggested="dog", p_wrong=0.9, kind="wrong",
    ...        probs={"dog": 0.8, "cat": 0.05}, loss_share=0.99, score=3.0, opinions=[])
    'Labelled "cat", but while training the network gave "dog" 80 % and "cat" 5.0 %; its loss was
    higher than that of 99 % of the samples; so the label is wrong with a probability of 90 %.'
    """
    parts = [_network(label, suggested, probs)]
    if eyes:
        parts.append(eye_words.sentence(eyes))
    if loss_share is not None:
        parts.append(_loss(loss_share))
    parts += _look_alikes(opinions)
    # A score that speaks for the label does not count confusions, see `recommended.combined`.
    if score is not None and score > 0 and swap_odds is not None:
        parts += _mix_up(swap_odds, label, suggested)
    if opinions:
        agree = sum(opinion.agrees for opinion in opinions)
        parts.append(f"{agree} of {len(opinions)} detectors count it among the suspects")
    if kind == "duplicate conflict":
        parts.append("the same picture is also there under another label, so one of them is wrong")
    elif p_wrong is not None:
        parts.append(HARDLY_LEARNED if hardly_learned else f"so the label is {_chance(p_wrong)}")
    return "; ".join(parts) + "."


def _chance(p_wrong: float) -> str:
    """Say how likely a label is wrong, and near certainty also how rarely it would be right.

    >>> _chance(0.9), _chance(0.9993)
    ('wrong with a probability of 90 %',
     'wrong with a probability of 99.93 % (right in 1 of 1,400)')
    """
    said = f"wrong with a probability of {likely(p_wrong)}"
    if not CERTAIN < p_wrong < 1:
        return said
    rarely = min(1 / (1 - p_wrong), 100_000)
    return f"{said} (right in 1 of {float(f'{rarely:.2g}'):,.0f}{' or more' * (rarely == 1e5)})"


def _look_alikes(opinions: Sequence[Opinion]) -> list[str]:
    """Say whether the part of the score that comes from similar samples speaks for the label."""
    values = [opinion.value for opinion in opinions if opinion.detector == "lookalike_margin"]
    side = {True: "against its label", False: "for its label"}
    return [f"what the network predicts for its look-alikes speaks {side[v > 0]}" for v in values]


def _mix_up(swap_odds: float, label: str, suggested: str | None) -> list[str]:
    """Say whether this confusion is common or rare among the surest samples; nothing in between."""
    if abs(swap_odds) <= COMMON:
        return []
    kind = "common" if swap_odds > 0 else "rare"
    return [f'"{suggested}" labelled "{label}" is a {kind} confusion here']


def _loss(share: float) -> str:
    if share == 1:
        return "its loss was the highest of all"
    return f"its loss was higher than that of {percent(share)} of the samples"


def _network(label: str, suggested: str | None, probs: dict[str, float]) -> str:
    if not probs:
        return f'Labelled "{label}"; no class probabilities are known'
    given = probs.get(label, 0.0)
    other = 0.0 if suggested is None else probs.get(suggested, 0.0)
    if suggested is None or given >= other:
        return f'Labelled "{label}", and while training the network gave it {percent(given)}'
    return (
        f'Labelled "{label}", but while training the network gave "{suggested}" '
        f'{percent(other)} and "{label}" {percent(given)}'
    )


def vote(label: str, neighbours: Sequence[str]) -> str:
    """Say what most of the nearest samples are labelled; `label` is the sample's own given one.

    >>> vote("ocelot", ["tiger", "tiger", "jaguar"])
    '2 of its 3 nearest look-alikes are labelled tiger, and none has its own label, ocelot.'
    >>> vote("tiger", ["tiger", "tiger", "jaguar"])
    '2 of its 3 nearest look-alikes have its own label, tiger.'
    """
    counts = Counter(neighbours)
    most = max(counts, key=lambda name: (counts[name], name == label))
    asked = f"of its {len(neighbours)} nearest look-alikes"
    if most == label:
        return f"{counts[most]} {asked} {_have(counts[most])} its own label, {label}."
    verb = "is" if counts[most] == 1 else "are"
    own = f"{counts[label] or 'none'} {_have(counts[label])} its own label, {label}"
    return f"{counts[most]} {asked} {verb} labelled {most}, and {own}."


def _have(count: int) -> str:
    return "has" if count < 2 else "have"
