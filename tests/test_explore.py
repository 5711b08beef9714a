"""The panel to play with, without a browser: sliders, buttons, figures and words."""

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import FeaturesError, O2UError
from o2u_nb.explorer import CyclicExplorer
from o2u_nb.playing import Settings, share_planted
from o2u_nb.plots.bands import MEDIAN
from o2u_nb.plots.play import (
    empty_dynamics,
    empty_moment,
    fill_dynamics,
    fill_moment,
    groups,
    moments,
)
from o2u_nb.text import percent
from o2u_nb.training.heads import HEAD_RATE, HIDDEN_RATE
from o2u_nb.training.play import Playground
from o2u_nb.widgets import explore
from o2u_nb.widgets.parts.background import Latest
from tests.pages import HOSTILE, Reader
from tests.playing import SHORT, feature_set
from tests.traces import make

NAN = np.nan


@pytest.fixture(autouse=True)
def no_loop_of_others():
    """Hide the loop of the browser tests, which goes on in this thread after they have ended."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No waiting for the hand and the eye."""
    monkeypatch.setattr(explore, "DELAY", 0.0)
    monkeypatch.setattr(explore, "PACE", 0.0)


@pytest.fixture
def panel():
    panel = CyclicExplorer(*feature_set(), device="cpu")
    turn(panel, **{name: value for name, value in SHORT.items() if name != "bs"}, bs=16)
    yield panel
    panel.close()


def turn(panel, **values) -> None:
    """Move controls, and wait until the panel has followed."""
    for name, value in values.items():
        panel._controls[name].value = value
    panel.wait()


def drawn(panel) -> np.ndarray:
    """Return the median loss of both groups as it is drawn: (2, n_epochs)."""
    return np.stack([panel._dynamics.data[k].y for k in (2, 5)])


def test_bands_of_both_groups_by_hand():
    trace = make([[1, 2, 3, 10, 20], [2, 4, 6, NAN, 40]], lr=[0.1, 0.2])
    bands = groups(trace, np.array([False, False, False, True, True]))
    np.testing.assert_allclose(bands[0][MEDIAN], [2, 4])
    np.testing.assert_allclose(bands[1][MEDIAN], [15, 40])
    figure = empty_dynamics()
    fill_dynamics(figure, bands, trace, "planted")
    np.testing.assert_allclose(figure.data[2].y, [2, 4])
    np.testing.assert_allclose(figure.data[5].y, [15, 40])
    np.testing.assert_allclose(figure.data[6].y, [0.1, 0.2])
    assert figure.data[5].name.startswith("planted: ") and "others" in figure.data[2].name


def test_mean_and_variance_by_hand():
    trace = make([[1, 2, NAN], [3, 4, NAN], [5, 12, NAN]])
    found = moments(trace)
    # each epoch is centred on its mean over the samples: 1.5, 3.5 and 8.5
    np.testing.assert_allclose(found["o2u_mean"], [3 - 4.5, 6 - 4.5, NAN])
    np.testing.assert_allclose(found["o2u_var"], [8 / 3, 56 / 3, NAN])


def test_histograms_count_each_sample_once():
    figure = empty_moment("o2u_var", "suspects")
    values = np.array([0.0, 0.0, 1.0, 6.0, NAN])
    fill_moment(figure, values, np.array([False, True, False, True, True]), "planted")
    light, dark = figure.data
    assert (light.name, dark.name) == ("the others (2)", "planted (2)")
    assert np.nansum(light.y) == np.nansum(dark.y) == 2
    assert light.y[0] == dark.y[0] == 1 and light.y[10] == 1 and dark.y[-1] == 1
    assert "variance" in figure.layout.title.text


