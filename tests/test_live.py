"""The live panel: what it draws, epoch by epoch, without a browser."""

from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from o2u_nb.plots.still import losses
from o2u_nb.plots.training import BOTTOM, RATE_TOP, TOP, training
from o2u_nb.widgets.live import Curves, LiveLosses, suspects_now
from tests.pages import Reader, numbered
from tests.traces import make

NAN = np.nan
SVG = "{http://www.w3.org/2000/svg}"
LIKE = "no other class"


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
    live.update(trace_of(3))
    drawing = ElementTree.fromstring(live._drawn.value)
    median, rate, suspects = lines(drawing)
    assert [len(points) for points in (median, rate, suspects)] == [3, 3, 3]
    assert [x for x, _ in median] == [x for x, _ in suspects]
    # at the top of the plot is 40.05, the 95 % quantile in the last epoch
    heights = [BOTTOM - y for _, y in median + suspects]
    expected = [(BOTTOM - TOP) * loss / 40.05 for loss in (20.5, 21.5, 22.5, 38, 39, 40)]
    np.testing.assert_allclose(heights, expected, atol=0.06)
    assert {y for _, y in rate} == {RATE_TOP}  # a constant rate is the largest one
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    assert {"warm-up", "cyclic phase", "current suspects", "everybody", "4"} <= set(texts)


def lines(drawing) -> list[list[tuple[float, float]]]:
    """Return the points of the curves of a drawing: of everybody, the rate, and the suspects."""
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in drawing.iter(f"{SVG}polyline")
    ]


def test_a_single_epoch_and_gaps_can_be_drawn():
    one = training(np.arange(5.0)[:, None], np.array([4.0]), np.array([0.1]), ["warmup"])
    assert "<circle" in one and "nan" not in one
    gap = np.array([[NAN, k] for k in range(5)])
    html = training(gap, np.array([NAN, 4]), np.array([0.1, 0.2]), ["<b>x</b>"] * 2, n_epochs=2)
    assert "nan" not in html and "<script" not in html and "&lt;b&gt;x" in html
    nothing = training(gap[:, :1], np.array([NAN]), np.array([0.1]), ["warmup"])
    assert "none is known yet" in nothing


def test_status_tells_phase_epoch_and_time_left():
    live = LiveLosses(total_epochs=4, clock=Clock())
    assert live.message == "Waiting for the first epoch."
    live.update(trace_of(1))
    assert live.message == "Warm-up, epoch 1 of 4."
    live.update(trace_of(2))
    assert live.message == "Cyclic phase, epoch 2 of 4, 0:20 elapsed, about 0:20 left."
    live.update(trace_of(4))
    assert live.message.startswith("Done: 4 epochs, ")


def test_the_suspects_of_now_are_shown_with_what_they_look_like():
    samples, _ = numbered(n=40)
    trace = trace_of(3)
    other = (trace.labels[39] + 1) % len(trace.classes)
    trace.pred[:, 39] = [other, trace.labels[39], other]
    live = LiveLosses(samples=samples)
    live.update(trace)
    page = Reader(live._drawn.value)
    given = [trace.classes[trace.labels[k]] for k in (39, 38, 37, 36, 35)]
    assert [image["alt"] for image in page.images] == [
        f"Suspect {rank}: given {name}, looks like {trace.classes[other] if rank == 1 else LIKE}"
        for rank, name in enumerate(given, start=1)
    ]
    assert all(sample_id in page.text for sample_id in trace.ids[[39, 38, 37, 36, 35]])
    assert "data:image" in live._repr_mimebundle_()["text/html"]


def test_a_suspect_looks_like_the_class_that_was_named_most_often():
    trace = make([[1.0] * 3] * 4, classes=["a", "b", "c"], labels=[0, 0, 2])
    trace.pred[:] = np.array([[1, 0, -1], [2, 0, -1], [2, 0, -1], [0, 0, -1]])
    rows = suspects_now(trace, np.array([0, 1, 2]))
    assert rows["suggested_label"].fillna("none").tolist() == ["c", "none", "none"]
    assert rows["label"].tolist() == ["a", "a", "c"] and rows["rank"].tolist() == [1, 2, 3]


def test_a_new_training_starts_the_panel_again():
    live = LiveLosses(clock=Clock())
    live.update(trace_of(3))
    live.update(trace_of(1))
    assert live.message == "Warm-up, epoch 1." and live._drawn.value.count("<circle") == 3


def test_saved_notebooks_keep_the_losses_and_the_pictures(monkeypatch):
    samples, _ = numbered(n=40)
    live = LiveLosses(total_epochs=2, samples=samples)
    handle = SimpleNamespace(shown=[])
    handle.update = lambda bundle, raw: handle.shown.append(bundle)
    live._handles.append(handle)
    live.update(trace_of(1))
    assert handle.shown == []
    live.update(trace_of(2))  # the last one: the panel turns into what stays
    (kept,) = handle.shown
    assert set(kept) == {"text/html", "text/plain"}
    assert "Done: 2 epochs" in kept["text/plain"] and "<svg" in kept["text/html"]
    assert len(Reader(kept["text/html"]).images) == 5
    assert "<svg" in live._repr_mimebundle_()["text/html"]


def test_still_picture_has_no_script_and_survives_gaps():
    bands = np.array([[0, NAN], [1, NAN], [2, NAN], [3, NAN], [4, NAN]])
    html = losses(bands, np.array([[4.0, NAN]]), of="<b>done</b>")
    assert "&lt;b&gt;" in html and "<script" not in html and "nan" not in html


@pytest.mark.slow
def test_panel_needs_no_training_code():
    import subprocess
    import sys

    script = (
        "import sys, o2u_nb.widgets.live; "
        "print({'torch', 'fastai', 'o2u_nb.training'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
