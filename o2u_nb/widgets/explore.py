"""The playground of the cyclic schedule: change a slider, and see the losses swing.

In comes a function that starts a training with given `Settings`; out goes a panel with sliders and
buttons, which trains in the background and draws what the training shows of every sample. The
trainings themselves are in `training/play.py`; `o2u_nb.explorer` joins the two.
"""

import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import pandas as pd
from ipywidgets import (
    HTML,
    Button,
    Dropdown,
    FloatLogSlider,
    FloatSlider,
    HBox,
    IntSlider,
    Layout,
    SelectionSlider,
    VBox,
    Widget,
)

from o2u_nb.detect.table import score_table
from o2u_nb.errors import O2UError
from o2u_nb.playing import NOISES, Settings, Training, share_planted
from o2u_nb.plots import still
from o2u_nb.plots.epochs import mark_epochs
from o2u_nb.plots.gallery import suspect_grid
from o2u_nb.plots.play import (
    MOMENTS,
    empty_dynamics,
    empty_moment,
    fill_dynamics,
    fill_moment,
    groups,
    moments,
)
from o2u_nb.text import percent
from o2u_nb.trace import Trace
from o2u_nb.widgets.parts.background import Latest
from o2u_nb.widgets.parts.output import LiveOutput
from o2u_nb.widgets.parts.plot import Plot, fitted
from o2u_nb.widgets.parts.status import StatusLine

# Seconds without another change after which a training begins. Our choice: about as long as the
# hand rests on a slider between two moves.
DELAY = 0.3
PACE = 0.3  # least seconds for each epoch while it plays, so that the eye can follow. Our choice.
TOP = 12  # suspects that are shown: two rows beside each other in a notebook
FIRST = 100  # most suspicious samples whose precision is said, beside that of all
SIZE = 96  # CSS pixels of their pictures
HEADS = {"linear": False, "with a hidden layer": True}
BATCHES = (8, 16, 32, 64, 128, 256, 512)
WIDE = dict(width="100%", max_width="420px", min_width="0")
ROW = dict(flex_flow="row wrap", width="100%", align_items="center", overflow="hidden")


class Shown:
    """What the panel draws of a training: its trace, the score table, and two groups of samples.

    The marked samples are those with planted labels, or without any the suspects.
    """

    def __init__(self, training: Training):
        self.trace: Trace = training.trace
        self.samples = training.samples
        self.scores = score_table(self.trace)
        self.planted = pd.Series(training.planted, self.trace.ids)
        self.name = "planted" if self.planted.any() else "suspects"
        suspect = self.scores["suspect"].reindex(self.trace.ids)
        self.marked = (self.planted if self.planted.any() else suspect).to_numpy(dtype=bool)
        self.bands = groups(self.trace, self.marked)
        self.moments = moments(self.trace)

    def said(self) -> str:
        """Say how many samples are suspects, or how many planted labels come first."""
        n = int(self.planted.sum())
        if not n:
            return f"{self.scores['suspect'].sum():,} of {len(self.scores):,} labels look wrong."
        found = f"{percent(share_planted(self.scores, self.planted, n))} of the first {n:,}"
        if n > FIRST:
            first = percent(share_planted(self.scores, self.planted, FIRST))
            found = f"{first} of the {FIRST} most suspicious samples and {found}"
        return f"{n:,} labels are planted: {found} have one."


