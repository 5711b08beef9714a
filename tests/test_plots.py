"""Figures: the numbers that they draw, and names that stay text."""

import json

import numpy as np
import pandas as pd
import pytest

from o2u_nb import plots
from o2u_nb.detect.table import score_table
from o2u_nb.errors import O2UError, TraceError
from o2u_nb.plots.epochs import MAX_LINES
from o2u_nb.plots.look import pair
from o2u_nb.plots.scores import axis_title
from tests.traces import make, random_trace

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def trace():
    return random_trace(n=300, wrong=40)


@pytest.fixture
def scores(trace):
    return score_table(trace)


def test_trajectories_are_the_losses_of_the_top_suspects(trace, scores):
    figure = plots.trajectories(trace, scores, top=3)
    lines = [line for line in figure.data if line.ids is not None]
    assert [line.ids[0] for line in lines] == list(scores.index[:3])
    for line in lines:
        position = trace.ids.get_loc(line.ids[0])
        np.testing.assert_array_equal(line.y, trace.loss[:, position])
        assert list(line.x) == [1, 2, 3, 4, 5, 6]
    median = next(
        line for line in figure.data if str(line.name).startswith("crowd (not suspects): median")
    )
    crowd = trace.ids.get_indexer(scores.index[~scores["suspect"]])
    np.testing.assert_allclose(median.y, np.median(trace.loss[:, crowd], axis=1), rtol=1e-6)


def test_margins_chosen_samples_and_one_class(trace, scores):
    ids = list(scores.index[-2:])
    figure = plots.trajectories(trace, scores, ids, value="margin")
    lines = [line for line in figure.data if line.ids is not None]
    np.testing.assert_array_equal(lines[1].y, trace.margin[:, trace.ids.get_loc(ids[1])])
    of_class = plots.trajectories(trace, scores, label="y")
    shown = [line.ids[0] for line in of_class.data if line.ids is not None]
    assert shown and (scores.loc[shown, "label"] == "y").all()


def test_lines_are_capped_and_unknown_things_refused(trace, scores):
    figure = plots.trajectories(trace, scores, list(scores.index))
    assert sum(line.ids is not None for line in figure.data) == MAX_LINES
    with pytest.raises(O2UError, match="nobody"):
        plots.trajectories(trace, scores, ["nobody"])
    with pytest.raises(O2UError, match="loss, margin"):
        plots.trajectories(trace, scores, value="accuracy")
    with pytest.raises(TraceError, match="not in the trace"):
        plots.trajectories(trace.take(np.arange(5)), scores)
    with pytest.raises(O2UError, match="No class 'w'"):
        plots.histogram(scores, label="w")
    with pytest.raises(O2UError, match="o2u_mean"):
        plots.histogram(scores, "o2u_maen")


def test_samples_not_seen_are_gaps():
    loss = np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, 2.0]])
    trace = make(loss, probs=[[0.1, 0.9, 0], [0.9, 0.1, 0]])
    figure = plots.trajectories(trace, score_table(trace), ["s0"])
    line = next(line for line in figure.data if line.ids is not None)
    np.testing.assert_array_equal(line.y, [1, np.nan, 3])


@pytest.mark.parametrize("column", ["o2u_mean", "o2u_var"])
def test_histogram_counts_everybody_once(scores, column):
    rest, suspects = plots.histogram(scores, column, bins=20).data
    counted = {part.name: np.nansum(part.y) for part in (rest, suspects)}
    n_suspects = scores["suspect"].sum()
    assert counted == {
        f"the rest ({300 - n_suspects})": 300 - n_suspects,
        f"suspects ({n_suspects})": n_suspects,
    }
    edges = np.histogram_bin_edges(scores[column], bins=20)
    expected, _ = np.histogram(scores.loc[scores["suspect"], column], edges)
    np.testing.assert_array_equal(np.nan_to_num(np.asarray(suspects.y, float)), expected)


def test_histogram_of_one_class_with_a_threshold(scores):
    figure = plots.histogram(scores, label="x", threshold=0.5)
    assert sum(np.nansum(part.y) for part in figure.data) == (scores["label"] == "x").sum()
    assert figure.layout.shapes[0].x0 == 0.5


def test_scatter_keeps_suspects_when_it_thins(scores):
    figure = plots.mean_against_variance(scores, max_points=100)
    rest, suspects = figure.data
    assert len(rest.x) + len(suspects.x) == 100
    assert len(suspects.x) == scores["suspect"].sum()
    id = suspects.ids[0]
    assert (suspects.x[0], suspects.y[0]) == tuple(scores.loc[id, ["o2u_mean", "o2u_var"]])


