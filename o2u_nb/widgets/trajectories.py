"""The loss by epoch of the samples in focus, against that of the crowd and of both classes.

In comes a session; out goes one plot that follows its selection. The figure is built once; after
that only the points of its traces change.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from ipywidgets import Dropdown, HBox, Layout, ToggleButton, ToggleButtons

from o2u_nb.detect.forgetting import examples, rate_jumps
from o2u_nb.plots import still
from o2u_nb.plots.bands import CROWD_NAME, band_traces, crowd_bands, empty_bands, fill_bands
from o2u_nb.plots.epochs import (
    empty_epochs,
    make_room,
    mark_epochs,
    mark_jumps,
    mark_phases,
    rate_trace,
    spread,
    value_axis,
)
from o2u_nb.plots.look import COLORS, DASHES, SUSPECT, pair
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, plotted
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.picking import Picking
from o2u_nb.widgets.parts.plot import Plot, fitted
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import labels, of_samples

MOST = 40  # lines that are drawn; more of them would hide each other
TOP = 5  # suspects that are drawn when no sample passes the filters, and examples that are shown
# Lines that are told apart: each has a colour, a dash and a symbol that no other one has together,
# and its rank at its end. Our choice: the eye follows some eight lines, and the legend has room.
APART = 8
GIVEN = COLORS[2]  # the colour of the bands of the current sample's class
SUGGESTED = COLORS[1]  # that of the bands of the class suggested for it
LINE_COLORS = (SUSPECT, COLORS[3], COLORS[4], COLORS[5])
SYMBOLS = ("x", "circle", "square", "diamond", "triangle-up", "star", "cross", "pentagon")
THICK, THIN = 3.0, 1.8  # pixels: the line of the current sample, and that of another one
# Where the traces of the plot are. The faint lines are those of samples beyond `APART`, joined to
# one trace; the ends are the ranks beside the lines. The learning rate is the last trace.
CROWD_BANDS = slice(0, 3)
GIVEN_BANDS = slice(3, 6)
SUGGESTED_BANDS = slice(6, 9)
FAINT = 9
LINES = slice(10, 10 + APART)
ENDS = 10 + APART
NOBODY = ""  # the value of a list without a choice: a Dropdown shows None as a blank
END_GAP = 0.065  # between two ranks, as a share of the axis: the height of a line of text
NO_EXAMPLES = "No suspect of this audit was memorised, and forgotten when the learning rate jumped"


class Drawn(NamedTuple):
    """What the plot shows: it is drawn again only when this changes.

    `value` is `loss` or `margin`. `ids` are the samples drawn and `suspects` tells which of them
    are suspects, out of `total` chosen ones, which are `who`. `current` is the sample drawn thick,
    if any, and `focus` the one whose classes have bands.
    """

    value: str
    ids: tuple[str, ...]
    suspects: tuple[bool, ...]
    current: str | None
    focus: str
    total: int
    who: str


class TrajectoriesPanel(Panel):
    """Draw the loss (or margin) per epoch of the session's selection, else of its current sample.

    Behind the lines are the quantile bands of the crowd, which are the samples that the audit does
    not suspect, and those of the crowd in the current sample's given class and in its suggested
    one. Eight lines at most differ in colour, dash and symbol, and have their rank at their end;
    further ones are faint. The line of the current sample is thick. If no sample passes the
    filters, the audit's top five suspects are drawn.

    The pointer on a line shows its picture, and a click on a line, or a choice in the list, makes
    its sample the current one. "Show examples" draws the suspects that were memorised, and
    forgotten most clearly when the learning rate jumped.
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
        self._examples = _example_ids(session)
        self._show_examples = ToggleButton(
            description="Show examples",
            tooltip="The suspects that are memorised at a low rate, and forgotten when the "
            "rate jumps" if self._examples else NO_EXAMPLES,
            disabled=not self._examples,
            layout=Layout(width="auto"),
        )  # fmt: skip
        self._list = Dropdown(
            description="Go to",
            style=dict(description_width="initial"),
            layout=Layout(width="auto", max_width="320px"),
        )
        self._lines: list[tuple[str, ...]] = []  # the samples of each trace from `FAINT` on
        self._picking = Picking(session)
        self._plot = Plot(_empty_figure(session), self._preview)
        controls = [self._value, self._show_examples, self._list]
        row = HBox(controls, layout=Layout(flex_flow="row wrap", width="100%", overflow="hidden"))
        super().__init__(session, [row, fitted(self._plot)])
        for control in (self._value, self._show_examples):
            control.observe(self._draw, "value")
        self._list.observe(self._on_list, "value")
        for trace in self._plot.data[FAINT : ENDS + 1]:
            trace.on_click(self._on_click)
        self._follow(self._draw, "selected", "current", "suspects")
        self._follow(self._picking.restore, "position_filter")
        self._draw()

    @property
    def figure(self) -> go.Figure:
        """Return what is drawn now as a plain figure."""
        return go.Figure(self._plot)

    def _preview(self, trace: int, point: int | list[int]) -> Preview | None:
        """Show the sample of a line, and what the network took it for in the epoch of the point."""
        sample_id = self._sample_at(trace, int(np.max(point)))
        if sample_id is None:
            return None
        positions = self.session.columns.positions([sample_id])
        epochs = self.session.trace.n_epochs
        epoch = int(np.max(point)) % (epochs + 1) if trace < ENDS else epochs - 1
        return of_samples(self.session, positions, self._guess(positions, epoch))

    def _guess(self, positions: np.ndarray, epoch: int) -> str:
        trace = self.session.trace
        if not epoch < trace.n_epochs:
            return ""
        code = int(trace.pred[epoch, self.session.trace_positions(positions)[0]])
        seen_as = "not seen" if code < 0 else f"predicted {clip(trace.classes[code], 30)}"
        return f"Epoch {epoch + 1}: {seen_as}"

    def _sample_at(self, trace: int, point: int) -> str | None:
        """Return the sample that a point of a trace belongs to, None for bands and the rate."""
        if not FAINT <= trace <= ENDS or not self._lines[trace - FAINT]:
            return None
        ids = self._lines[trace - FAINT]
        return ids[point] if trace == ENDS else ids[point // (self.session.trace.n_epochs + 1)]

    def _on_click(self, _, points, __) -> None:
        for point in points.point_inds[:1]:
            self._go_to(self._sample_at(points.trace_index, point))

    def _on_list(self, change) -> None:
        self._go_to(change["new"] or None)

    def _go_to(self, sample_id: str | None) -> None:
        if sample_id is not None and sample_id != self.session.current:
            (position,) = self.session.columns.positions([sample_id])
            self._say(self._picking.go_to, int(position))

    def _redraw(self, drawn: Drawn) -> None:
        self._fill_list(drawn)
        with self._plot.batch_update():
            self._draw_bands(drawn)
            self._draw_lines(drawn)
            self._plot.layout.title.text = self._title(drawn)
            make_room(self._plot, 3 + min(len(drawn.ids), APART))  # three medians and the lines
            self._plot.layout.yaxis.update(value_axis(drawn.value))

    def _wanted(self) -> Drawn:
        session = self.session
        current = None if session.concealed else session.current
        chosen, who = (current and session.selected) or (current,), "selected samples"
        if self._show_examples.value:
            chosen, who = self._examples, "suspects that are memorised and forgotten"
        elif chosen == (None,):
            chosen, who = tuple(session.scores.index[:TOP]), "top suspects"
        ids = chosen[-MOST:]
        suspects = session.suspects[session.columns.positions(ids)]
        current = current if current in ids else None
        return Drawn(
            self._value.value, ids, tuple(suspects.tolist()), current, current or ids[0],
            len(chosen), who,
        )  # fmt: skip

    def _fill_list(self, drawn: Drawn) -> None:
        """List the samples that are drawn, the current one chosen, or none."""
        positions = self.session.columns.positions(drawn.ids)
        lines = [labels(self.session, position) for position in positions]
        # With new options, the first of them becomes the value, which must not count as chosen.
        self._list.unobserve(self._on_list, "value")
        self._list.options = [("…", NOBODY), *zip(lines, drawn.ids, strict=True)]
        self._list.value = drawn.current or NOBODY
        self._list.observe(self._on_list, "value")

    def _draw_bands(self, drawn: Drawn) -> None:
        given, suggested = self.session.scores.loc[drawn.focus, ["label", "suggested_label"]]
        value, data = drawn.value, self._plot.data
        fill_bands(data[CROWD_BANDS], self._bands(value, None), CROWD_NAME)
        fill_bands(
            data[GIVEN_BANDS], self._bands(value, str(given)), f"{plotted(given, 24)} (given)"
        )
        if suggested in self.session.columns.classes and self._has_crowd(suggested):
            name = f"{plotted(suggested, 24)} (suggested)"
            fill_bands(data[SUGGESTED_BANDS], self._bands(value, suggested), name)
        else:
            empty_bands(data[SUGGESTED_BANDS])

    def _has_crowd(self, label: str) -> bool:
        """Tell whether any sample has `label`; of a class that nobody has, there are no bands."""
        return bool(self.session.labelled(label).any())

    def _draw_lines(self, drawn: Drawn) -> None:
        """Draw the current sample first, so that the latest selected ones are told apart."""
        latest = drawn.ids[::-1]
        ids = sorted(latest, key=lambda id: id != drawn.current)  # which keeps the order else
        apart, faint = tuple(ids[:APART]), tuple(ids[APART:])
        self._plot.data[FAINT].update(_joined(self._values(drawn, faint), self._names(faint)))
        suspects = dict(zip(drawn.ids, drawn.suspects, strict=True))
        self._lines = [faint, *[(id,) for id in apart], *[()] * (APART - len(apart)), apart]
        for number, trace in enumerate(self._plot.data[LINES]):
            shown = apart[number : number + 1]
            trace.update(_joined(self._values(drawn, shown), self._names(shown)))
            is_current = shown == (drawn.current,)
            width = THICK if is_current else THIN
            name = "".join(self._title_of(id, suspects[id], is_current) for id in shown)
            trace.update(name=name, showlegend=bool(shown), line_width=width)
            trace.marker.size = 4 + width
        self._draw_ends(drawn, apart)

    def _draw_ends(self, drawn: Drawn, apart: tuple[str, ...]) -> None:
        """Write the rank of each line at its end, none upon the other."""
        values = self._values(drawn, apart)
        lasts = np.array([_last(row) for row in values])
        shown = np.concatenate([values.ravel(), self._bands(drawn.value, None).ravel()])
        span = float(np.ptp(shown[np.isfinite(shown)])) if np.isfinite(shown).any() else 1.0
        ranks = self.session.scores["rank"].loc[list(apart)]
        self._plot.data[ENDS].update(
            x=np.full(len(apart), self.session.trace.n_epochs + 0.35),
            y=spread(lasts, END_GAP * span),
            text=[f"#{rank:,.0f}" for rank in ranks],
        )

    def _values(self, drawn: Drawn, ids: tuple[str, ...]) -> np.ndarray:
        """Return what to draw of each sample, (n, n_epochs)."""
        positions = self.session.trace_positions(self.session.columns.positions(ids))
        return getattr(self.session.trace, drawn.value)[:, positions].T

    def _names(self, ids: tuple[str, ...]) -> list[str]:
        return [f"{plotted(id, 48)}<br>rank {self._legend(id)}" for id in ids]

    def _title_of(self, sample_id: str, is_suspect: bool, is_current: bool) -> str:
        """Write a line's name in the legend."""
        kind = "suspect" if is_suspect else "clean-looking"
        return f"{self._legend(sample_id)} ({'current, ' if is_current else ''}{kind})"

    def _legend(self, sample_id: str) -> str:
        row = self.session.scores.loc[sample_id]
        return f"#{row['rank']:,.0f} {pair(row['label'], row['suggested_label'])}"

    def _title(self, drawn: Drawn) -> str:
        what = drawn.value.capitalize()
        if len(drawn.ids) > 1 or drawn.current is None:
            some = f"{len(drawn.ids)} of " if len(drawn.ids) < drawn.total else ""
            return f"{what} of {some}{drawn.total:,} {drawn.who}"
        return f"{what} of {self._legend(drawn.ids[0])}"

    def _still(self) -> str:
        ids = self._drawn.ids[-TOP:]
        values = self._values(self._drawn._replace(value="loss"), ids)
        return still.losses(
            self._bands("loss", None), values, of=", ".join(clip(i, 48) for i in ids)
        )


def _example_ids(session: ReviewSession) -> tuple[str, ...]:
    """Return the audit's suspects that are memorised and forgotten most clearly."""
    suspects = np.flatnonzero(session.scores["suspect"].to_numpy(dtype=bool))
    best = examples(session.trace, session.trace_positions(suspects), TOP)
    return tuple(session.trace.ids[best])


def _empty_figure(session: ReviewSession) -> go.Figure:
    """Make all traces, in the order that drawing relies on."""
    figure = empty_epochs("", "loss", height=460)
    bands = [*band_traces(), *band_traces(GIVEN), *band_traces(SUGGESTED, "dash")]
    lines = [_line(number) for number in range(APART)]
    figure.add_traces([*bands, _faint(), *lines, _ends()], rows=1, cols=1)
    figure.add_trace(rate_trace(session.trace.lr), row=2, col=1)
    mark_phases(figure, session.trace.phase)
    mark_jumps(figure, rate_jumps(session.trace))
    mark_epochs(figure, session.trace.n_epochs)
    return figure.update_layout(margin_r=60)  # room for the ranks


HOVER = "%{text}<br>epoch %{x}: %{y:.3f}<extra></extra>"


def _line(number: int) -> go.Scatter:
    """Make the empty line `number` of `APART`, unlike all others in dash and symbol."""
    color = LINE_COLORS[number % len(LINE_COLORS)]
    return go.Scatter(
        mode="lines+markers",
        line=dict(color=color, dash=DASHES[number % len(DASHES)], width=THIN),
        marker=dict(color=color, symbol=SYMBOLS[number]),
        hovertemplate=HOVER,
    )


def _faint() -> go.Scatter:
    look = dict(line=dict(color=SUSPECT, width=1), opacity=0.45, showlegend=False)
    return go.Scatter(mode="lines", hovertemplate=HOVER, **look)


def _ends() -> go.Scatter:
    """Make the empty trace of the ranks at the ends of lines, each beside its line's symbol."""
    colors = [LINE_COLORS[number % len(LINE_COLORS)] for number in range(APART)]
    return go.Scatter(
        mode="markers+text",
        marker=dict(color=colors, symbol=list(SYMBOLS), size=7),
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="none",
        showlegend=False,
    )


def _last(values: np.ndarray) -> float:
    """Return the last of `values` (n_epochs,) that is a number; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else np.nan


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
