"""The tile that a plot shows beside the pointer: pictures with a line of plain text below each.

In comes a question of `js/preview.js`; out goes its answer as a message. The browser has one
question on its way at most, so each is answered, also when there is nothing to show. What the tile
shows of a session's samples is in `parts/preview_samples.py`; a plot without a session needs only
this module.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ipywidgets import Widget

from o2u_nb.errors import O2UError

CSS = Path(__file__).parents[1].joinpath("preview.css").read_text(encoding="utf-8")


class Preview(NamedTuple):
    """What the tile shows: JPEG `pictures` (n,), plain `lines` (n,) below them, and a `title`."""

    title: str = ""
    lines: Sequence[str] = ()
    pictures: Sequence[bytes] = ()


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