def test_share_planted_by_hand():
    scores = pd.DataFrame(index=list("dbca"))
    planted = pd.Series([True, True, False, True], list("abcd"))
    found = [share_planted(scores, planted, k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(found, [1, 1, 2 / 3, 3 / 4])
    assert np.isnan(share_planted(scores, planted, 0))


def test_the_first_figures_are_there_at_once():
    features, samples = feature_set()
    panel = CyclicExplorer(features, samples, device="cpu")
    assert panel.settings == Settings() and panel.shown.trace.n_epochs == 18
    assert panel.message.startswith("Epoch 18 of 18, trained in ")
    assert len(panel.scores) == 150
    np.testing.assert_allclose(drawn(panel), [b[MEDIAN] for b in panel.shown.bands])
    panel.close()


def test_a_slider_changes_the_figures_and_back_again(panel):
    before = drawn(panel)
    turn(panel, r1=0.1)
    after = drawn(panel)
    assert before.shape == after.shape == (2, 4) and not np.array_equal(before, after)
    np.testing.assert_allclose(panel._dynamics.data[6].y[1:], panel.shown.trace.lr[1:])
    turn(panel, r1=0.02)
    np.testing.assert_array_equal(drawn(panel), before)


@pytest.mark.parametrize(
    ("change", "n_epochs"),
    [(dict(warmup=3), 6), (dict(cycles=2), 7), (dict(cycle=2), 3), (dict(warmup=0), 3)],
)
def test_the_schedule_follows_the_sliders(panel, change, n_epochs):
    turn(panel, **change)
    assert panel.shown.trace.n_epochs == n_epochs
    assert panel._dynamics.layout.xaxis.range == (0.5, n_epochs + 0.5)


def test_steps_end_where_one_run_ends(panel):
    whole, scores = drawn(panel), panel.scores
    for n in range(1, 5):
        panel.step()
        panel.wait()
        assert panel.shown.trace.n_epochs == n and f"Epoch {n} of 4" in panel.message
        np.testing.assert_array_equal(drawn(panel)[0].shape, (n,))
    pd.testing.assert_frame_equal(panel.scores, scores)
    np.testing.assert_array_equal(drawn(panel), whole)
    panel.step()  # and starts over
    panel.wait()
    assert panel.shown.trace.n_epochs == 1


def test_play_goes_on_from_a_step_to_the_end(panel):
    whole = drawn(panel)
    panel.step()
    panel.wait()
    panel.play()
    panel.wait()
    np.testing.assert_array_equal(drawn(panel), whole)
    assert not panel._buttons["play"].disabled and panel._buttons["stop"].disabled


def test_stop_keeps_whole_epochs_and_step_goes_on(panel):
    whole = drawn(panel)
    drawing, going = threading.Event(), threading.Event()
    redraw = panel._redraw

    def slowly(*args):
        redraw(*args)
        drawing.set()
        going.wait(10)

    panel._redraw = slowly
    panel.play()
    assert drawing.wait(10) and panel._buttons["play"].disabled
    assert not panel._buttons["stop"].disabled
    panel.stop()
    going.set()
    panel.wait()
    assert panel.shown.trace.n_epochs == 1
    panel._redraw = redraw
    for _ in range(3):
        panel.step()
        panel.wait()
    np.testing.assert_array_equal(drawn(panel), whole)


def test_planted_labels_are_marked_and_their_share_is_said(panel):
    turn(panel, noise="look-alike", share=0.2, r1=0.05)
    planted, scores = panel.shown.planted, panel.scores
    n = int(planted.sum())
    assert 15 < n < 45
    found = percent(planted[scores.index[:n]].mean())
    assert f"{n} labels are planted: {found} of the first {n} have one." in panel.message
    found = planted[scores.index[:12]].sum()
    assert f"The 12 most suspicious samples, {found} of them with" in panel._top.value
    assert planted[scores.index[:n]].mean() > 0.5  # at random it would be 0.2
    assert panel._dynamics.data[5].name.startswith("planted")
    assert panel._moments["o2u_mean"].data[1].name == f"planted ({n})"
    turn(panel, noise="none")
    assert "look wrong" in panel.message and "suspects" in panel._dynamics.data[5].name


def test_another_head_gets_the_rates_that_suit_it(panel):
    before = panel.settings
    turn(panel, hidden="with a hidden layer")
    assert panel.settings.hidden
    assert panel.settings.r1 / before.r1 == pytest.approx(HIDDEN_RATE / HEAD_RATE)
    assert panel.settings.r2 / before.r2 == pytest.approx(HIDDEN_RATE / HEAD_RATE)


def test_a_newer_change_cancels_the_training_that_runs(panel):
    """The older training ends at its next batch, and only the newer one is drawn."""
    started, start = [], panel._start
    first = threading.Event()

    def noted(settings):
        training = start(settings)
        advance = training.advance

        def waiting(epochs=None, *, cancelled):
            first.set()
            while len(started) == 1 and not cancelled():
                time.sleep(0.001)
            started.append(advance(epochs, cancelled=cancelled))
            return started[-1]

        started.append(settings.r1)
        training.advance = waiting
        return training

    panel._start = noted
    panel._controls["r1"].value = 0.3
    assert first.wait(10)
    panel._controls["r1"].value = 0.05
    panel.wait()
    assert started[1] is False and started[-1] is True
    assert panel.shown.trace.lr[0] < 0.05


def test_errors_are_said_in_the_status_line(panel):
    turn(panel, warmup=0)
    panel._start = lambda settings: (_ for _ in ()).throw(O2UError("no such thing"))
    turn(panel, warmup=2)
    assert panel.message == "no such thing"
    panel._start = lambda settings: 1 / 0
    turn(panel, warmup=3)
    assert panel.message == "ZeroDivisionError: division by zero"


def test_top_suspects_are_shown_with_their_pictures(panel):
    html = panel._top.value
    assert html.count("<img") == 12
    assert panel.scores.index[0] in Reader(html).text


def test_without_pictures_the_ids_are_listed_as_text():
    features, samples = feature_set(pictures=False)
    samples = samples.rename(index={"000": HOSTILE}).assign(label=lambda t: t["label"] + HOSTILE)
    panel = CyclicExplorer(features, samples, device="cpu")
    turn(panel, noise="none")
    assert "<script" not in panel._html() and "<img" not in panel._html()
    assert "Most suspicious" in panel._top.value
    panel.close()


def test_what_a_saved_notebook_keeps(panel):
    kept = panel._repr_mimebundle_()
    assert kept["text/plain"] == panel.message
    assert "<svg" in kept["text/html"] and "Epoch 4 of 4" in kept["text/html"]


def test_an_audit_lends_its_features():
    features, samples = feature_set()
    kept = {"lite0": features, "other": features[:, :2]}
    order = np.random.default_rng(0).permutation(150)  # features are in the order of the trace
    trace = SimpleNamespace(ids=samples.index)
    audit = SimpleNamespace(features=kept, samples=samples.iloc[order], trace=trace)
    panel = CyclicExplorer(audit, device="cpu")
    np.testing.assert_array_equal(panel._start.data.features, features)
    pd.testing.assert_frame_equal(panel._start.samples, samples)
    panel.close()
    assert CyclicExplorer(audit, eye="other", device="cpu")._start.data.features.shape[1] == 2
    with pytest.raises(FeaturesError, match="keeps those of lite0, other"):
        CyclicExplorer(audit, eye="dino")
    with pytest.raises(FeaturesError, match="found none"):
        CyclicExplorer(SimpleNamespace(features={}, samples=samples))
    with pytest.raises(FeaturesError, match="Expected features with their samples table"):
        CyclicExplorer(features)


def test_of_many_samples_some_are_used():
    features, samples = feature_set()
    panel = CyclicExplorer(features, samples, most=50, device="cpu")
    assert list(panel.shown.trace.ids) == list(
        samples.index[np.linspace(0, 149, 50).round().astype(int)]
    )
    np.testing.assert_array_equal(panel._start.data.features[-1], features[-1])
    panel.close()


def test_wrong_features_are_refused_at_once():
    features, samples = feature_set()
    with pytest.raises(FeaturesError, match="found 149 rows"):
        CyclicExplorer(features[:-1], samples)


def test_only_the_newest_job_runs_to_its_end():
    latest, done = Latest(), []
    for k in range(3):
        latest.ask(lambda cancelled, k=k: done.append(k), delay=0.05)
    latest.wait()
    assert done == [2]
    latest.ask(lambda cancelled: done.append(cancelled()))
    latest.wait()
    assert done == [2, False]
    latest.ask(lambda cancelled: done.append("never"), delay=5)
    latest.cancel()
    latest.wait()
    assert done == [2, False]


def test_in_a_kernel_figures_are_drawn_by_its_own_thread():
    async def cell():
        panel = CyclicExplorer(*feature_set(), device="cpu")
        said, drawers = panel.message, []
        redraw = panel._redraw
        panel._redraw = lambda *args: drawers.append(threading.current_thread()) or redraw(*args)
        panel._controls["cycles"].value = 1
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if drawers:
                break
        panel.close()
        return said, panel.message, drawers

    first, second, drawers = asyncio.run(cell())
    assert "Epoch 18 of 18" in first and "Epoch 12 of 12" in second
    assert drawers == [threading.main_thread()]


def test_a_playground_is_what_the_panel_needs():
    training = Playground(*feature_set(), device="cpu")(Settings(**SHORT))
    training.advance(1)
    shown = explore.Shown(training)
    assert shown.name == "suspects" and shown.marked.sum() == shown.scores["suspect"].sum()
