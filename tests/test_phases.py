"""Phases: one declaration serves the trace, the figures and the panels."""

import re

import numpy as np
import pytest

from o2u_nb import phases, plots
from o2u_nb.detect.table import score_table
from o2u_nb.errors import TraceError
from o2u_nb.phases import Phase
from o2u_nb.plots import training
from o2u_nb.trace import Trace
from o2u_nb.widgets.live import LiveLosses
from tests.traces import make

LOSS = np.arange(1.0, 25).reshape(4, 6)
NAMES = ["warmup", "cyclic", "cyclic", "settling"]


@pytest.fixture
def settling(monkeypatch):
    """Declare one phase more, as a training method to come may do."""
    phase = Phase("settling", "settling phase", is_shaded=True)
    monkeypatch.setitem(phases.PHASES, phase.name, phase)


def trace():
    probs = np.tile([0.2, 0.5, 0.3], (6, 1))
    return make(LOSS, phase=NAMES, probs=probs)


def marks(figure) -> tuple[list, list]:
    """Read off a figure which epochs are shaded, and which words stand where."""
    shaded = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    return shaded, [(words.text, words.x) for words in figure.layout.annotations]


def live(found) -> LiveLosses:
    panel = LiveLosses()
    panel.update(found)
    return panel


def marks_of_drawing(html: str, n_epochs: int) -> tuple[list, list]:
    """Read the same off the live panel's drawing; the words stand where their phase begins."""
    step = (training.WIDTH - training.LEFT - training.RIGHT) / n_epochs
    place = lambda x: round((float(x) - training.LEFT) / step + 0.5, 1)  # noqa: E731
    rects = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', html)
    shaded = [(place(x), place(float(x) + float(width))) for x, width in rects]
    texts = re.findall(rf'<text x="([\d.]+)" y="{training.TOP - 7:.1f}"[^>]*>([^<]*)<', html)
    return shaded, [(words, place(float(x) - 4)) for x, words in texts]


def test_a_new_phase_is_told_and_shaded_as_declared(settling):
    shaded, words = marks(plots.trajectories(trace(), score_table(trace())))
    assert shaded == [(0.5, 1.5), (3.5, 4.5)]
    assert words == [("warm-up", 1), ("cyclic phase", 2.5), ("settling phase", 4)]
    drawn, begins = marks_of_drawing(live(trace())._html(), 4)
    assert drawn == shaded
    assert begins == [("warm-up", 0.5), ("cyclic phase", 1.5), ("settling phase", 3.5)]


def test_a_new_phase_is_written_to_a_trace(settling, tmp_path):
    trace().save(tmp_path / "trace")
    assert Trace.open(tmp_path / "trace").phase.tolist() == NAMES


def test_the_live_panel_tells_a_new_phase(settling):
    assert live(trace()).message == "Settling phase, epoch 4."


def test_a_phase_that_this_version_does_not_know_is_told_by_its_name():
    shaded, words = marks(plots.trajectories(trace(), score_table(trace())))
    assert shaded == [(0.5, 1.5)] and words[-1] == ("settling", 4)
    drawn, begins = marks_of_drawing(live(trace())._html(), 4)
    assert drawn == shaded and begins[-1] == ("settling", 3.5)
    assert live(trace()).message == "Settling, epoch 4."


def test_a_trace_takes_no_phase_that_is_not_declared(tmp_path):
    with pytest.raises(TraceError, match="'settling': expected one of warmup, cyclic, high, low"):
        trace().save(tmp_path / "trace")


def test_names_are_the_keys():
    assert all(name == phase.name for name, phase in phases.PHASES.items())
    assert len({phase.words for phase in phases.PHASES.values()}) == len(phases.PHASES)
