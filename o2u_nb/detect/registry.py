"""The registry: all detectors, each of which makes a column of the score table, with descriptions.

In come detectors, which are functions of `Evidence`. Out come the columns of the score table, their
names for axes and cards, and which of them vote in the why card. Users can add a detector of their
own with `detector`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from o2u_nb.detect import confident, loss_mixture, measured, recommended, scores
from o2u_nb.detect import votes as neighbour_votes
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

    The score table has the column of a detector that is `on_demand` only when it is asked for.
    `needs` says what evidence the detector needs beyond a trace, and `paper` where it is from, or
    that it is our own. Both may be empty, but every detector of the package names its paper. A
    `demonstration` shows something else than how likely a label is wrong.
    """

    name: str
    function: Function
    title: str
    unit: str
    sentence: str
    votes: bool = False
    on_demand: bool = False
    needs: str = ""
    paper: str = ""
    demonstration: bool = False


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
        return f"{called(name)} (0 to 1)"
    if name.startswith(SCORE_OF):
        return f"{called(name)} (nats)"
    found = DETECTORS.get(name)
    return None if found is None else f"{found.title} ({found.unit})"


def called(name: str) -> str:
    """Return what people read for a column: its title, without the unit, for a menu or a card.

    A column that is not ours is called by its name. It may be a user's own text: escape it
    before you put it into HTML.

    >>> called("swap_odds"), called("p_wrong"), called("score_lite0"), called("mine")
    ('how common the confusion is', 'probability of a wrong label', 'score of lite0', 'mine')
    """
    if name == "p_wrong":
        return "probability of a wrong label"
    if name.startswith(SCORE_OF):
        return f"score of {name.removeprefix(SCORE_OF)}"
    return DETECTORS[name].title if name in DETECTORS else name


def detector_named(name: str) -> Detector:
    """Return the detector called `name`; raise `O2UError`, which names the nearest, if none is.

    >>> detector_named("knn_vote").on_demand
    True
    """
    if name in DETECTORS:
        return DETECTORS[name]
    near = get_close_matches(name, DETECTORS, n=1) or list(DETECTORS)
    raise O2UError(f"No detector {name!r}: try {' or '.join(map(repr, near))}.")


def votes(name: str) -> bool:
    """Return whether the detector of this name votes in the why card; False for unknown names."""
    return name in DETECTORS and DETECTORS[name].votes


_PAPERS = dict(
    o2u="Huang, Qu, Jia, Zhao, ICCV 2019",
    aum="Pleiss, Zhang, Elenberg, Weinberger, NeurIPS 2020",
    maps="Swayamdipta et al., EMNLP 2020",
    simifeat="Zhu, Dong, Liu, ICML 2022",
    confident="Northcutt, Jiang, Chuang, JAIR 2021",
    influence="Koh, Liang, ICML 2017",
)
_OWN = "our own, see benchmarks/detection/README.md"

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
        title="mean loss above average",
        unit="nats",
        sentence="How far the loss lay above the average of all samples, over the cyclic "
        "epochs; negative = below it.",
        votes=True,
        paper=_PAPERS["o2u"],
    ),
    Detector(
        "o2u_var",
        scores.o2u_var,
        title="variance of the loss",
        unit="nats²",
        sentence="How much the loss swung over the cyclic epochs; hard pictures swing, too.",
        paper=f"our own, after {_PAPERS['o2u']}",
    ),
    Detector(
        "aum",
        scores.aum,
        title="margin over all epochs (AUM)",
        unit="logits",
        sentence="By how much another class beat the given label, over all epochs but the first.",
        paper=_PAPERS["aum"],
    ),
    Detector(
        "cyclic_margin",
        scores.cyclic_margin,
        title="margin over the cyclic epochs",
        unit="logits",
        sentence="By how much another class beat the given label, over the cyclic epochs.",
        paper=f"our own, after {_PAPERS['aum']}",
    ),
    Detector(
        "settled_margin",
        scores.settled_margin,
        title="margin where training had settled",
        unit="logits",
        sentence="By how much another class beat the given label, mostly where the learning rate "
        "was low.",
        votes=True,
        paper=f"our own, after {_PAPERS['aum']}",
    ),
    Detector(
        "average_probability_margin",
        scores.average_probability_margin,
        title="margin of the averaged probabilities",
        unit="nats",
        sentence="How much likelier the best other class was than the given label, on average.",
        paper="Pickler et al., arXiv 2510.16211",
    ),
    Detector(
        "forgetting",
        scores.forgetting,
        title="times forgotten",
        unit="falls from right to wrong",
        sentence="How often the network gave up the given label after it had predicted it; all "
        "epochs count where it never did.",
        votes=True,
        paper="Toneva et al., ICLR 2019",
    ),
    Detector(
        "low_confidence",
        scores.low_confidence,
        title="doubt in the given label",
        unit="0 to 1",
        sentence="How little probability the given label had, on average over all epochs.",
        paper=_PAPERS["maps"],
    ),
    Detector(
        "variability",
        scores.variability,
        title="swing of the label's probability",
        unit="0 to 0.5",
        sentence="How much the given label's probability changed between epochs: ambiguous samples "
        "are high, wrong labels often low.",
        paper=_PAPERS["maps"],
    ),
    Detector(
        "lookalike_margin",
        recommended.lookalike_margin,
        title="look-alikes against the label",
        unit="nats",
        sentence="How much likelier the best other class is than the given label for the samples "
        "that look alike.",
        votes=True,
        paper=_OWN,
    ),
    Detector(
        "swap_odds",
        recommended.swap_odds,
        title="how common the confusion is",
        unit="nats",
        sentence="How common it is here that the suggested class bears the given label.",
        paper=_OWN,
    ),
    Detector(
        "score",
        recommended.score,
        title="score",
        unit="nats",
        sentence="The recommended score: what the network says of the sample and its look-alikes, "
        "weighed by how common the confusion is; with several eyes, the mean of their scores.",
        paper=_OWN,
    ),
)