def test_many_points_go_to_webgl(scores):
    many = pd.concat([scores.set_axis([f"{k}{id}" for id in scores.index]) for k in range(20)])
    assert plots.mean_against_variance(many, max_points=6000).data[0].type == "scattergl"
    assert plots.mean_against_variance(scores).data[0].type == "scatter"


def test_confusion_and_class_counts_by_hand():
    scores = pd.DataFrame(
        {
            "label": ["a", "a", "a", "b"],
            "suggested_label": ["b", "b", "c", "a"],
            "suspect": [True, True, False, True],
            "rank": [1, 2, 4, 3],
        },
        index=pd.Index(list("pqrs"), name="sample_id"),
    )
    matrix = plots.confusion(scores).data[0]
    assert [list(row) for row in matrix.z] == [[None, 2], [1, None]]
    bars = plots.class_counts(scores).data[0]
    assert list(bars.x) == pytest.approx([1.0, 2 / 3])  # drawn from below: most suspects on top
    assert list(bars.text) == ["100 %  (1 of 1)", "67 %  (2 of 3)"]


def test_estimates_are_dots_and_refusals_are_said():
    table = pd.DataFrame(
        {"count": [1200.0, 2500.0, np.nan, 0.0], "note": ["a", "b", "c", HOSTILE]},
        index=["sure_disagreement", "otsu", "mixture", HOSTILE],
    )
    figure = plots.estimates(table, 10_000)
    others, recommended, refuses = figure.data
    assert (list(recommended.x), list(recommended.y)) == ([1200], [0])
    assert (list(others.x), list(others.y)) == ([2500, 0], [1, 3])
    assert [text.strip() for text in others.text] == ["2,500 (25 %)", "0 (0 %)"]
    assert (list(refuses.y), refuses.text[0].strip(), refuses.mode) == ([2], "no estimate", "text")
    assert list(refuses.customdata[0]) == ["mixture", "c"]
    assert recommended.marker.symbol != others.marker.symbol
    assert figure.layout.title.text.endswith("Between 0 and 2,500 of 10,000")
    assert "<img" not in figure.to_json()


def test_estimates_that_all_refuse():
    table = pd.DataFrame({"count": [np.nan], "note": ["c"]}, index=["mixture"])
    figure = plots.estimates(table, 0)
    assert figure.layout.title.text == "How many labels are wrong?"
    assert not any(part.showlegend for part in figure.data)


def test_quotation_marks_are_shown_as_they_are(scores):
    """plotly turns `&lt;` back into what it stands for, but not `&quot;` and `&#x27;`."""
    name = """lion's "mane" """
    renamed = scores.assign(label=name, suggested_label="b")
    assert pair(name, "b") == f"{name} → b"
    assert plots.confusion(renamed).layout.xaxis.ticktext == ("b", name)
    assert name in plots.mean_against_variance(renamed, label=name).layout.title.text


def test_axes_are_named_by_the_registry_and_names_are_inert(scores):
    assert axis_title("o2u_var") == "variance of the loss (nats²)"
    assert axis_title("<b>mine</b>") == "&lt;b&gt;mine&lt;/b&gt;"
    figure = plots.mean_against_variance(scores)
    assert figure.layout.xaxis.title.text == axis_title("o2u_mean")
    assert figure.layout.yaxis.title.text == axis_title("o2u_var")


@pytest.mark.parametrize("draw", ["trajectories", "histogram", "scatter", "counts", "confusion"])
def test_names_are_inert_everywhere(trace, draw):
    from dataclasses import replace

    hostile = replace(
        trace, classes=[HOSTILE, "y", "z"], ids=pd.Index([f"{HOSTILE}{i}" for i in range(300)])
    )
    scores = score_table(hostile)
    figure = {
        "trajectories": lambda: plots.trajectories(hostile, scores, label=HOSTILE),
        "histogram": lambda: plots.histogram(scores, label=HOSTILE),
        "scatter": lambda: plots.mean_against_variance(scores, label=HOSTILE),
        "counts": lambda: plots.class_counts(scores),
        "confusion": lambda: plots.confusion(scores),
    }[draw]()
    shown = json.loads(figure.to_json())
    for line in shown["data"]:
        line.pop("ids", None)  # never drawn
    assert "<img" not in json.dumps(shown) and "onerror" in json.dumps(shown)
