"""The panel of an audit that runs: its steps with bars, the losses, and the current suspects.

In comes what `run.run_audit` tells, in the same words as to the bars of a terminal (see
`progress.Silence`); out goes a panel. When the audit is done, it turns into plain HTML that a saved
notebook keeps.
"""

import time
from html import escape

import pandas as pd
from ipywidgets import HTML, Layout

from o2u_nb.plots.gallery import strip
from o2u_nb.progress import Begin, OnEpoch
from o2u_nb.trace import Trace
from o2u_nb.widgets.live import STOPPED, Story
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.status import StatusLine
from o2u_nb.widgets.parts.steps import Stage, Steps

SAMPLES = 8  # pictures that are shown until the first suspects are known, one of each class
SIZE = 104  # CSS pixels of each
# Drawing takes at most this share of the time, 0 to 1, so that it holds up no training; and there
# are at most five drawings a second. Our choices.
SHARE = 0.2
LEAST = 0.2
HEADING = "margin:10px 0 2px;font-weight:600;"


class LiveRun(LiveOutput):
    """Show an audit while it runs; it is displayed when the audit begins (`with LiveRun() as run`).

    `run` itself is called with the progress of each stage, `say` with lines, and `watch` with the
    samples before they are trained on.
    """

    def __init__(self) -> None:
        self._steps = Steps()
        self._status = StatusLine(restarted=STOPPED)
        self._bars, self._before, self._now = HTML(), HTML(), HTML()
        self._title = ""
        self._story: Story | None = None
        self._stage: Stage | None = None  # the one that was told last
        self._done: list[tuple[str, str]] = []  # titles and HTML of the eyes that are trained
        self._clocks = {"bars": _Pace(), "now": _Pace()}
        super().__init__([self._bars, self._status, self._now, self._before])
        self.layout = Layout(width="100%", min_width="0")

    def __enter__(self) -> "LiveRun":
        self._ipython_display_()
        return self

    def __exit__(self, *_: object) -> None:
        """Turn into plain HTML; where the audit failed, what was seen until then stays."""
        self._end_story()
        self._draw_bars()
        self.send_again(self.still())
        self.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of the `total` steps of `stage` are done."""
        name = f"{stage}: {self._title}" if self._story else stage
        told, before = self._steps.tell(name, done, total), self._stage
        self._stage = told
        if told is not before or told.is_done or self._clocks["bars"].is_due():
            self._draw_bars()

    def say(self, line: str) -> None:
        """Show one line of text, and have it read aloud."""
        self._end_story()
        self._steps.say(line)
        self._status.message = line
        self._draw_bars()

    def watch(self, samples: pd.DataFrame) -> Begin:
        """Show a few of the pictures, and return what is called before each eye is trained."""
        few = samples.drop_duplicates("label").head(SAMPLES).index
        self._now.value = _headed("Some of the pictures, one of a class", strip(samples, few).html)
        return lambda title, n_epochs: self._begin(title, n_epochs, samples)

    @property
    def message(self) -> str:
        """Return the last step in words."""
        return self._steps.message

    def _begin(self, title: str, n_epochs: int, samples: pd.DataFrame) -> OnEpoch:
        self._end_story()
        self._title = title
        self._story = story = Story(n_epochs, samples)

        def on_epoch(trace: Trace) -> None:
            story.update(trace)
            self._status.message = f"{title}: {story.message}"
            if self._clocks["now"].is_due():
                with self._clocks["now"]:
                    self._now.value = _headed(title, story.html())

        return on_epoch

    def _end_story(self) -> None:
        """Put the training that is shown among those that are done."""
        story, self._story = self._story, None
        if story is not None:
            self._done.append((self._title, f"<p>{escape(story.message)}</p>{story.html()}"))
            self._now.value = ""
            self._before.value = self._trainings()

    def _trainings(self) -> str:
        """Return all trainings that are done; the last one is unfolded."""
        last = len(self._done) - 1
        return "".join(
            f'<details{" open" if k == last else ""}><summary style="{HEADING}cursor:pointer;">'
            f"{escape(title)}</summary>{html}</details>"
            for k, (title, html) in enumerate(self._done)
        )

    def _draw_bars(self) -> None:
        with self._clocks["bars"]:
            self._bars.value = self._steps.html()

    def _html(self) -> str:
        return self._steps.html() + self._trainings()


class _Pace:
    """Tell when it is time to draw again; `with pace` around the drawing measures how long it took.

    So pictures that take long to read hold up a training by no more than `SHARE` of its time.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._began = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        now = time.monotonic()
        self._next = now + max(LEAST, (now - self._began) / SHARE)


def _headed(title: str, html: str) -> str:
    return f'<p style="{HEADING}">{escape(title)}</p>{html}'
