"""Pictures of samples for the tile that a plot shows beside the pointer.

In come a session and positions; out go pictures with a line of plain text below each, as the
message that `js/preview.js` asks for. The browser has one question on its way at most, so each is
answered, also when there is nothing to show.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ipywidgets import Widget

from o2u_nb.errors import O2UError
from o2u_nb.review.session import ReviewSession
from o2u_nb.rows import evenly
from o2u_nb.text import clip

CSS = Path(__file__).parents[1].joinpath("preview.css").read_text(encoding="utf-8")
MOST = 6  # pictures in a tile: two rows of three, which hide little of a plot
SIZE = 128  # pixels of their longest side; as for tiles of the grid, so that most are in the cache


class Preview(NamedTuple):
    """What the tile shows: JPEG `pictures` (n,), plain `lines` (n,) below them, and a `title`."""

    title: str = ""
    lines: Sequence[str] = ()
    pictures: Sequence[bytes] = ()


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


def reply(widget: Widget, question: dict, make: Callable[[], Preview | None]) -> None:
    """Send what `make` returns as the answer to `question`; where it fails, that is said."""
    made: Preview | None = None
    try:
        made = make()
    except O2UError as error:
        made = Preview(error.message)
    finally:  # also after an error that is not foreseen, which is shown in the log
        found = made or Preview()
        answer = dict(kind="preview", view=question.get("view"), title=found.title)
        widget.send({**answer, "lines": list(found.lines)}, buffers=list(found.pictures))