_EMBEDDINGS = "embeddings"
_OUT_OF_SAMPLE = (
    "a head on frozen features with its embeddings, or "
    'measured={"out_of_sample_probs": confident.out_of_sample_probs(features, samples)}'
)
_INFLUENCES = "measured=influences(learn), of training.probe.influence"

# The other methods of the field, to compare with. They are computed when they are asked for, or
# when somebody has measured what they need. None of them votes: they say much the same as those
# above, and the four voters are enough for a card.
_COMPARED = (
    Detector(
        "error_share",
        scores.error_share,
        title="share of epochs that predicted another class",
        unit="0 to 1",
        sentence="In which share of the epochs the network predicted another class.",
        on_demand=True,
        paper=_PAPERS["maps"],
    ),
    Detector(
        "aleatoric",
        scores.aleatoric,
        title="Data-IQ's aleatoric uncertainty",
        unit="0 to 0.25",
        sentence="How undecided the network stayed about the given label: ambiguous samples are "
        "high, wrong labels often low.",
        on_demand=True,
        paper="Seedat, Crabbé, Bica, van der Schaar, NeurIPS 2022",
        demonstration=True,
    ),
    Detector(
        "el2n",
        scores.el2n,
        title="EL2N, length of the early error",
        unit="0 to 1.41",
        sentence="How far the early predictions lay from the given label; hard pictures are far, "
        "too.",
        on_demand=True,
        paper="Paul, Ganguli, Dziugaite, NeurIPS 2021",
    ),
    Detector(
        "loss_mixture",
        loss_mixture.loss_mixture,
        title="DivideMix, probability of the large losses",
        unit="0 to 1",
        sentence="How probable it is that the loss after the warm-up belongs to the group of "
        "large losses.",
        on_demand=True,
        paper="Li, Socher, Hoi, ICLR 2020",
    ),
    Detector(
        "knn_vote",
        neighbour_votes.knn_vote,
        title="vote of the 10 nearest against the label",
        unit="0 to 1",
        sentence="Which share of the ten most similar samples, weighed by similarity, has another "
        "label.",
        on_demand=True,
        needs=_EMBEDDINGS,
        paper="Bahri, Jiang, Gupta, ICML 2020",
    ),
    Detector(
        "density",
        density,
        title="sparseness of the neighbourhood in its class",
        unit="0 to 1",
        sentence="How few of the samples with the same label look alike, by its rank among them.",
        on_demand=True,
        needs=_EMBEDDINGS,
        paper="Guo et al., ECCV 2018",
    ),
    Detector(
        "simifeat_vote",
        neighbour_votes.simifeat_vote,
        title="SimiFeat-style vote",
        unit="-1 to 1",
        sentence="By how much another label outnumbers the given one among the nearest samples and "
        "the sample itself.",
        on_demand=True,
        needs=_EMBEDDINGS,
        paper=_PAPERS["simifeat"],
    ),
    Detector(
        "simifeat_rank",
        neighbour_votes.simifeat_rank,
        title="SimiFeat-style rank",
        unit="nats",
        sentence="How rare the given label is among the nearest samples and the sample itself.",
        on_demand=True,
        needs=_EMBEDDINGS,
        paper=_PAPERS["simifeat"],
    ),
    Detector(
        "self_confidence",
        confident.self_confidence,
        title="one minus the self-confidence",
        unit="0 to 1",
        sentence="How little probability the given label has for a model that was not trained on "
        "the sample.",
        on_demand=True,
        needs=_OUT_OF_SAMPLE,
        paper=_PAPERS["confident"],
    ),
    Detector(
        "normalised_margin",
        confident.normalised_margin,
        title="normalised margin, negated",
        unit="0 to 1",
        sentence="By how much another class beats the given label for a model that was not trained "
        "on the sample.",
        on_demand=True,
        needs=_OUT_OF_SAMPLE,
        paper=_PAPERS["confident"],
    ),
    Detector(
        "confident_learning",
        confident.confident_learning,
        title="confident learning, above 1 = called wrong",
        unit="0 to 2",
        sentence="Whether confident learning calls the label wrong, and how little confidence "
        "there is in it.",
        on_demand=True,
        needs=_OUT_OF_SAMPLE,
        paper=_PAPERS["confident"],
    ),
    Detector(
        "self_influence",
        measured.self_influence,
        title="self-influence",
        unit="nats",
        sentence="By how much the loss would rise, had the network been trained without the "
        "sample.",
        needs=_INFLUENCES,
        paper=_PAPERS["influence"],
    ),
    Detector(
        "valid_influence",
        measured.valid_influence,
        title="harm to the validation samples",
        unit="nats",
        sentence="By how much the mean validation loss would fall, had the network been trained "
        "without the sample.",
        needs=f"{_INFLUENCES}, for a Learner with validation samples",
        paper=_PAPERS["influence"],
    ),
    Detector(
        "tracin",
        measured.tracin,
        title="TracIn self-influence",
        unit="nats",
        sentence="How strongly training on the sample pulled at the last layer, over the "
        "checkpoints.",
        needs='measured={"tracin": callback.influence}, with training.probe.tracin.TracIn in a fit',
        paper="Pruthi, Liu, Kale, Sundararajan, NeurIPS 2020",
    ),
    Detector(
        "near_boundary",
        measured.near_boundary,
        title="nearness to a decision boundary",
        unit="0 to 1",
        sentence="How little the picture must be changed until the network predicts another class, "
        "whatever its label.",
        needs='measured={"near_boundary": near_boundary(learn)}, of training.probe.critical',
        paper="Arpit et al., ICML 2017",
        demonstration=True,
    ),
    Detector(
        "threshold_margin",
        measured.threshold_margin,
        title="AUM below the threshold samples'",
        unit="logits",
        sentence="By how much the area under the margin lies below that of samples with a label "
        "that is wrong on purpose.",
        needs='measured={"threshold_margin": threshold_samples(...).margin}, of '
        "training.thresholds",
        paper=_PAPERS["aum"],
    ),
)
DETECTORS: dict[str, Detector] = {entry.name: entry for entry in (*_BUILT_IN, *_COMPARED)}
_TAKEN = (*DERIVED, *DETECTORS)


def _require_free(name: str) -> None:
    taken = name in _TAKEN or name.startswith((SCORE_OF, SEEN_AS))
    if taken or not name.isidentifier():
        why = "is taken" if taken else "is not an identifier"
        raise O2UError(
            f"The detector's name {name!r} {why}: pass another one, such as "
            '`@detector(..., name="my_score")`.'
        )
