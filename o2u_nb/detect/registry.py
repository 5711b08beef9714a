"""The registry: all detectors, each of which makes a column of the score table, with descriptions.

In come detectors, which are functions of `Evidence`. Out come the columns of the score table, their
names for axes and cards, and which of them vote in the why card. Users can add a detector of their
own with `detector`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from o2u_nb.detect import recommended, scores
from o2u_nb.detect.density import density
from o2u_nb.detect.evidence import Evidence
from o2u_nb.errors import O2UError
from o2u_nb.eye_names import SCORE_OF, SEEN_AS

Function = Callable[[Evidence], np.ndarray | None]

# Columns that the score table computes from those of the detectors. No detector may have such a
# name.
DERIVED = ("label", "rank", "p_wrong", "suspect", "suggested_label", "kind")


@dataclass(frozen=True)
class Detector:
    """Describe one detector: the `name` of its column, its `function`, and what it measures.

    `function` takes `Evidence` and returns one number for each sample, (n_samples,), in the order
    of the trace: **higher is always more suspicious**, and NaN means that it cannot say. It returns
    None when the evidence that it needs is missing; then the table has no such column. Samples that
    training has never seen get NaN, whatever the function returns for them. `title` is a short name
    for an axis or a menu, `unit` is the unit of the numbers, and `sentence` explains them to the
    user. If `votes` is true, the why card shows whether the detector counts a sample among its
    suspects.
    """

    name: str
    function: Function
    title: str
    unit: str
    sentence: str
    votes: bool = False


def detector(
    sentence: str, *, unit: str, title: str | None = None, name: str | None = None,
    votes: bool = False,
) -> Callable[[Function], Function]:  # fmt: skip
    """Register the decorated function as a detector, so that the score table gets its column.

    See `Detector` for what the function must return. `name` is by default the function's name, and
    `title` is by default `name`. Registering a name again replaces the earlier function, so that a
    notebook cell can be run twice. The names of the package's own detectors and columns cannot be
    used. A detector should vote only if it ranks wrong labels better than chance, and measures
    something that the other voters do not. Raises `O2UError` for a name that is taken, or that is
    not a Python identifier.

    >>> @detector("How high the loss was in the last epoch.", unit="nats")
    ... def last_loss(evidence):
    ...     return evidence.trace.loss[-1]
    >>> describe("last_loss")
    'last_loss (nats)'
    >>> del DETECTORS["last_loss"]
    """

    def register(function: Function) -> Function:
        column = name or function.__name__
        _require_free(column)
        DETECTORS[column] = Detector(column, function, title or column, unit, sentence, votes)
        return function

    return register


def describe(name: str) -> str | None:
    """Return the title and unit of a column, for an axis or a menu.

    `name` is that of a detector, `p_wrong`, or that of one eye's own score; None is returned for
    other names. The title may be a user's own text: escape it before you put it into HTML.

    >>> describe("o2u_var"), describe("score_efficientnet_lite0")
    ('variance of the loss (nats²)', 'score of efficientnet_lite0 (nats)')
    """
    if name == "p_wrong":
        return "probability that the label is wrong (0 to 1)"
    if name.startswith(SCORE_OF):
        return f"score of {name.removeprefix(SCORE_OF)} (nats)"
    found = DETECTORS.get(name)
    return None if found is None else f"{found.title} ({found.unit})"


def votes(name: str) -> bool:
    """Return whether the detector of this name votes in the why card; False for unknown names."""
    return name in DETECTORS and DETECTORS[name].votes


# The four voters look at different things: the loss, the margin, the predictions, and similar
# pictures. The other detectors do not vote, for these reasons: `cyclic_margin`, `aum` and
# `average_probability_margin` measure nearly the same as `settled_margin`, and `low_confidence` the
# same as `o2u_mean`; `o2u_var` and `variability` are also high for hard samples with right labels,
# and `density` for rare kinds of pictures; `swap_odds` depends on a pair of classes, not on a
# sample; and `score` combines other detectors.
_BUILT_IN = (
    Detector(
        "o2u_mean",
        scores.o2u_mean,
        title="mean loss over the cyclic epochs, centred",
        unit="nats",
        sentence="How far the loss lay above everybody's average over the cyclic epochs.",
        votes=True,
    ),
    Detector(
        "o2u_var",
        scores.o2u_var,
        title="variance of the loss",
        unit="nats²",
        sentence="How much the loss swung over the cyclic epochs; hard pictures swing, too.",
    ),
    Detector(
        "aum",
        scores.aum,
        title="AUM, negated",
        unit="logits",
        sentence="By how much another class beat the given label, over all epochs but the first.",
    ),
    Detector(
        "cyclic_margin",
        scores.cyclic_margin,
        title="margin over the cyclic epochs, negated",
        unit="logits",
        sentence="By how much another class beat the given label, over the cyclic epochs.",
    ),
    Detector(
        "settled_margin",
        scores.settled_margin,
        title="margin, settled epochs counting more, negated",
        unit="logits",
        sentence="By how much another class beat the given label, mostly where the learning rate "
        "was low.",
        votes=True,
    ),
    Detector(
        "average_probability_margin",
        scores.average_probability_margin,
        title="margin of the averaged probabilities, negated",
        unit="nats",
        sentence="How much likelier the best other class was than the given label, on average.",
    ),
    Detector(
        "forgetting",
        scores.forgetting,
        title="times forgotten",
        unit="falls from right to wrong",
        sentence="How often the network gave up the given label after it had predicted it; all "
        "epochs count where it never did.",
        votes=True,
    ),
    Detector(
        "low_confidence",
        scores.low_confidence,
        title="one minus the mean probability of the given label",
        unit="0 to 1",
        sentence="How little probability the given label had, on average over all epochs.",
    ),
    Detector(
        "variability",
        scores.variability,
        title="standard deviation of the probability of the given label",
        unit="0 to 0.5",
        sentence="How much the given label's probability changed between epochs: ambiguous samples "
        "are high, wrong labels often low.",
    ),
    Detector(
        "density",
        density,
        title="sparseness of the neighbourhood in its class",
        unit="0 to 1",
        sentence="How few of the samples with the same label look alike, by its rank among them.",
    ),
    Detector(
        "lookalike_margin",
        recommended.lookalike_margin,
        title="what the network thinks of the look-alikes",
        unit="nats",
        sentence="How much likelier the best other class is than the given label for the samples "
        "that look alike.",
        votes=True,
    ),
    Detector(
        "swap_odds",
        recommended.swap_odds,
        title="how common such a mix-up is",
        unit="nats",
        sentence="How common it is here that the suggested class bears the given label.",
    ),
    Detector(
        "score",
        recommended.score,
        title="score, higher = more suspicious",
        unit="nats",
        sentence="The recommended score: what the network says of the sample and its look-alikes, "
        "weighed by how common the mix-up is.",
    ),
)
DETECTORS: dict[str, Detector] = {entry.name: entry for entry in _BUILT_IN}
_TAKEN = (*DERIVED, *DETECTORS)


def _require_free(name: str) -> None:
    taken = name in _TAKEN or name.startswith((SCORE_OF, SEEN_AS))
    if taken or not name.isidentifier():
        why = "is taken" if taken else "is no identifier"
        raise O2UError(
            f"The detector's name {name!r} {why}: pass another one, such as "
            '`@detector(..., name="my_score")`.'
        )
