"""What the tile beside the pointer shows of samples: their pictures, ranks and labels.

In come a session and positions; out goes a `Preview` with a picture and a line for each sample.
"""

import numpy as np

from o2u_nb.review.session import ReviewSession
from o2u_nb.rows import evenly
from o2u_nb.text import clip
from o2u_nb.widgets.parts.preview import Preview

MOST = 6  # pictures in a tile: two rows of three, which hide little of a plot
SIZE = 128  # pixels of their longest side; as for tiles of the grid, so that most are in the cache


def of_samples(session: ReviewSession, positions: np.ndarray, title: str = "") -> Preview:
    """Return pictures of the samples at `positions` (n,), of many of them six, evenly spaced."""
    positions = np.asarray(positions)
    shown = positions[evenly(len(positions), MOST)]
    if len(positions) > len(shown):
        title = f"{title}: {len(shown)} of {len(positions):,}".removeprefix(": ")
    lines = [labels(session, position) for position in shown]
    return Preview(title, lines, session.page_thumbnails(session.columns.ids_at(shown), SIZE))


def labels(session: ReviewSession, position: int) -> str:
    """Write the rank of the sample at `position`, its given label and the suggested one."""
    columns = session.columns
    rank = int(session.scores["rank"].iloc[position])
    given = columns.name(columns.label[position])
    suggested = columns.name(columns.suggested[position])
    other = "no suggestion" if suggested is None else clip(suggested, 30)
    return f"#{rank:,} {clip(given, 30)} → {other}"