class ExplorePanel(LiveOutput):
    """Play with a training: `start(settings)` begins one of which no epoch is done yet.

    `rates` are the largest rates that suit the heads of `HEADS`, by name. Every change of a slider
    trains again in the background. "Step" trains one epoch more, or the first one after a training
    that is done; "play" goes on epoch by epoch until "stop". `settings` are the present ones,
    `scores` is the score table of what is drawn, and `wait()` waits until the background is done.
    The first training is done at once; its errors are raised here, those of later ones are shown in
    the status line.
    """

    _latest: Latest | None = None  # until the panel is made, and if that fails

    def __init__(self, start: Callable[[Settings], Training], rates: Mapping[str, float]):
        self._start = start
        self._rates = dict(rates)
        self._latest = Latest()
        self._training: Training | None = None
        self._stopping = False
        self._controls = _controls(self._rates["linear"])
        self._buttons = {name: Button(description=name, layout=Layout(width="90px"))
                         for name in ("step", "play", "stop")}  # fmt: skip
        self._status = StatusLine()
        self._dynamics = Plot(empty_dynamics())
        self._moments = {column: Plot(empty_moment(column, "suspects")) for column in MOMENTS}
        self._top = HTML()
        super().__init__(self._arranged())
        self.shown: Shown
        self._train(self.settings, lambda: False)
        self._listen()

    @property
    def settings(self) -> Settings:
        """Return what the controls say."""
        found = {name: control.value for name, control in self._controls.items()}
        return Settings(**{**found, "hidden": HEADS[found["hidden"]]})

    def set(self, **values: Any) -> None:
        """Give controls other values, as a hand on them would; the names are those of `Settings`.

        `hidden` is True or False. Training begins in the background, see `wait`.
        """
        if "hidden" in values:  # first, since it moves the rates
            names = {hidden: name for name, hidden in HEADS.items()}
            self._controls["hidden"].value = names[bool(values.pop("hidden"))]
        for name, value in values.items():
            self._controls[name].value = value

    @property
    def scores(self) -> pd.DataFrame:
        """Return the score table of the epochs that are drawn."""
        return self.shown.scores

    @property
    def message(self) -> str:
        """Return what the status line says."""
        return self._status.message

    def step(self) -> None:
        """Train one epoch more; after a training that is done, the first one of a new one."""
        self._busy(False)
        self._latest.ask(lambda cancelled: self._safely(self._next_epoch, cancelled))

    def play(self) -> None:
        """Go on epoch by epoch, until the training is done or `stop` is called."""
        self._stopping = False
        self._busy(True)
        self._latest.ask(lambda cancelled: self._safely(self._play_on, cancelled))

    def stop(self) -> None:
        """Stop after the present epoch."""
        self._stopping = True

    def wait(self) -> None:
        """Wait until the background has nothing to do."""
        self._latest.wait()

    def close(self) -> None:
        """Cancel what the background does, and close the panel."""
        if self._latest is not None:
            self._latest.cancel()
        super().close()

    def _arranged(self) -> list[Widget]:
        """Return the panel's rows: controls, buttons and status, plots, pictures."""
        half = dict(flex="1 1 320px", min_width="0")
        names = list(self._controls)
        columns = [
            VBox([self._controls[name] for name in some], layout=Layout(**half))
            for some in (names[:5], names[5:])
        ]
        plots = [VBox([fitted(plot)], layout=Layout(**half)) for plot in self._moments.values()]
        return [
            HBox(columns, layout=Layout(**ROW)),
            HBox([*self._buttons.values()], layout=Layout(**ROW)),
            self._status,
            fitted(self._dynamics),
            HBox(plots, layout=Layout(**ROW)),
            self._top,
        ]

    def _listen(self) -> None:
        for name, control in self._controls.items():
            control.observe(self._on_head if name == "hidden" else self._on_change, "value")
        for name, button in self._buttons.items():
            button.on_click(_without_argument(getattr(self, name)))
        self._busy(False)

    def _on_head(self, change) -> None:
        """Give the new head the rates that suit it, in the proportion in which they were."""
        factor = self._rates[change["new"]] / self._rates[change["old"]]
        for name in ("r1", "r2"):
            self._controls[name].value *= factor
        self._on_change(change)

    def _on_change(self, _) -> None:
        settings = self.settings
        self._busy(False)
        self._status.message = "Training with the new settings."
        self._latest.ask(
            lambda cancelled: self._safely(lambda asked: self._train(settings, asked), cancelled),
            delay=DELAY,
        )

    def _train(self, settings: Settings, cancelled: Callable[[], bool]) -> None:
        """Train all epochs with `settings`, and draw them."""
        started = time.perf_counter()
        self._training = None  # a training that is cancelled cannot go on
        training = self._start(settings)
        if training.advance(cancelled=cancelled):
            self._training = training
            self._draw(settings, f", trained in {time.perf_counter() - started:.1f} s")

    def _next_epoch(self, cancelled: Callable[[], bool]) -> None:
        """Train one epoch more, from the start if none is left."""
        settings = self.settings
        training, self._training = self._training, None
        if training is None or training.trace.n_epochs >= settings.n_epochs:
            training = self._start(settings)
        if training.advance(1, cancelled=cancelled):
            self._training = training
            self._draw(settings, "")

    def _play_on(self, cancelled: Callable[[], bool]) -> None:
        """Train epoch by epoch until all are done, or somebody says stop."""
        while not (cancelled() or self._stopping):
            started = time.perf_counter()
            self._next_epoch(cancelled)
            if self._training is None or self._at_end:
                break
            time.sleep(max(0.0, PACE - (time.perf_counter() - started)))
        if not cancelled():
            self._latest.show(lambda: self._busy(False))

    @property
    def _at_end(self) -> bool:
        return self._training.trace.n_epochs >= self.settings.n_epochs

    def _safely(self, job: Callable, cancelled: Callable[[], bool]) -> None:
        """Do `job`, and say in the status line why it failed."""
        try:
            job(cancelled)
        except Exception as error:  # in a thread, nobody would see it otherwise
            known = isinstance(error, O2UError)
            text = error.message if known else f"{type(error).__name__}: {error}"
            self._latest.show(lambda: self._fail(text))

    def _fail(self, text: str) -> None:
        self._status.message = text
        self._busy(False)

    def _busy(self, playing: bool) -> None:
        for name, button in self._buttons.items():
            button.disabled = playing == (name != "stop")

    def _draw(self, settings: Settings, done: str) -> None:
        self.shown = shown = Shown(self._training)
        self._latest.show(lambda: self._redraw(shown, settings, done))

    def _redraw(self, shown: Shown, settings: Settings, done: str) -> None:
        with self._dynamics.batch_update():
            mark_epochs(self._dynamics, settings.n_epochs)
            fill_dynamics(self._dynamics, shown.bands, shown.trace, shown.name)
        for column, plot in self._moments.items():
            with plot.batch_update():
                fill_moment(plot, shown.moments[column], shown.marked, shown.name)
        self._top.value = pictures(shown)
        n = shown.trace.n_epochs
        self._status.message = f"Epoch {n} of {settings.n_epochs}{done}. {shown.said()}"

    def _html(self) -> str:
        drawn = still.losses(
            self.shown.bands[0], self.shown.bands[1][2:3], of=f"the {self.shown.name}, median",
            crowd="the others",
        )  # fmt: skip
        return f"<p>{escape(self.message)}</p>{drawn}{self._top.value}"


