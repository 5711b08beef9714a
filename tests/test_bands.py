"""The bands by hand, and that every view draws the same ones."""

import re

import numpy as np
import pytest

from o2u_nb import plots
from o2u_nb.plots import still, training
from o2u_nb.plots.bands import QUANTILES, band_traces, crowd_bands, fill_bands, quantiles
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.live import LiveLosses
from o2u_nb.widgets.trajectories import TrajectoriesPanel
from tests.audits import write_audit

NAN = np.nan


def test_quantiles_of_what_was_seen():
    found = quantiles(np.array([[0, 10, 20, 30, 40], [NAN] * 5, [7, NAN, NAN, 7, 7]]))
    np.testing.assert_allclose(found[:, 0], [2, 10, 20, 30, 38])
    assert np.isnan(found[:, 1]).all() and (found[:, 2] == 7).all()


def test_bands_are_closed_outlines_over_the_epochs_seen():
    found = np.array([[1, NAN, 2], [3, NAN, 4], [5, NAN, 6], [7, NAN, 8], [9, NAN, 10]])
    outer, inner, median = band_traces()
    fill_bands([outer, inner, median], found, "crowd")
    assert (outer.x.tolist(), outer.y.tolist()) == ([1, 3, 3, 1], [9, 10, 2, 1])
    assert (inner.x.tolist(), inner.y.tolist()) == ([1, 3, 3, 1], [7, 8, 4, 3])
    assert median.x.tolist() == [1, 2, 3] and median.name == "crowd: median, 50 and 90 % bands"
    np.testing.assert_array_equal(median.y, [5, NAN, 6])
    assert [trace.showlegend for trace in (outer, inner, median)] == [False, False, None]


@pytest.fixture
def session(tmp_path):
    folder = write_audit(tmp_path / "audit", n=60, n_wrong=1, epochs=6)
    return ReviewSession(folder, reviewer="ann")


def views(session) -> dict:
    """Draw the same epochs in the two views that are figures."""
    return {
        "static": plots.trajectories(session.trace, session.scores),
        "panel": TrajectoriesPanel(session).figure,
    }


def look(trace) -> dict:
    """Return all of a trace but what it shows, and the number that a widget gives it."""
    shown = ("x", "y", "name", "uid")
    return {key: value for key, value in trace.to_plotly_json().items() if key not in shown}


def test_bands_and_the_learning_rate_look_the_same_everywhere(session):
    static, *others = views(session).values()
    for other in others:
        for place in (0, 1, 2, -1):
            assert look(other.data[place]) == look(static.data[place])
        np.testing.assert_array_equal(other.data[-1].y, session.trace.lr)
        for axis in ("xaxis", "xaxis2", "yaxis", "yaxis2"):
            assert other.layout[axis] == static.layout[axis]
        assert other.layout.shapes == static.layout.shapes
        assert other.layout.annotations == static.layout.annotations


def test_static_and_panel_draw_the_crowd_and_live_draws_everybody(session):
    crowd, everybody = crowd_bands(session.trace, session.scores), quantiles(session.trace.loss)
    assert not np.allclose(crowd, everybody)
    drawn = {name: figure.data[2].y for name, figure in views(session).items()}
    np.testing.assert_allclose(drawn["static"], crowd[2])
    np.testing.assert_allclose(drawn["panel"], crowd[2])
    live = LiveLosses(total_epochs=session.trace.n_epochs)
    live.update(session.trace)
    points = re.search(r'<polyline points="([^"]*)"', live._html())[1].split()  # the median's
    heights = training.BOTTOM - np.array([float(point.split(",")[1]) for point in points])
    np.testing.assert_allclose(heights / heights[0], everybody[2] / everybody[2, 0], atol=0.02)


def test_still_pictures_have_the_same_bands():
    found = np.array([[0.0, 1], [1, 2], [2, 3], [3, 4], [4, 8]])
    html = still.losses(found, np.array([[8.0, NAN]]), of="this sample")
    areas = re.findall(r'<polygon points="([^"]*)".*?fill-opacity="([^"]*)"', html)
    right, floor = still.WIDTH, still.HEIGHT
    assert areas[0][0] == f"0.0,{floor:.1f} {right:.1f},175.0 {right:.1f},0.0 0.0,100.0"
    shades = [re.search(r"[\d.]+(?=\)$)", trace.fillcolor)[0] for trace in band_traces()[:2]]
    assert [float(opacity) for _, opacity in areas] == [float(shade) for shade in shades]
    assert "0 to 8 nats: this sample (dashed) and the crowd (grey: median, 50 and 90 %" in html
    assert len(QUANTILES) == len(found)
