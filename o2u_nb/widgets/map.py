"""A map of all samples: similar ones lie near each other, and a lasso picks what to review.

In comes a session; out goes a plot of all samples by the features of a network, coloured by given
label, score, decision, or what an eye takes them for. An area that is drawn there fills the list of
every panel.
"""

import time
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
from ipywidgets import HTML, Button, Dropdown, HBox, Layout, ToggleButtons

from o2u_nb.errors import O2UError
from o2u_nb.plots import map as drawing
from o2u_nb.plots import still
from o2u_nb.plots.look import how_many
from o2u_nb.review.colouring import DECISION, SCORE, Colouring, choices, colouring
from o2u_nb.review.mapping import METHODS, PCA, UMAP, AuditMap
from o2u_nb.review.search import spoken_eye
from o2u_nb.review.session import ReviewSession
from o2u_nb.rows import evenly
from o2u_nb.widgets.parts.background import InBackground, Latest
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.picking import Picking
from o2u_nb.widgets.parts.plot import Area, Plot, fitted
from o2u_nb.widgets.parts.preview import Preview
from o2u_nb.widgets.parts.preview_samples import of_samples
from o2u_nb.widgets.parts.steps import LIST, Stage
from o2u_nb.widgets.scatter import inside

MOST_POINTS = 100_000  # drawn at most; a lasso holds those that are not drawn, too
MOST_RINGS = 500  # around selected samples; more of them would hide the points
STILL = 600  # points of the still picture
DRAWINGS = 0.2  # least seconds between two drawings of the bar
FEWEST = 3  # samples of which a map can be drawn
WIDE = dict(description_width="initial")
HIDDEN = "The map is not shown while labels are hidden, or a random sample is judged."


