"""Steps of a long job as HTML: a bar with the time for each stage, and lines of text in between.

In come lines, and counts of what is done; out goes a piece of HTML. It has no script and no widget
of its own for each bar, so it is as good in a saved notebook.
"""

import time
from collections.abc import Callable
from html import escape

from o2u_nb.text import duration

LIST = "font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;line-height:1.5;"
ROW = "display:flex;flex-wrap:wrap;gap:2px 10px;align-items:center;"
NAME = "flex:0 1 auto;min-width:11em;"
TRACK = (
    "flex:0 1 220px;height:8px;border-radius:4px;overflow:hidden;"
    "background:var(--jp-border-color2,rgba(128,128,128,0.4));"
)
FILL = "height:100%;background:var(--jp-brand-color1,#1976d2);width:{:.1f}%"
NUMBERS = "font-variant-numeric:tabular-nums;color:var(--jp-ui-font-color2,inherit);"


class Stage:
    """One stage: how much of it is done, since when, and how long it will take."""

    def __init__(self, name: str, now: float):
        self.name = name
        self.done, self.total = 0, 0
        self._since, self._now = now, now

    def update(self, done: int, total: int, now: float) -> None:
        """Take in that `done` of `total` are done at the time `now`, in seconds."""
        self.done, self.total, self._now = done, total, now

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.done >= self.total

    def words(self) -> str:
        """Say what is done, in which time, and what is left."""
        took = self._now - self._since
        said = f"{self.done:,} of {self.total:,}, {duration(took)}"
        if 0 < self.done < self.total:
            said += f", about {duration(took / self.done * (self.total - self.done))} left"
        return said

    def html(self) -> str:
        """Return the stage as one row: its name, a bar, and the same in words."""
        share = 100 * self.done / max(self.total, 1)
        return (
            f'<div style="{ROW}"><span style="{NAME}">{escape(self.name)}</span>'
            f'<span style="{TRACK}" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{share:.0f}" aria-label="{escape(self.name)}">'
            f'<span style="display:block;{FILL.format(share)}"></span></span>'
            f'<span style="{NUMBERS}">{escape(self.words())}</span></div>'
        )


class Steps:
    """Keep the stages and lines of a job in the order in which they came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._told: list[Stage | str] = []

    def say(self, line: str) -> None:
        """Add a line of text."""
        self._told.append(line)

    def tell(self, name: str, done: int, total: int) -> Stage:
        """Take in that `done` of the `total` steps of the stage `name` are done; return the stage.

        The last stage of this name goes on unless it is done already; then a new one begins.
        """
        named = (told for told in self._told if isinstance(told, Stage) and told.name == name)
        *_, stage = (None, *named)
        if stage is None or stage.is_done:
            stage = Stage(name, self._clock())
            self._told.append(stage)
        stage.update(done, total, self._clock())
        return stage

    @property
    def message(self) -> str:
        """Return what was told last, in words."""
        if not self._told:
            return ""
        last = self._told[-1]
        return last if isinstance(last, str) else f"{last.name}: {last.words()}"

    def html(self) -> str:
        """Return everything that was told, in its order."""
        rows = [
            f'<div style="overflow-wrap:anywhere;">{escape(told.strip())}</div>'
            if isinstance(told, str)
            else told.html()
            for told in self._told
        ]
        return f'<div style="{LIST}">{"".join(rows)}</div>'
