"""The live panel: what it draws, epoch by epoch, without a browser."""

import numpy as np
import pytest

from o2u_nb.plots.still import losses
from o2u_nb.widgets.live import Curves, LiveLosses
from tests.pages import Reader, numbered
from tests.traces import make

NAN = np.nan


def trace_of(n_epochs: int, n: int = 40, phase: str = "cyclic"):
    """Losses 1..n in every epoch; the last five samples are the most suspicious."""
    loss = np.tile(np.arange(1.0, n + 1), (n_epochs, 1)) + np.arange(n_epochs)[:, None]
    return make(loss, phase=["warmup"] + [phase] * (n_epochs - 1))


class Clock:
    """A clock that moves ten seconds whenever it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def test_curves_by_hand():
    curves = Curves()
    curves.update(make([[1, 2, 3, 4, 100, 5, 6, 7, 8], [NAN] * 9]))
    np.testing.assert_allclose(curves.bands[2], [5, NAN])
    assert list(curves.top()) == [4, 8, 7, 6, 5]
    np.testing.assert_allclose(curves.suspects, [(100 + 8 + 7 + 6 + 5) / 5, NAN])


def test_each_epoch_is_looked_at_once_and_suspects_are_those_of_now():
    curves = Curves()
    curves.update(trace_of(1))
    first = curves.bands.copy()
    curves.update(trace_of(3))
    np.testing.assert_array_equal(curves.bands[:, :1], first)
    assert curves.n_epochs == 3
    np.testing.assert_allclose(curves.suspects, [38, 39, 40])


def test_panel_draws_what_the_trace_holds():
    live = LiveLosses(total_epochs=4, clock=Clock())
    trace = trace_of(3)
    live.update(trace)
    lines = {line.name: line for line in live.figure.data}
    np.testing.assert_allclose(lines["everybody: median, 50 and 90 % bands"].y, [20.5, 21.5, 22.5])
    np.testing.assert_allclose(lines["current suspects, mean"].y, [38, 39, 40])
    np.testing.assert_allclose(lines["learning rate"].y, trace.lr)
    assert list(lines["learning rate"].x) == [1, 2, 3]


def test_status_tells_phase_epoch_and_time_left():
    live = LiveLosses(total_epochs=4, clock=Clock())
    assert live.message == "Waiting for the first epoch."
    live.update(trace_of(1))
    assert live.message == "Warm-up, epoch 1 of 4."
    live.update(trace_of(2))
    assert live.message == "Cyclic phase, epoch 2 of 4, 0:20 elapsed, about 0:20 left."
    live.update(trace_of(4))
    assert live.message.startswith("Done: 4 epochs, ")


def test_strip_shows_the_suspects_of_now():
    samples, _ = numbered(n=40)
    live = LiveLosses(samples=samples)
    live.update(trace_of(2))
    page = Reader(live._strip.value)
    assert [image["alt"] for image in page.images] == [
        f"Given {samples['label'].iloc[k]}" for k in (39, 38, 37, 36, 35)
    ]
    assert "data:image" in live._repr_mimebundle_()["text/html"]


def test_a_new_training_starts_the_panel_again():
    live = LiveLosses(clock=Clock())
    live.update(trace_of(3))
    live.update(trace_of(1))
    assert live.message == "Warm-up, epoch 1." and len(live.figure.data[-1].x) == 1


def test_saved_notebooks_keep_a_still_picture():
    live = LiveLosses(total_epochs=2)
    live.update(trace_of(2))
    bundle = live._repr_mimebundle_()
    assert "<svg" in bundle["text/html"] and "Done: 2 epochs" in bundle["text/plain"]
    still = live._still()
    assert "Done: 2 epochs" in still["application/vnd.plotly.v1+json"]["layout"]["title"]["text"]


def test_still_picture_has_no_script_and_survives_gaps():
    bands = np.array([[0, NAN], [1, NAN], [2, NAN], [3, NAN], [4, NAN]])
    html = losses(bands, np.array([[4.0, NAN]]), of="<b>done</b>")
    assert "&lt;b&gt;" in html and "<script" not in html and "nan" not in html


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch", "fastai", "o2u_nb.training"])
def test_panel_needs_no_training_code(name):
    import subprocess
    import sys

    script = f"import sys, o2u_nb.widgets.live; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
