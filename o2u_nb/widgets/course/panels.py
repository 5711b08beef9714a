"""The explorables of the lessons: the controls of each, joined to the function that answers them.

In comes nothing, or a recorded training; out go panels for a notebook. What they show is computed
in `o2u_nb.course`, in a module for each lesson.
"""

from ipywidgets import Dropdown, FloatSlider, IntSlider, Play, jslink

from o2u_nb.course import confident, dynamics, entropy, memorising, noise_effect, reviewing
from o2u_nb.course.memorising import Memorised
from o2u_nb.widgets.course.explorable import Explorable, redraw
from o2u_nb.widgets.parts.plot import Plot, fitted

SHARE = dict(min=0.0, max=1.0, step=0.01, readout_format=".2f")


class NoiseExplorable(Explorable):
    """Lesson 2: choose a noise and drag its rate; see T, the accuracy and the calibration."""

    def __init__(self) -> None:
        controls = {
            "kind": Dropdown(description="kind of noise", options=noise_effect.KINDS),
            "rate": FloatSlider(0.2, description="share of wrong labels", min=0.0, max=0.8,
                                step=0.01, readout_format=".2f"),
        }  # fmt: skip
        super().__init__(controls, noise_effect.explain)


class EntropyExplorable(Explorable):
    """Lesson 3: drag what the labels and a model say; see the two parts of the cross entropy."""

    def __init__(self) -> None:
        controls = {
            "q": FloatSlider(0.8, description="labels that say “yes”", **SHARE),
            "p": FloatSlider(0.6, description="the model's “yes”",
                             **{**SHARE, "min": 0.01, "max": 0.99}),
        }  # fmt: skip
        super().__init__(controls, entropy.explain)


class MemorisingExplorable(Explorable):
    """Lesson 3: play or drag the epoch; see right labels learnt first, and wrong ones later.

    `found` is what `memorising.record` returned; a training of digits, unless given.
    """

    def __init__(self, found: Memorised | None = None):
        self.found = found or memorising.recorded()
        last = len(self.found.test)
        epoch = IntSlider(1, min=1, max=last, description="epoch")
        play = Play(min=1, max=last, interval=300, description="play the epochs")
        jslink((play, "value"), (epoch, "value"))
        super().__init__(
            {"epoch": epoch},
            lambda epoch: memorising.explain(epoch, self.found),
            beside=(play,),
        )


class DynamicsExplorable(Explorable):
    """Lesson 6: choose a measure, drag the epochs, and click a point of the data map.

    `found` is what `memorising.record` returned; a training of digits, unless given. `chosen` is
    the position of the digit that was clicked.
    """

    def __init__(self, found: Memorised | None = None):
        self.found = found or memorising.recorded()
        self.chosen: int | None = None
        last = len(self.found.test)
        controls = {
            "measure": Dropdown(description="measure", options=dynamics.MEASURES),
            "epochs": IntSlider(20, description="epochs looked at", min=2, max=last),
        }
        self._digit = Plot(dynamics.digit_figure(self.found, None))
        super().__init__(
            controls,
            lambda measure, epochs: dynamics.explain(measure, epochs, self.found),
            below=(fitted(self._digit),),
        )
        for trace in self._plots[0].data:
            trace.on_click(self._on_click)

    def choose(self, position: int) -> None:
        """Show the digit at `position`: its picture, and its probabilities over the epochs."""
        self.chosen = position
        redraw(self._digit, dynamics.digit_figure(self.found, position))

    def _on_click(self, trace, points, _) -> None:
        if points.point_inds:
            self.choose(int(trace.customdata[points.point_inds[0]]))


class ConfidentExplorable(Explorable):
    """Lesson 7: drag the thresholds of confident learning, and see the confident joint."""

    def __init__(self) -> None:
        controls = {
            "kind": Dropdown(description="kind of noise", options=noise_effect.KINDS,
                             value="look-alike"),
            "rate": FloatSlider(0.2, description="share of wrong labels", min=0.0, max=0.6,
                                step=0.05, readout_format=".2f", continuous_update=False),
            "model": Dropdown(description="probabilities", options=confident.MODELS),
            "shift": FloatSlider(0.0, description="move all thresholds by", min=-0.4, max=0.4,
                                 step=0.02, readout_format=".2f"),
        }  # fmt: skip
        super().__init__(controls, confident.explain)


class EffortExplorable(Explorable):
    """Lesson 9: drag the AUROC and the share of wrong labels; see what a reviewer has to do."""

    def __init__(self) -> None:
        controls = {
            "auroc": FloatSlider(0.95, description="AUROC of the score", min=0.5, max=0.999,
                                 step=0.005, readout_format=".3f"),
            "wrong": FloatSlider(0.03, description="share of wrong labels", min=0.005, max=0.5,
                                 step=0.005, readout_format=".3f"),
            "seconds": FloatSlider(3.0, description="seconds a picture", min=0.5, max=20, step=0.5,
                                   readout_format=".1f"),
        }  # fmt: skip
        super().__init__(controls, reviewing.explain)