def pictures(shown: Shown) -> str:
    """Return the most suspicious samples as HTML: their pictures, or where there are none, ids."""
    top = shown.scores.head(TOP).assign(suspect=True)
    if {"image", "path"}.isdisjoint(shown.samples.columns):
        names = ", ".join(f"{escape(id)} ({escape(label)})" for id, label in top["label"].items())
        return f"<p>Most suspicious: {names}.</p>"
    title = f"The {len(top)} most suspicious samples"
    if shown.planted.any():
        title += f", {shown.planted[top.index].sum()} of them with a planted label"
    return suspect_grid(shown.samples, top, n=TOP, size=SIZE, title=title).html


def _controls(rate: float) -> dict[str, Widget]:
    """Return the controls by the name of the setting that they change, with their first values."""
    first = Settings(r1=rate, r2=rate / 10)
    log = dict(base=10, min=-5, max=0, step=0.05, readout_format=".2g")
    return {
        "warmup": _whole("warm-up epochs", first.warmup, 0, 20),
        "r1": _placed(FloatLogSlider, "highest rate r1", value=first.r1, **log),
        "r2": _placed(FloatLogSlider, "lowest rate r2", value=first.r2, **log),
        "cycle": _whole("epochs in a cycle", first.cycle, 1, 20),
        "cycles": _whole("cycles", first.cycles, 1, 8),
        "bs": _placed(SelectionSlider, "batch size", options=BATCHES, value=first.bs),
        "hidden": _placed(Dropdown, "head", options=list(HEADS), value="linear"),
        "noise": _placed(Dropdown, "planted noise", options=list(NOISES), value=first.noise),
        "share": _placed(
            FloatSlider, "share of planted labels", value=first.share, min=0, max=0.6, step=0.01
        ),
        "seed": _whole("seed", first.seed, 0, 20),
    }


def _without_argument(do: Callable[[], None]) -> Callable[[Button], None]:
    return lambda _: do()


def _whole(description: str, value: int, least: int, most: int) -> IntSlider:
    return _placed(IntSlider, description, value=value, min=least, max=most)


def _placed(kind: type, description: str, **options) -> Widget:
    """Make a control that reports a change when the hand lets go of it."""
    if kind is not Dropdown:
        options["continuous_update"] = False
    style = dict(description_width="130px")
    return kind(description=description, style=style, layout=Layout(**WIDE), **options)
