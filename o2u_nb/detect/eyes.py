"""What each eye says, read from the score table, and the words for it.

In come a score table and the facts of an audit; out come the eyes, their opinions on one sample,
how far they agree on the suspects, and plain text (not HTML: whoever shows it escapes it). With a
single eye there is nothing to compare, and everything here is empty.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from o2u_nb.eye_names import NETWORK, SCORE_OF, SEEN_AS, column_name


class Eye(NamedTuple):
    """One eye of an audit: its `column` name, what it is called, and what kind of network it is.

    `title` describes it in a few words. `frozen` says that it is a head on features of a frozen,
    pretrained network; otherwise the network was trained on the pictures.
    """

    column: str
    name: str
    title: str
    frozen: bool


class Opinion(NamedTuple):
    """What one eye says of one sample.

    `score` is its own score in nats, above 0 where it speaks against the label, and `seen_as` the
    class that it finds likeliest. Both are None where the eye has not seen the sample.
    """

    eye: Eye
    seen_as: str | None
    score: float | None

    @property
    def against(self) -> bool:
        """Tell whether the eye speaks against the label."""
        return self.score is not None and self.score > 0

    @property
    def side(self) -> str:
        """Say in a word or two on which side the eye is.

        >>> eye = Eye("a", "a", "a head on features of a", True)
        >>> Opinion(eye, "cat", 1.5).side, Opinion(eye, None, None).side
        ('against', 'has not seen it')
        """
        if self.score is None:
            return "has not seen it"
        return "against" if self.score > 0 else "for" if self.score < 0 else "undecided"


def eyes_of(scores: pd.DataFrame, facts: dict) -> list[Eye]:
    """Return the eyes whose parts are in the score table, in the order of its columns.

    `facts` are those of `audit.json`; an eye that they do not describe is called by its column.
    Empty with a single eye.
    """
    known = {column_name(eye["name"]): eye for eye in facts.get("eyes", ())}
    columns = [name.removeprefix(SCORE_OF) for name in scores if name.startswith(SCORE_OF)]
    return [_eye(name, known.get(name)) for name in columns if f"{SEEN_AS}{name}" in scores]


def _eye(column: str, fact: dict | None) -> Eye:
    fact = fact or dict(name=column, title=column, frozen=column != NETWORK)
    own = fact["name"] == NETWORK
    name = "network trained here" if own else fact["name"]
    return Eye(column, name, fact["title"], bool(fact["frozen"]))


def opinions(row: pd.Series, eyes: Sequence[Eye]) -> list[Opinion]:
    """Return what each of `eyes` says of a sample; `row` is the sample's row of the score table."""
    return [_opinion(row, eye) for eye in eyes]


def _opinion(row: pd.Series, eye: Eye) -> Opinion:
    score = float(row[f"{SCORE_OF}{eye.column}"])
    if np.isnan(score):
        return Opinion(eye, None, None)
    return Opinion(eye, str(row[f"{SEEN_AS}{eye.column}"]), score)


def verdict(opinions: Sequence[Opinion]) -> str:
    """Say in a few words which eyes speak against the label; "" with fewer than two eyes.

    >>> own = Eye("network", "network trained here", "a small ResNet", False)
    >>> lite = Eye("lite0", "lite0", "a head on features of lite0", True)
    >>> verdict([Opinion(own, "cat", -1.0), Opinion(lite, "dog", 2.0)])
    'only the pretrained one'
    >>> verdict([Opinion(own, "dog", 1.0), Opinion(lite, "dog", 2.0)])
    'both eyes'
    """
    if len(opinions) < 2:
        return ""
    seen = [opinion for opinion in opinions if opinion.score is not None]
    against = [opinion.eye for opinion in seen if opinion.against]
    if not against:
        return "none"
    if len(seen) == 1:
        return "the only one that has seen it"
    if len(seen) < len(opinions):
        return f"{len(against)} of the {len(seen)} that have seen it"
    if len(against) == len(opinions):
        return "both eyes" if len(opinions) == 2 else f"all {len(opinions)} eyes"
    if len(against) == 1:
        return f"only {_alone(against[0], [opinion.eye for opinion in opinions])}"
    return f"{len(against)} of {len(opinions)} eyes"


def _alone(eye: Eye, eyes: Sequence[Eye]) -> str:
    """Name one of `eyes`, by its kind where no other is of this kind."""
    if sum(other.frozen == eye.frozen for other in eyes) > 1:
        return eye.name
    return "the pretrained one" if eye.frozen else "the network trained here"


def sentence(opinions: Sequence[Opinion]) -> str:
    """Say which eyes speak against the label, as a part of a sentence; "" with fewer than two.

    >>> lite = [Eye(name, name, "", True) for name in ("lite0", "lite2")]
    >>> sentence([Opinion(lite[0], "cat", -1.0), Opinion(lite[1], "dog", 2.0)])
    'of the 2 eyes, only lite2 speaks against the label'
    """
    who = verdict(opinions)
    if not who:
        return ""
    many = sum(opinion.against for opinion in opinions) > 1
    of = "" if who.endswith("eyes") else f"of the {len(opinions)} eyes, "
    return f"{of}{who} {'speak' if many else 'speaks'} against the label"


class Agreement(NamedTuple):
    """How far the eyes agree on the suspects; all are counts of suspects.

    `against` holds for each eye the number of suspects whose label it speaks against, and `alone`
    the number that no other eye speaks against. `all_against` counts those that every eye speaks
    against, and `same` those among them that all take for the same class.
    """

    suspects: int
    against: list[int]
    alone: list[int]
    all_against: int
    same: int


def agreement(scores: pd.DataFrame, eyes: Sequence[Eye]) -> Agreement:
    """Count how far `eyes`, of which there is at least one, agree on the suspects of a table."""
    suspects = scores[scores["suspect"].astype(bool)]
    against = np.stack([suspects[f"{SCORE_OF}{eye.column}"].to_numpy() > 0 for eye in eyes])
    named = [suspects[f"{SEEN_AS}{eye.column}"].astype(str).to_numpy() for eye in eyes]
    same = np.all([names == named[0] for names in named], axis=0)
    every = against.all(0)
    return Agreement(
        suspects=len(suspects),
        against=against.sum(1).tolist(),
        alone=(against & (against.sum(0) == 1)).sum(1).tolist(),
        all_against=int(every.sum()),
        same=int((every & same).sum()),
    )
