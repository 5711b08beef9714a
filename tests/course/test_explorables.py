"""The panels of the course: a change of a control is answered, and a saved notebook keeps it."""

import numpy as np
import plotly.graph_objects as go
import pytest

from o2u_nb.course.trial import Question
from o2u_nb.plots.still_figure import still_figure
from o2u_nb.widgets.course import panels
from o2u_nb.widgets.course.trial import Trial

CHANGES = {
    panels.NoiseExplorable: dict(kind="pair flip", rate=0.4),
    panels.EntropyExplorable: dict(q=0.5, p=0.5),
    panels.MemorisingExplorable: dict(epoch=60),
    panels.DynamicsExplorable: dict(measure="forgetting", epochs=40),
    panels.ConfidentExplorable: dict(model="in sample"),
    panels.EffortExplorable: dict(wrong=0.3),
}
each = pytest.mark.parametrize("panel", CHANGES, ids=lambda panel: panel.__name__)


def drawn(panel) -> list:
    """All numbers and texts that the panel's figures hold now."""
    return [
        (trace.type, trace.name, *(np.asarray(trace[axis]).tolist() for axis in ("x", "y")),
         np.asarray(trace.z).tolist() if "z" in trace else None)
        for plot in panel._plots for trace in plot.data
    ]  # fmt: skip


@each
def test_a_change_is_answered_in_words_and_figures(panel):
    shown = panel()
    before, message = drawn(shown), shown.message
    shown.set(**CHANGES[panel])
    assert shown.values == {**shown.values, **CHANGES[panel]}
    assert shown.message != message and shown._status.message == shown.message
    assert drawn(shown) != before
    expected = [trace for figure in shown.answer.figures for trace in figure.data]
    now = [trace for plot in shown._plots for trace in plot.data]
    for old, new in zip(now, expected, strict=True):
        for axis in ("x", "y", "z"):
            if axis in new:
                np.testing.assert_array_equal(np.asarray(old[axis]), np.asarray(new[axis]))


@each
def test_there_and_back_is_the_same(panel):
    shown = panel()
    before, values = drawn(shown), shown.values
    shown.set(**CHANGES[panel])
    shown.set(**{name: values[name] for name in CHANGES[panel]})
    assert str(drawn(shown)) == str(before)


@each
def test_a_saved_notebook_keeps_the_figures(panel):
    shown = panel()
    kept = shown.still()
    assert kept["text/html"].count("<svg") == len(shown._plots)
    assert kept["text/plain"] == shown.message and "<script" not in kept["text/html"]
    assert "NaN" not in kept["text/html"]


def test_a_click_on_the_data_map_shows_the_digit():
    shown = panels.DynamicsExplorable()
    wrong = shown._plots[0].data[1]
    shown._on_click(wrong, type("Points", (), {"point_inds": [2]}), None)
    assert shown.chosen == wrong.customdata[2]
    assert shown.found.wrong[shown.chosen]
    assert "Labelled" in shown._digit.layout.title.text


class TestTrialPanel:
    def trial(self, **more) -> Trial:
        shown = np.zeros((2, 2), np.uint8)
        asked = [Question(f"q{k}", f"<b>{k}</b>?", shown, ("yes", "no")) for k in range(2)]
        return Trial(asked, **more)

    def test_keys_and_clicks_come_as_messages(self):
        trial = self.trial(feedback=lambda question, answer: f"{question.id}: {answer}")
        trial._receive(None, {"kind": "answer", "choice": 1}, [])
        assert trial._view.text == "<b>1</b>?" and trial._view.feedback == "q0: no"
        trial._receive(None, {"kind": "back"}, [])
        assert trial._view.place == "1 of 2" and len(trial.table()) == 0
        trial.answer("yes")
        trial.answer("no")
        assert trial.table()["answer"].tolist() == ["yes", "no"]
        trial._receive(None, {"kind": "answer", "choice": 0}, [])  # after the last one: nothing
        assert trial._view.choices == [] and trial.message == "2 of 2 questions are answered."
        assert trial._view.picture == b""

    def test_what_is_saved_tells_no_question(self):
        assert "<b>0</b>" not in self.trial().still()["text/html"]

    def test_who_wants_to_know_is_told(self):
        told = []
        trial = self.trial(on_answer=lambda: told.append(trial.message))
        trial.answer(0)
        trial.take_back()
        assert told == ["1 of 2 questions are answered.", "0 of 2 questions are answered."]


class TestStillFigures:
    def test_bars_are_as_high_as_their_values(self):
        svg = still_figure(go.Figure(go.Bar(x=[0, 1], y=[1, 2], name="n")))
        heights = [float(part.split('"')[0]) for part in svg.split('<rect')[1:]
                   for part in [part.split('height="')[1]]]  # fmt: skip
        assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)

    def test_stacked_bars_stand_on_each_other(self):
        figure = go.Figure([go.Bar(x=["a"], y=[1]), go.Bar(x=["a"], y=[2])])
        svg = still_figure(figure.update_layout(barmode="stack"))
        boxes = [
            {name: float(part.split(f' {name}="')[1].split('"')[0]) for name in ("y", "height")}
            for part in svg.split("<rect")[1:]
        ]
        assert boxes[1]["y"] + boxes[1]["height"] == pytest.approx(boxes[0]["y"], abs=0.2)

    def test_names_are_inert(self):
        svg = still_figure(go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="<b>x</b>", mode="lines")))
        assert "<b>" not in svg and 'role="img"' in svg

    def test_a_gap_where_a_value_is_missing(self):
        svg = still_figure(go.Figure(go.Scatter(x=[0, 1, 2], y=[0, np.nan, 1], mode="lines")))
        assert svg.count("M") >= 2 and "nan" not in svg.lower()

    def test_a_kind_that_is_unknown(self):
        with pytest.raises(ValueError, match="found \\['pie'\\]"):
            still_figure(go.Figure(go.Pie(values=[1])))
