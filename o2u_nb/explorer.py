"""Play with the cyclic schedule on kept features: `CyclicExplorer(audit)`.

In come features of a frozen network with their samples, or an audit that keeps some; out goes the
panel of `widgets/explore.py` over trainings of `training/play.py`.
"""

from typing import Any

import pandas as pd

from o2u_nb.errors import FeaturesError
from o2u_nb.rows import evenly
from o2u_nb.training.heads import HEAD_RATE, HIDDEN_RATE
from o2u_nb.training.play import Playground
from o2u_nb.widgets.explore import HEADS, ExplorePanel

# Samples that are trained on at most, unless asked for more. A training of so many takes two
# seconds (`benchmarks/results/head_speed.md`).
MOST = 10_000


class CyclicExplorer(ExplorePanel):
    """Train a head on features with sliders: `CyclicExplorer(features, samples)`, or of an audit.

    `features` is float (n_samples, d) in the order of the samples table `samples`. An audit's own
    features are taken from `audit.features`, those of the network `eye` if it keeps several. At
    most `most` samples are used, evenly spaced. The wrong labels that are known in advance are
    planted ones: choose a noise, and the panel says how many of them come first.

    Raises `FeaturesError` when an audit keeps no features, or they do not fit the samples, and what
    `head_learner` raises.
    """

    def __init__(
        self,
        features: Any,
        samples: pd.DataFrame | None = None,
        *,
        eye: str | None = None,
        most: int = MOST,
        device: str | None = None,
    ):
        if samples is None:
            features, samples = _of_audit(features, eye)
        if len(features) == len(samples):  # otherwise the playground says what is wrong
            rows = evenly(len(samples), most)
            of_rows = features.iloc if isinstance(features, pd.DataFrame) else features
            features, samples = of_rows[rows], samples.iloc[rows]
        rates = dict(zip(HEADS, (HEAD_RATE, HIDDEN_RATE), strict=True))
        super().__init__(Playground(features, samples, device=device), rates)


def _of_audit(audit: Any, eye: str | None) -> tuple[Any, pd.DataFrame]:
    """Return the features that an audit keeps, and its samples: both in the order of its trace."""
    kept = getattr(audit, "features", None)
    if kept is None or not hasattr(kept, "keys"):
        raise FeaturesError(
            f"Expected features with their samples table, or an audit; found "
            f"{type(audit).__name__} alone. Pass `CyclicExplorer(features, samples)`."
        )
    names = list(kept.keys())
    if not names:
        raise FeaturesError(
            "Expected an audit that keeps features of a frozen network, found none in it: audit "
            "again with a pretrained eye, or pass `CyclicExplorer(features, samples)`."
        )
    if eye is not None and eye not in names:
        raise FeaturesError(
            f"No features of {eye!r} in this audit: it keeps those of {', '.join(names)}."
        )
    return kept[eye or names[0]], audit.samples.loc[audit.trace.ids]
