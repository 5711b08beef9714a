"""The epoch player: play or scrub the epochs of a training, and see wrong labels part from right.

In comes a session; out go all epochs to the browser, once, as arrays of float32, and then only the
sample that is looked at. `plots.player` computes what is drawn, `js/player.js` draws it.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from o2u_nb.plots import still
from o2u_nb.plots.bars import BINS
from o2u_nb.plots.player import (
    MAX_POINTS,
    Frames,
    frames,
    guesses,
    phase_starts,
    phase_words,
    shares,
)
from o2u_nb.plots.scores import thinned
from o2u_nb.review.session import ReviewSession
from o2u_nb.rows import evenly
from o2u_nb.text import clip
from o2u_nb.trace import Trace
from o2u_nb.widgets.esm import joined
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.picking import Picking
from o2u_nb.widgets.parts.preview import CSS, reply
from o2u_nb.widgets.parts.preview_samples import SIZE, labels, of_samples

WIDGETS = Path(__file__).parent
STILL = 600  # points of the still picture: some 30 kB in a saved notebook


class PlayerView(anywidget.AnyWidget):
    """Play the epochs in the browser; each message from there goes to `heard`.

    `chosen` is the sample that is looked at, as `js/player.js` describes it, and `picture` its JPEG
    bytes. `names` are those of both groups of points, and how many samples are drawn, in words.
    """

    _esm = joined(WIDGETS / "js" / "player.js")
    _css = "\n".join([CSS, (WIDGETS / "player.css").read_text(encoding="utf-8")])

    chosen = traitlets.Dict(None, allow_none=True).tag(sync=True)
    picture = traitlets.Bytes(b"").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)


class PlayerPanel(Panel):
    """Play the epochs: each sample is a point in the plane of mean and variance of its loss so far.

    Suspects, by the session's threshold, are crosses, and along the sides are the histograms of
    both groups. Beside them the current sample's picture is shown, with the network's
    predictions in each epoch. At most 10,000 samples are drawn. A click on a point makes its sample
    the current one. Space plays, the left and right arrow go from epoch to epoch, and up and down
    from sample to sample. `mark` shows another group than the suspects, such as planted wrong
    labels.
    """

    def __init__(self, session: ReviewSession):
        suspect = session.scores["suspect"].to_numpy(dtype=bool)
        parts = thinned(np.flatnonzero(suspect), np.flatnonzero(~suspect), MAX_POINTS)
        self._positions = np.sort(np.concatenate(parts))  # of the points that are drawn
        self._others: tuple[str, np.ndarray] | None = None  # what `mark` has set
        self._marks: list = []  # what the crosses that were drawn last depend on
        self._is_shown = False  # whether a browser has asked for the frames
        self._picking = Picking(session)
        self._view = PlayerView()
        super().__init__(session, [self._view])
        self._view.on_msg(self._receive)
        self._follow(self._draw, "suspects", "current")
        self._follow(self._picking.restore, "position_filter")
        self._draw()

    def mark(self, ids: Iterable[str], name: str = "planted") -> None:
        """Draw the samples `ids` as crosses instead of the suspects; the legend calls them `name`.

        Raises `O2UError` for a sample that the audit does not hold.
        """
        marked = np.zeros(len(self.session.columns), dtype=bool)
        marked[self.session.columns.positions(ids)] = True
        self._others = name, marked
        self._draw()

    @cached_property
    def _trace(self) -> Trace:
        """Return the trace of the samples that are drawn, in their order."""
        return self.session.trace.take(self.session.trace_positions(self._positions))

    @cached_property
    def _frames(self) -> Frames:
        return frames(self._trace)

    def _marked(self) -> np.ndarray:
        """Tell which of the points are crosses: bool (n,)."""
        marked = self.session.suspects if self._others is None else self._others[1]
        return marked[self._positions]

    def _names(self) -> list[str]:
        name = "suspects" if self._others is None else clip(self._others[0], 40)
        marked = self._marked()
        drawn, total = len(self._positions), len(self.session.columns)
        some = f"{drawn:,} of {total:,} samples are drawn." if drawn < total else ""
        return [f"the rest ({(~marked).sum():,})", f"{name} ({marked.sum():,})", some]

    def _receive(self, _, message: dict, buffers: list) -> None:
        kind = message.get("kind")
        if kind == "frames":
            self._is_shown = True
            self._send_frames()
            self._send_marks()
        elif kind == "pictures":
            reply(self._view, message, lambda: of_samples(self.session, self._at(message)))
        elif kind == "go":
            self._say(self._picking.go_to, int(self._at(message)[0]))
        elif kind == "step":
            self._try(self.session.step, int(message["by"]))

    def _at(self, message: dict) -> np.ndarray:
        """Return the position (1,) of the point in a message."""
        return self._positions[[int(message["point"])]]

    def _send_frames(self) -> None:
        mean, variance, x_top, y_top = self._frames
        trace = self._trace
        about = dict(
            kind="frames",
            n=trace.n_samples,
            epochs=trace.n_epochs,
            xTop=x_top,
            yTop=y_top,
            rate=trace.lr.tolist(),
            phases=phase_words(trace),
            since=phase_starts(trace),
        )
        self._view.send(about, buffers=[mean.tobytes(), variance.tobytes()])

    def _send_marks(self) -> None:
        """Send which points are crosses, and the histograms of both groups."""
        mean, variance, x_top, y_top = self._frames
        marked = self._marked()
        counts = [shares(mean, marked, x_top), shares(variance, marked, y_top)]
        sent = [marked.astype(np.uint8).tobytes(), *(part.tobytes() for part in counts)]
        self._view.send(dict(kind="marks", bins=BINS), buffers=sent)

    def _wanted(self) -> tuple:
        session = self.session
        current = None if session.concealed else session.current
        return current, session.suspects.tobytes(), self._others and id(self._others)

    def _redraw(self, wanted: tuple) -> None:
        current, *marks = wanted
        with self._view.hold_sync():
            self._view.names = self._names()
            self._view.chosen = None if current is None else self._chosen(current)
            self._view.picture = b"" if current is None else self.session.thumbnail(current, SIZE)
        if self._is_shown and self._marks != marks:
            self._send_marks()
        self._marks = marks

    def _chosen(self, sample_id: str) -> dict:
        """Return what is shown of the sample that is looked at, drawn or not."""
        session = self.session
        (position,) = session.columns.positions([sample_id])
        (place,) = session.trace_positions(np.array([position]))
        one = frames(session.trace.take(np.array([place])))
        return dict(
            title=labels(session, position),
            given=session.columns.name(session.columns.label[position]),
            guesses=guesses(session.trace, int(place)),
            mean=_numbers(one.mean),
            variance=_numbers(one.variance),
        )

    def _still(self) -> str:
        mean, variance = self._frames.mean[-1], self._frames.variance[-1]
        known = np.flatnonzero(np.isfinite(mean))
        drawn = known[evenly(len(known), STILL)]
        caption = (
            f"After epoch {self._trace.n_epochs}: variance of the loss so far (upwards) against "
            f"its mean (to the right), {len(drawn):,} of {len(self.session.columns):,} samples. "
            f"Crosses: {self._names()[1]}."
        )
        return still.points(mean[drawn], variance[drawn], self._marked()[drawn], caption)


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return `values` (n_epochs, 1) as JSON has them: None for NaN."""
    return [float(value) if np.isfinite(value) else None for value in values[:, 0]]
