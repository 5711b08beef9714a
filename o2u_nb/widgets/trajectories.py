"""The loss by epoch of the samples in focus, against that of the crowd and of their class.

In comes a session; out goes one plot that follows its selection. The figure is built once; after
that only the points of its traces change.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from ipywidgets import ToggleButtons

from o2u_nb.plots import still
from o2u_nb.plots.bands import band_traces, crowd_bands, fill_bands
from o2u_nb.plots.epochs import empty_epochs, mark_epochs, mark_phases, rate_trace, value_axis
from o2u_nb.plots.look import COLORS, SUSPECT, pair
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, inert
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.plot import Plot, fitted

MOST = 40  # lines that are drawn; more of them would hide each other
TOP = 5  # suspects that are drawn when no sample passes the filters
CLASS = COLORS[2]  # the colour of the bands of the current sample's class
SUSPECTED = dict(color=SUSPECT, dash="dash", symbol="x", name="suspect")
CLEAN = dict(color=COLORS[1], dash="solid", symbol="circle", name="clean-looking")
# Where the traces of the plot are: the bands of the crowd and of the class, and the lines of
# suspects, of other samples and of the current sample. The learning rate is the last one.
CROWD_BANDS = slice(0, 3)
CLASS_BANDS = slice(3, 6)
LINES = slice(6, 9)


class Drawn(NamedTuple):
    """What the plot shows: it is drawn anew only when this changes.

    `value` is `loss` or `margin`. `ids` are the samples drawn and `suspects` tells which of them
    are suspects, out of `total` selected ones. `current` is the sample drawn thick, if any.
    """

    value: str
    ids: tuple[str, ...]
    suspects: tuple[bool, ...]
    current: str | None
    total: int


class TrajectoriesPanel(Panel):
    """Draw the loss (or margin) per epoch of the session's selection, else of its current sample.

    Behind the lines are the quantile bands of the crowd, which are the samples that the audit does
    not suspect, and those of the crowd in the current sample's class. The lines of suspects, by the
    session's threshold, are dashed with crosses; those of others are solid with dots. The line of
    the current sample is thick. If no sample passes the filters, the audit's top five suspects are
    drawn.
    """

    def __init__(self, session: ReviewSession):
        self._bands = lru_cache(maxsize=64)(
            lambda value, label: crowd_bands(
                session.trace, session.scores, value=value, label=label
            )
        )
        self._value = ToggleButtons(
            options=[("Loss", "loss"), ("Margin of the given label", "margin")],
            tooltips=["Cross entropy, in nats: high = the network contradicts the label",
                      "Logit of the given label minus the largest other one: negative = the "
                      "network contradicts the label"],
            style=dict(button_width="auto"),
        )  # fmt: skip
        self._plot = Plot(_empty_figure(session))
        super().__init__(session, [self._value, fitted(self._plot)])
        self._value.observe(self._draw, "value")
        self._follow(self._draw, "selected", "current", "suspects")
        self._draw()

    @property
    def figure(self) -> go.Figure:
        """Return what is drawn now as a plain figure."""
        return go.Figure(self._plot)

    def _redraw(self, drawn: Drawn) -> None:
        with self._plot.batch_update():
            self._draw_bands(drawn)
            self._draw_lines(drawn)
            self._plot.layout.title.text = self._title(drawn)
            self._plot.layout.yaxis.update(value_axis(drawn.value))

    def _wanted(self) -> Drawn:
        session = self.session
        chosen = session.selected or (session.current,)
        if chosen == (None,):
            chosen = tuple(session.scores.index[:TOP])
        ids = chosen[-MOST:]
        suspects = session.suspects[session.columns.positions(ids)]
        return Drawn(self._value.value, ids, tuple(suspects.tolist()), session.current, len(chosen))

    def _draw_bands(self, drawn: Drawn) -> None:
        label = self._label(drawn.current or drawn.ids[0])
        fill_bands(self._plot.data[CROWD_BANDS], self._bands(drawn.value, None), "crowd")
        of_class = self._bands(drawn.value, label)
        fill_bands(self._plot.data[CLASS_BANDS], of_class, inert(label, 24))

    def _draw_lines(self, drawn: Drawn) -> None:
        rows = self._values(drawn)
        current = np.array([id == drawn.current for id in drawn.ids])
        suspect = np.array(drawn.suspects)
        groups = (suspect & ~current, ~suspect & ~current, current)
        lines = self._plot.data[LINES]
        for trace, mask in zip(lines, groups, strict=True):
            names = [self._name(drawn.ids[i]) for i in np.flatnonzero(mask)]
            trace.update(_joined(rows[mask], names))
        look = SUSPECTED if suspect[current].any() else CLEAN
        lines[-1].update(
            line=dict(color=look["color"], dash=look["dash"]),
            marker_symbol=look["symbol"],
            name=f"current sample ({look['name']})",
        )

    def _values(self, drawn: Drawn) -> np.ndarray:
        """Return what to draw of each sample, (n, n_epochs)."""
        positions = self.session.columns.positions(drawn.ids)
        return getattr(self.session.trace, drawn.value)[
            :, self.session.trace_positions(positions)
        ].T

    def _label(self, sample_id: str) -> str:
        return str(self.session.scores["label"].loc[sample_id])

    def _name(self, sample_id: str) -> str:
        row = self.session.scores.loc[sample_id]
        labels = pair(row["label"], row["suggested_label"])
        return f"{inert(sample_id, 48)}<br>rank {row['rank']:,.0f}, {labels}"

    def _title(self, drawn: Drawn) -> str:
        what = drawn.value.capitalize()
        if len(drawn.ids) > 1 or drawn.current is None:
            some = f"{len(drawn.ids)} of " if len(drawn.ids) < drawn.total else ""
            who = "selected samples" if self.session.selected else "top suspects"
            return f"{what} of {some}{drawn.total:,} {who}"
        row = self.session.scores.loc[drawn.ids[0]]
        labels = pair(row["label"], row["suggested_label"])
        return f"{what} of rank {row['rank']:,.0f}: {labels}"

    def _still(self) -> str:
        loss = self._drawn._replace(value="loss", ids=self._drawn.ids[-TOP:])
        names = ", ".join(clip(id, 48) for id in loss.ids)
        return still.losses(self._bands("loss", None), self._values(loss), of=names)


def _empty_figure(session: ReviewSession) -> go.Figure:
    """Make all traces, in the order that drawing relies on: crowd, class, lines, learning rate."""
    figure = empty_epochs("", "loss", height=460)
    figure.add_traces([*band_traces(), *band_traces(CLASS)], rows=1, cols=1)
    figure.add_traces([_line(SUSPECTED), _line(CLEAN), _line(SUSPECTED, width=3)], rows=1, cols=1)
    figure.add_trace(rate_trace(session.trace.lr), row=2, col=1)
    mark_phases(figure, session.trace.phase)
    mark_epochs(figure, session.trace.n_epochs)
    return figure


def _line(look: dict, width: float = 1.5) -> go.Scatter:
    return go.Scatter(
        mode="lines+markers",
        line=dict(color=look["color"], dash=look["dash"], width=width),
        marker=dict(symbol=look["symbol"], size=4 + width),
        name=look["name"],
        hovertemplate="%{text}<br>epoch %{x}: %{y:.3f}<extra></extra>",
    )


def _joined(rows: np.ndarray, names: list[str]) -> dict:
    """Join `rows` (n, n_epochs) into one line with gaps between them; each point has a name."""
    n, n_epochs = rows.shape
    gap = np.full((n, 1), np.nan)
    epochs = np.arange(1, n_epochs + 2, dtype=float)
    return dict(
        x=np.tile(epochs, n),
        y=np.hstack([rows, gap]).ravel(),
        text=[name for name in names for _ in epochs],
    )