class MapPanel(InBackground, Panel):
    """Draw all samples as points, and show in the grid what a box or lasso holds.

    The map of principal components is there at once; that of UMAP takes minutes for many samples,
    and is kept. The pointer on a point shows its picture, and a click makes its sample the current
    one. Rings mark the current sample and the selected ones. A class that is switched off in the
    legend is not picked. The map is computed when a page first shows the panel, or by `begin()`.
    """

    def __init__(self, session: ReviewSession):
        self._map = AuditMap(session.search)
        self._latest = Latest()
        self._coordinates: np.ndarray | None = None  # as they are drawn, in the order of the scores
        self._shown_map: tuple[str, str] | None = None  # the method and the eye of these
        self._before: tuple | None = None  # what was drawn last, see `_redraw`
        self._positions: list[np.ndarray] = []  # of the points of each layer
        self._settles = False  # whether the buttons are set, and not pressed
        self._picking = Picking(session)
        self._plot = Plot(drawing.empty_map(len(session.columns)), self._preview)
        self._frame = fitted(self._plot)
        eyes = session.search.eyes
        self._method = ToggleButtons(
            options=[("Principal components", PCA), ("UMAP", UMAP)],
            tooltips=["The two directions in which samples differ most; computed at once",
                      "Keeps similar samples close together; takes minutes for many samples, "
                      "and is stored"],
            style=dict(button_width="auto"),
        )  # fmt: skip
        self._color = Dropdown(
            options=choices(session), description="Colour by", style=WIDE,
            layout=Layout(width="auto", max_width="320px"),
        )  # fmt: skip
        self._eye = Dropdown(
            options=[(spoken_eye(name), name) for name in eyes], description="Features of",
            style=WIDE, layout=Layout(width="auto", display=None if len(eyes) > 1 else "none"),
        )  # fmt: skip
        self._stop = _button("Stop", "Stop computing this map", "stop")
        self._clear = _button(
            "Clear the selection", "Show again what was shown before the box or lasso", "times"
        )
        self._bar = HTML()
        row = HBox(
            [self._method, self._color, self._eye, self._clear, self._stop],
            layout=Layout(flex_flow="row wrap", width="100%", align_items="center"),
        )
        super().__init__(session, [row, self._bar, self._frame])
        self._busy(False)
        self._stop.on_click(self._on_stop)
        self._clear.on_click(self._on_clear)
        for control in (self._method, self._eye):
            control.observe(lambda _: self.begin(), "value")
        self._color.observe(self._draw, "value")
        self._plot.on_area(self._on_area)
        self._plot.on_seen(self._on_seen)
        for layer in self._plot.data[: drawing.FOCUS]:
            layer.on_click(self._on_click)
        self._follow(
            self._draw, "revision", "position_filter", "current", "selected", "order_by",
            "concealed", "sequence",
        )  # fmt: skip
        self._follow(self._picking.restore, "position_filter")
        self._draw()

    @property
    def figure(self) -> go.Figure:
        """Return what is drawn now as a plain figure."""
        return go.Figure(self._plot)

    # Computing

    def begin(self) -> None:
        """Compute the map that is chosen, in the background, and draw it."""
        if self._settles:
            return
        wanted = self._method.value, self._eye.value
        if wanted == self._shown_map:
            self._latest.cancel()
            self._busy(False)
            return
        problem = self._problem()
        if problem:
            self._status.message = problem
            return
        self._busy(True)
        tell = self._teller(f"Map by {METHODS[wanted[0]]}")
        self._in_background(
            lambda cancelled: self._map.coordinates(*wanted, tell=tell, cancelled=cancelled),
            lambda found, said: self._end(wanted, found, said),
        )

    def _on_seen(self) -> None:
        is_computing = self._stop.layout.display is None
        if self._coordinates is None and not is_computing:
            self.begin()

    def _problem(self) -> str:
        """Say why there can be no map; "" where there can."""
        try:
            self.session.search.eye(None)
        except O2UError as error:
            return error.message
        few = len(self.session.columns) < FEWEST
        return f"A map needs at least {FEWEST} samples." if few else ""

    def _end(self, wanted: tuple, found: np.ndarray | None, said: str) -> None:
        self._busy(False)
        if found is None:
            self._show_chosen()
            self._status.message = said
            return
        session = self.session
        rows = session.trace_positions(np.arange(len(session.columns)))
        self._coordinates = drawing.placed(found[rows])
        self._shown_map = wanted
        self._status.message = ""
        self._draw()

    def _teller(self, name: str) -> Callable[[str, int, int], None]:
        """Return what draws the bar; it is called in the background."""
        stages: dict[str, Stage] = {}
        drawn = 0.0

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal drawn
            now = time.monotonic()
            shown = stages.setdefault(stage, Stage(f"{name}: {stage}", now))
            shown.update(done, total, now)
            if now - drawn >= DRAWINGS:
                drawn = now
                html = f'<div style="{LIST}">{shown.html()}</div>'
                self._latest.show(lambda: self._bar.set_trait("value", html))

        return tell

    def _on_stop(self, _) -> None:
        self._latest.cancel()
        self._busy(False)
        self._show_chosen()
        self._status.message = "Stopped."

    def _show_chosen(self) -> None:
        """Let the buttons say again which map is drawn."""
        if self._shown_map is not None:
            self._settles = True
            self._method.value, self._eye.value = self._shown_map
            self._settles = False

    def _busy(self, busy: bool) -> None:
        self._stop.layout.display = None if busy else "none"
        if not busy:
            self._bar.value = ""

    # Picking

    def toggle(self, positions: np.ndarray) -> None:
        """Show the samples at `positions` (n,) in every panel, or all again if they are shown."""
        self._say(self._picking.toggle, positions)

    def _preview(self, layer: int, point: int | list[int]) -> Preview | None:
        if self.session.concealed:
            return None
        return of_samples(self.session, self._positions[layer][[point]])

    def _on_click(self, layer: go.Scatter, points, _) -> None:
        for point in points.point_inds[:1]:
            position = self._positions[points.trace_index][point]
            self._say(self._picking.go_to, int(position))

    def _on_area(self, area: Area | None) -> None:
        if area is None:
            self._on_clear()
            return
        if self._coordinates is None:
            return
        x, y = self._coordinates.T.astype(float)
        picked = np.flatnonzero(self._switched_on() & inside(area, x, y))
        if len(picked):
            self._say(self._picking.pick, picked)
        else:
            self._status.message = "No sample lies in that area."

    def _switched_on(self) -> np.ndarray:
        """Tell which samples (n,) bool belong to a layer that the legend has not switched off."""
        layer_of = self._layers(self._coloured())
        visible = [layer.visible in (None, True) for layer in self._plot.data[: drawing.FOCUS]]
        if self._color.value == DECISION and visible[drawing.ALL]:
            return np.ones(len(layer_of), dtype=bool)
        return np.array(visible)[layer_of]

    def _on_clear(self, *_) -> None:
        self._try(setattr, self.session, "position_filter", None)

    # Drawing

    def _coloured(self) -> Colouring:
        return colouring(self.session, self._color.value)

    def _layers(self, coloured: Colouring) -> np.ndarray:
        """Return the layer of each sample: int (n,)."""
        if coloured.codes is None:
            return np.full(len(self.session.columns), drawing.ALL)
        return np.where(coloured.codes >= 0, coloured.codes + drawing.FIRST_GROUP, drawing.ALL)

    def _wanted(self) -> tuple:
        session = self.session
        picked = session.position_filter
        by = self._color.value
        return (
            self._shown_map,
            by,
            session.revision if by == DECISION else None,
            session.order_by if by == SCORE else None,
            None if picked is None else picked.tobytes(),
            session.current,
            session.selected,
            bool(session.concealed) or session.sequence is not None,
        )

    def _redraw(self, wanted: tuple) -> None:
        before = self._before if self._before is not None else (None,) * len(wanted)
        self._before = wanted
        is_hidden = wanted[-1]
        self._frame.layout.display = "none" if is_hidden else None
        self._clear.disabled = self.session.position_filter is None
        if is_hidden:
            self._status.message = HIDDEN
        elif self._status.message == HIDDEN:
            self._status.message = ""
        if is_hidden or self._coordinates is None:
            self._before = None  # it is to be drawn whole, the next time
            return
        with self._plot.batch_update():
            if wanted[:4] != before[:4]:
                self._draw_layers(is_new=wanted[:2] != before[:2])
                self._draw_picked()
            elif wanted[4] != before[4]:
                self._draw_picked()
            self._draw_focus()

    def _draw_layers(self, *, is_new: bool) -> None:
        """Fill the layers; only those of groups, unless `is_new`, where decisions are drawn."""
        coloured = self._coloured()
        is_of_decisions = self._color.value == DECISION
        n = len(self.session.columns)
        drawn = evenly(n, MOST_POINTS)
        layer_of = self._layers(coloured)
        base = drawn if is_of_decisions else drawn[layer_of[drawn] == drawing.ALL]
        layers = [base] if is_new or not is_of_decisions else self._positions[:1]
        for number in range(drawing.FIRST_GROUP, drawing.FOCUS):
            # Decisions are few beside all samples, so that all of them are drawn.
            among = np.arange(n) if is_of_decisions else drawn
            layers.append(among[layer_of[among] == number])
        counts = np.bincount(layer_of, minlength=drawing.FOCUS)[drawing.FIRST_GROUP :]
        texts = drawing.groups(coloured.names, counts[: len(coloured.names)].tolist())
        for number, (positions, text) in enumerate(zip(layers[1:], texts, strict=True), start=1):
            self._fill(number, positions, text)
            if is_of_decisions and number <= len(drawing.DECISIONS):
                self._plot.data[number].marker.color = drawing.DECISIONS[number - 1]
            else:
                self._plot.data[number].marker.color = drawing.PALETTE[number - 1]
        if layers[0] is not (self._positions[0] if self._positions else None):
            self._fill(drawing.ALL, layers[0], self._base_text(coloured, counts))
        self._plot.data[drawing.ALL].marker.update(self._base_marker(coloured, layers[0]))
        self._positions = layers
        (method, eye) = self._shown_map or (PCA, "")
        some = how_many(len(drawn), n, "samples")
        self._plot.layout.title.text = (
            f"Map by {METHODS[method]} of {spoken_eye(eye)}<br>Draw a box or lasso{some}"
        )

    def _fill(self, number: int, positions: np.ndarray, text: dict) -> None:
        assert self._coordinates is not None, "drawn only when there are coordinates"
        x, y = self._coordinates[positions].T
        self._plot.data[number].update(x=x, y=y, **text)

    def _base_text(self, coloured: Colouring, counts: np.ndarray) -> dict:
        rest = len(self.session.columns) - int(counts.sum())
        if self._color.value == DECISION:
            return dict(name="all samples", visible=True, showlegend=True)
        if coloured.values is not None:
            return dict(name="all samples", visible=True, showlegend=False)
        return dict(name=f"other classes ({rest:,})", visible=rest > 0, showlegend=True)

    def _base_marker(self, coloured: Colouring, positions: np.ndarray) -> dict:
        if coloured.values is not None:
            return drawing.scale(coloured.values[positions], coloured.title)
        faint = self._color.value == DECISION
        return drawing.plain(drawing.FAINT if faint else drawing.OTHERS)

    def _draw_picked(self) -> None:
        """Let those points fade that are not picked; none where nothing is."""
        picked = self.session.position_filter
        for number, positions in enumerate(self._positions):
            chosen = None if picked is None else np.flatnonzero(np.isin(positions, picked))
            self._plot.data[number].selectedpoints = chosen
        if picked is None:
            self._plot.clear_area()

    def _draw_focus(self) -> None:
        """Draw rings around the current sample and the selected ones."""
        assert self._coordinates is not None, "drawn only when there are coordinates"
        session = self.session
        latest = session.selected[-MOST_RINGS:]
        ids = [*latest, *([session.current] if session.current else [])]
        x, y = self._coordinates[session.columns.positions(dict.fromkeys(ids))].T
        self._plot.data[drawing.FOCUS].update(x=x, y=y)

    def _still(self) -> str:
        if self._coordinates is None or self.session.concealed:
            return "<p>The map is drawn when the cell runs.</p>"
        drawn = evenly(len(self._coordinates), STILL)
        x, y = self._coordinates[drawn].T.astype(float)
        caption = (
            f"Map of {len(drawn):,} of {len(self._coordinates):,} samples: similar ones lie near "
            "each other, and suspects are crosses."
        )
        return still.points(x, y, self.session.suspects[drawn], caption, title="Map of samples")


def _button(text: str, tooltip: str, icon: str) -> Button:
    return Button(description=text, tooltip=tooltip, icon=icon, layout=Layout(width="auto"))
