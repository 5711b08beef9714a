"""Panels over one session: they draw it, command it, stay in step, and let go of it."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import plotly.graph_objects as go
import pytest
import traitlets
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ipywidgets import VBox, Widget
from plotly.basewidget import BaseFigureWidget as FigureWidget
from plotly.callbacks import BoxSelector, LassoSelector

import o2u_nb.widgets
from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError, O2UError
from o2u_nb.plots.scores import thinned
from o2u_nb.review import why
from o2u_nb.review.checking import CheckSession
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import percent
from o2u_nb.trace import Trace
from o2u_nb.widgets import why as why_panel
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.histograms import Bins, HistogramsPanel
from o2u_nb.widgets.parts.panel import Panel, all_inside
from o2u_nb.widgets.parts.status import StatusLine
from o2u_nb.widgets.player import PlayerPanel
from o2u_nb.widgets.scatter import ScatterPanel, inside
from o2u_nb.widgets.threshold import ThresholdPanel
from o2u_nb.widgets.trajectories import APART, ENDS, FAINT, LINES, TrajectoriesPanel
from o2u_nb.widgets.why import WhyCard
from tests.audits import write_audit
from tests.pages import HOSTILE, Reader


def modules() -> list[ModuleType]:
    """Import every module of the package's widgets."""
    return [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(o2u_nb.widgets.__path__, "o2u_nb.widgets.")
    ]


def widget_classes() -> list[type[Widget]]:
    """Discover every class of widgets in the package, by name."""
    found = {c for m in modules() for _, c in inspect.getmembers(m, inspect.isclass)}
    ours = [c for c in found if issubclass(c, Widget) and c.__module__.startswith("o2u_nb.")]
    return sorted(ours, key=lambda c: c.__name__)


def panels() -> list[type[Panel]]:
    """Discover every panel class, so that a new one is covered the day it is written."""
    return [c for c in widget_classes() if issubclass(c, Panel) and c is not Panel]


def test_no_module_keeps_a_widget():
    """`Widget.close_all()` would close it, and no panel that uses it could be made any more."""
    kept = [
        f"{module.__name__}.{name}"
        for module in modules()
        for name, thing in vars(module).items()
        if isinstance(thing, Widget)
    ]
    assert kept == []


@pytest.fixture
def session(tmp_path):
    return ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")


def test_all_panels_are_known():
    assert {c.__name__ for c in panels()} == {
        "CertifyDesk", "CertifyPanel", "CheckDesk", "CheckPanel", "ConfusionPanel", "Dashboard",
        "FinishCard", "HistogramsPanel", "LearningPanel", "MapPanel", "PlayerPanel",
        "ReviewersPanel",
        "ScatterPanel", "SimilarPanel", "ThresholdPanel", "TrajectoriesPanel", "WhyCard",
    }  # fmt: skip


def shadowed(kind: type) -> list[str]:
    """List the traits that `kind` declares and whose names mean something to widgets already."""
    return [
        name for name in kind.class_own_traits() if any(hasattr(b, name) for b in kind.__bases__)
    ]


WITH_TRAITS = [c for c in widget_classes() if c.class_own_traits()]


def test_classes_with_traits_are_found():
    assert {"SuspectGrid", "StatusLine", "Plot"} <= {c.__name__ for c in WITH_TRAITS}


@pytest.mark.parametrize("kind", WITH_TRAITS, ids=lambda c: c.__name__)
def test_no_trait_takes_a_name_that_widgets_have(kind):
    assert shadowed(kind) == []


def test_a_trait_that_takes_such_a_name_is_seen():
    class Shadowing(VBox):
        layout = traitlets.Unicode()  # a trait of widgets
        keys = traitlets.List()  # with a widget, the front end stops without a word
        send = traitlets.Bool()  # a method of widgets
        own = traitlets.Bool()

    assert sorted(shadowed(Shadowing)) == ["keys", "layout", "send"]


def kind_of(panel: type[Panel]) -> type[ReviewSession]:
    """Return the kind of session that a panel takes."""
    return inspect.signature(panel).parameters["session"].annotation


def session_of(panel: type[Panel], folder, **options) -> ReviewSession:
    """Open a session for a panel."""
    return kind_of(panel)(folder, **options)


@pytest.mark.parametrize("panel", panels(), ids=lambda c: c.__name__)
class TestEveryPanel:
    """The contract of a panel."""

    @pytest.fixture
    def session(self, panel, tmp_path):
        return session_of(panel, write_audit(tmp_path / "audit"), reviewer="ann")

    def test_takes_a_session_and_nothing_else(self, panel, session):
        assert list(inspect.signature(panel).parameters) == ["session"]
        assert "audit" in repr(panel(session))

    def test_lets_go_of_the_session_when_closed(self, panel, session):
        def count() -> int:
            return sum(
                len(handlers)
                for kinds in session._trait_notifiers.values()
                for handlers in kinds.values()
            )

        before = count()
        shown = panel(session)
        assert count() > before
        shown.close()
        assert count() == before

    def test_saved_notebooks_keep_something_to_see(self, panel, session):
        bundle = panel(session)._repr_mimebundle_()
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        assert Reader(bundle["text/html"]).text

    def test_any_name_is_only_text(self, panel, tmp_path):
        classes = [HOSTILE, "نمر", "\U0001f406" * 9, "x" * 300]
        folder = write_audit(tmp_path / "hostile", classes=classes)
        html = panel(session_of(panel, folder))._still()
        assert "script" not in Reader(html).tags and Reader(html).events == []


def line_of(panel: TrajectoriesPanel, sample_id: str):
    """Return the one line that is drawn of a sample."""
    (trace,) = [
        line for line in panel.figure.data[LINES] if line.text and sample_id in line.text[0]
    ]
    return trace


def test_trajectories_follow_the_selection(session):
    panel = TrajectoriesPanel(session)
    ids = list(session.scores.index[:3])
    session.select(ids)
    epochs = session.trace.n_epochs
    for id in ids:
        loss = session.trace.loss[:, session.trace.ids.get_loc(id)]
        np.testing.assert_allclose(line_of(panel, id).y[:epochs], loss, rtol=1e-6)
    panel._value.value = "margin"
    position = session.trace.ids.get_loc(ids[-1])
    margin = session.trace.margin[:, position]
    np.testing.assert_allclose(line_of(panel, ids[-1]).y[:epochs], margin, rtol=1e-6)


def test_lines_differ_in_more_than_colour(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit", n=80, n_wrong=20))
    panel = TrajectoriesPanel(session)
    session.select(session.scores.index[:12])
    lines = panel.figure.data[LINES]
    assert len(lines) == APART and all(line.showlegend for line in lines)
    assert len({line.marker.symbol for line in lines}) == APART
    assert len({(line.line.color, line.line.dash) for line in lines}) == APART
    current, *others = lines
    assert session.current in current.text[0] and "current" in current.name
    assert all(current.line.width > line.line.width for line in others)
    faint = panel.figure.data[FAINT]
    assert len(set(faint.text)) == 12 - APART
    session.select([])
    assert [bool(line.showlegend) for line in panel.figure.data[LINES]] == [True] + [False] * 7


def test_ranks_stand_at_the_ends_of_lines_and_not_on_each_other(session):
    panel = TrajectoriesPanel(session)
    session.select(session.scores.index[:4])
    ends = panel.figure.data[ENDS]
    assert sorted(ends.text) == ["#1", "#2", "#3", "#4"]
    lasts = [line.y[session.trace.n_epochs - 1] for line in panel.figure.data[LINES][:4]]
    assert np.argsort(ends.y).tolist() == np.argsort(lasts).tolist()
    assert np.diff(np.sort(ends.y)).min() > 0.1  # nats; the losses differ by less
    assert min(ends.x) > session.trace.n_epochs


def test_the_bands_are_those_of_the_crowd_and_of_both_classes(session):
    panel = TrajectoriesPanel(session)
    given, suggested = session.scores.loc[session.current, ["label", "suggested_label"]]
    medians = [panel.figure.data[place] for place in (2, 5, 8)]
    assert [line.name.split(":")[0] for line in medians] == [
        "crowd (not suspects)", f"{given} (given)", f"{suggested} (suggested)",
    ]  # fmt: skip
    crowd = session.scores.index[~session.scores["suspect"]]
    for label, line in zip((None, given, suggested), medians, strict=True):
        ids = crowd if label is None else [i for i in crowd if session.scores.label[i] == label]
        rows = session.trace.loss[:, session.trace.ids.get_indexer(ids)]
        np.testing.assert_allclose(line.y, np.median(rows, axis=1), rtol=1e-6)
    assert len({line.line.dash for line in medians[1:]}) == 2


def test_a_class_that_nobody_has_gets_no_bands(session, monkeypatch):
    scores = session.scores.copy()
    scores.loc[scores.index[0], "suggested_label"] = None
    monkeypatch.setattr(type(session), "scores", property(lambda _: scores))
    panel = TrajectoriesPanel(session)
    assert not len(panel.figure.data[8].y) and panel.figure.data[8].showlegend is False
    session.current = scores.index[1]
    assert len(panel.figure.data[8].y) and panel.figure.data[8].showlegend is None


def cyclic(folder):
    """Write an audit whose rate jumps once; samples 0 and 1 are learned, 1 forgotten most."""
    write_audit(folder, n_wrong=4, epochs=8)
    trace = Trace.open(folder / "trace", in_memory=True)
    loss, rate = np.array(trace.loss), np.array([9, 9, 9, 9, 9, 1, 9, 1]) / 1000
    loss[:, :4] = 3.0
    loss[5, :2] = 0.01
    loss[6, 0] = 0.5
    loss[6, 1] = 4.0
    replace(trace, loss=loss, lr=rate).save(folder / "trace", overwrite=True)
    return ReviewSession(folder)


def test_examples_are_the_suspects_that_are_learned_and_forgotten(tmp_path):
    session = cyclic(tmp_path / "audit")
    panel = TrajectoriesPanel(session)
    before = panel.figure.layout.title.text
    panel._show_examples.value = True
    assert panel._drawn.ids == tuple(session.trace.ids[[1, 0]])
    assert panel.figure.layout.title.text.startswith("Loss of 2 suspects that are memorised and")
    dotted = [shape for shape in panel.figure.layout.shapes if shape.line.dash == "dot"]
    assert [shape.x0 for shape in dotted] == [6.5]
    assert panel._list.options[1][1] == session.trace.ids[1]
    panel._list.value = session.trace.ids[0]
    assert session.current == session.trace.ids[0]
    panel._show_examples.value = False
    assert "examples" not in panel.figure.layout.title.text != before


def test_without_a_jump_there_are_no_examples(session):
    panel = TrajectoriesPanel(session)
    assert panel._show_examples.disabled and "No suspect" in panel._show_examples.tooltip


def test_a_line_shows_its_picture_and_a_click_makes_its_sample_the_current_one(session):
    panel = TrajectoriesPanel(session)
    ids = list(session.scores.index[:3])
    session.select(ids)
    number = next(k for k, line in enumerate(panel.figure.data[LINES]) if ids[0] in line.text[0])
    answer = asked(panel._plot, trace=10 + number, point=2)
    assert answer["lines"] == [f"#1 {pair_of(session, ids[0])}"]
    seen_as = session.trace.classes[session.trace.pred[2, session.trace.ids.get_loc(ids[0])]]
    assert answer["title"] == f"Epoch 3: predicted {seen_as}"
    click(panel._plot, 10 + number, 2)
    assert session.current == ids[0]
    click(panel._plot, ENDS, 1)  # the rank of another one, at the end of its line
    assert session.current in ids[1:]
    assert asked(panel._plot, trace=2, point=1)["lines"] == []  # the median of the crowd


def test_threshold_moves_by_slider(session):
    panel = ThresholdPanel(session)
    scores = session.scores["score"].to_numpy()
    middle = float(np.quantile(scores, 0.5))
    drop(panel._slider, middle)
    assert session.threshold == panel._slider.value == middle
    assert session.suspects.sum() == (scores >= middle).sum()
    assert panel._count.value.startswith(f"<b>{session.suspects.sum():,}</b> suspects, about ")


def test_the_precision_is_that_of_the_present_threshold(session):
    """At each change that anybody may see, and not only at the end."""
    panel = ThresholdPanel(session)
    values, p_wrong = (session.scores[name].to_numpy() for name in ("score", "p_wrong"))
    seen = []
    panel._count.observe(lambda change: seen.append((session.threshold, change["new"])), "value")
    for threshold in np.quantile(values, [0.1, 0.9, 0.3, 0.75]):
        session.threshold = float(threshold)
    assert [threshold for threshold, _ in seen] == list(np.quantile(values, [0.1, 0.9, 0.3, 0.75]))
    for threshold, text in seen:
        share = p_wrong[values >= threshold].mean()
        assert f"about {percent(share)} of them wrong" in text


def test_what_stands_on_either_side_follows_without_release(session):
    panel, before = ThresholdPanel(session), session.threshold
    scores = session.scores["score"].to_numpy()  # descending
    visible = session.visible
    answer = asked(panel._slider, kind="moving", x=float(scores[4]) - 1e-9)
    p_wrong = session.scores["p_wrong"]
    assert answer["lines"] == [
        f"{what}: #{rank} {pair_of(session, session.scores.index[rank - 1])}, "
        f"wrong: about {percent(p_wrong.iloc[rank - 1])}"
        for what, rank in (("last suspect", 5), ("first left out", 6))
    ]
    assert answer["pictures"] == session.page_thumbnails(session.columns.ids_at([4, 5]))
    assert answer["title"] == (
        f"5 suspects, about {percent(p_wrong.iloc[:5].mean())} of them wrong, by the estimate"
    )
    assert panel._count.value.startswith("<b>5</b> suspects, about ")
    assert session.threshold == before and session.visible is visible  # the grid does not flicker
    drop(panel._slider, float(scores[4]))
    assert session.suspects.sum() == 5 and panel._count.value.startswith("<b>5</b> suspects")


@pytest.mark.parametrize("end, sides", [(-99.0, ["last suspect"]), (99.0, ["first left out"])])
def test_beyond_all_scores_one_side_is_empty(session, end, sides):
    answer = asked(ThresholdPanel(session)._slider, kind="moving", x=end)
    assert [line.split(":")[0] for line in answer["lines"]] == sides


def test_a_slider_that_is_let_go_where_it_was_shows_the_counts_again(session):
    panel = ThresholdPanel(session)
    said = panel._count.value
    asked(panel._slider, kind="moving", x=-99.0)
    assert panel._count.value != said
    drop(panel._slider, session.threshold)
    assert panel._count.value == said
    histograms = HistogramsPanel(session)
    asked(histograms._cut, kind="moving", x=-99.0)
    drop(histograms._cut, session.threshold)
    assert histograms._threshold._count.value == said


def test_the_way_back_to_the_estimate_is_one_click(session):
    panel, found = ThresholdPanel(session), session.suspects
    before = session.threshold
    assert panel._back.disabled
    panel._column.value = "o2u_var"
    drop(panel._slider, float(session.scores["o2u_var"].median()))
    assert not panel._back.disabled
    panel._back.click()
    assert (session.threshold_column, session.threshold) == ("score", before)
    assert panel._back.disabled and (session.suspects == found).all()


def test_threshold_moves_by_line(session):
    panel = HistogramsPanel(session)
    scores = session.scores["score"].to_numpy()
    drop(panel._cut, float(scores[2]))
    assert session.threshold == scores[2] == panel._cut._cut and session.suspects.sum() == 3
    rest, suspects = panel._cut.data
    assert np.nansum(suspects.y) == 3 and np.nansum(rest.y) == len(scores) - 3
    answer = asked(panel._cut, kind="moving", x=float(scores[7]))
    assert answer["title"].startswith("8 suspects") and len(answer["pictures"]) == 2
    assert session.suspects.sum() == 3


def test_a_line_that_may_not_be_moved_goes_back(session):
    panel, before = HistogramsPanel(session), session.threshold
    assert drop(panel._cut, float("inf")) == [{"kind": "placed"}]
    assert session.threshold == before == panel._cut._cut
    assert "Expected a number" in panel._status.message


def drop(widget, x: float) -> list[dict]:
    """Let the line or the slider go at `x`, as the browser does; return what it was sent."""
    sent = []
    send, widget.send = widget.send, lambda message, buffers=None: sent.append(message)
    widget._handle_custom_msg({"kind": "dropped", "x": x}, [])
    widget.send = send
    return sent


def asked(widget, *, kind: str = "pictures", **question) -> dict:
    """Ask a widget as the browser does; return the one answer, with its pictures."""
    sent = []
    send, widget.send = widget.send, lambda *message, **more: sent.append((*message, more))
    widget._handle_custom_msg({"kind": kind, "view": "v", **question}, [])
    widget.send = send
    ((answer, more),) = sent
    assert (answer["kind"], answer["view"]) == ("preview", "v")
    return {**answer, "pictures": more["buffers"]}


def click(plot, trace: int, point: int) -> None:
    """Click on a point as the browser does."""
    points = Points(trace_index=trace, point_inds=[point])
    plot.data[trace]._dispatch_on_click(points, None)


def pair_of(session, sample_id: str) -> str:
    """Write the given and the suggested label of a sample."""
    return " → ".join(session.scores.loc[sample_id, ["label", "suggested_label"]])


def test_a_threshold_set_elsewhere_is_kept_exactly(session):
    panel = HistogramsPanel(session)
    session.threshold = 0.123456789
    assert session.threshold == 0.123456789
    assert panel._cut._cut == panel._threshold._slider.value == 0.123456789


def test_another_score_is_cut_at_as_many_suspects(session):
    panel, before = HistogramsPanel(session), session.suspects.sum()
    panel._threshold._column.value = "o2u_mean"
    means = np.sort(session.scores["o2u_mean"])[::-1]
    assert session.threshold_column == "o2u_mean" and session.suspects.sum() == before
    assert panel._cut._cut == means[before - 1]
    assert "mean loss" in panel._cut.layout.xaxis.title.text


def test_what_was_decided_measures_the_precision(session):
    panel = ThresholdPanel(session)
    session.drop(list(session.scores.index[:3]))
    session.keep([session.scores.index[3]])
    said = "75 % of the 4 decided were wrong (95 % interval 30 % to 95 %)"  # Wilson, 3 of 4
    assert said in panel._count.value


@pytest.mark.parametrize("high", [5e-324, 1 + 1e-15, 1e6 * (1 + 1e-15)])
def test_scores_that_hardly_differ_are_counted(high):
    low = high if high < 1 else high * (1 - 2e-16)
    values = np.array([low, high, high, np.nan])
    bins = Bins(values)
    assert len(bins.edges) == 61 and (np.diff(bins.edges) > 0).all()
    assert bins.counts(slice(None)).sum() == 3


@given(
    values=arrays(np.float64, 30, elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    part=arrays(bool, 30),
)
@example(values=np.array([0.0, *[5e-324] * 29]), part=np.ones(30, dtype=bool))
def test_bins_count_as_numpy_does(values, part):
    assume(np.isfinite(values).any())
    bins, seen = Bins(values), np.isfinite(values)
    expected, _ = np.histogram(values[seen & part], bins=bins.edges)
    assert bins.counts(part).tolist() == expected.tolist()


def test_histograms_follow_the_class(session):
    panel = HistogramsPanel(session)
    session.label_filter = "leopard"
    rest, suspects = panel._moments["o2u_mean"].data
    of_class = session.scores[session.scores["label"] == "leopard"]
    assert np.nansum(suspects.y) == of_class["suspect"].sum() > 0
    assert np.nansum(rest.y) == (~of_class["suspect"]).sum()


class Points:
    """What plotly tells of a click."""

    def __init__(self, xs=(), ys=(), trace_index=0, point_inds=()):
        self.xs, self.ys = list(xs), list(ys)
        self.trace_index, self.point_inds = trace_index, list(point_inds)


def around(session, count: int) -> BoxSelector:
    """Draw a box around the `count` samples with the highest mean."""
    means = np.sort(session.scores["o2u_mean"])[::-1]
    return BoxSelector(xrange=(float(means[count - 1]), 99.0), yrange=(-99.0, 99.0))


def test_a_box_fills_the_grid_and_clearing_empties_it(session):
    panel, before = ScatterPanel(session), session.visible.tolist()
    panel._on_area(around(session, 12))
    top = session.scores["o2u_mean"].nlargest(12).index
    assert {session.scores.index[p] for p in session.visible} == set(top)
    suspects = session.scores["suspect"].loc[top].sum()
    assert panel._status.message == f"12 samples picked, {suspects} of them suspects."
    marked = [trace.selectedpoints for trace in panel.figure.data]
    assert sum(map(len, marked)) == 12
    session.position_filter = None  # as the grid does
    assert session.only_suspects and session.visible.tolist() == before
    assert [trace.selectedpoints for trace in panel.figure.data] == [None, None]


def test_clearing_brings_back_all_samples_where_all_were_shown(session):
    panel = ScatterPanel(session)
    session.only_suspects = False
    panel._on_area(around(session, 5))
    panel._on_area(around(session, 7))
    panel._on_clear()
    assert not session.only_suspects and len(session.visible) == len(session.scores)


def test_an_area_without_samples_changes_nothing(session):
    panel, before = ScatterPanel(session), session.visible.tolist()
    for area in (BoxSelector((90, 91), (90, 91)), BoxSelector(), LassoSelector()):
        panel._on_area(area)
        assert session.position_filter is None and session.visible.tolist() == before
    assert panel._status.message == "No sample lies in that area."


def test_an_area_holds_samples_that_were_too_many_to_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(thinned, "__defaults__", (10,))
    session = ReviewSession(write_audit(tmp_path / "many", n=200, n_wrong=30))
    panel = ScatterPanel(session)
    assert sum(len(trace.x) for trace in panel.figure.data) == 10
    assert "10 of 200 samples shown" in panel.figure.layout.title.text
    panel._on_area(around(session, 50))
    assert len(session.visible) == 50


def test_a_lasso_may_be_hollow():
    ring = LassoSelector(
        xs=[0, 9, 9, 0, 0, 3, 3, 6, 6, 3], ys=[0, 0, 9, 9, 0, 3, 6, 6, 3, 3]
    )  # a square, then the square inside it
    x, y = np.array([1.0, 4.5, 8, 10]), np.array([1.0, 4.5, 2, 4])
    assert inside(ring, x, y).tolist() == [True, False, True, False]


def test_a_point_shows_its_picture_and_a_click_makes_its_sample_the_current_one(session):
    panel = ScatterPanel(session)
    third = session.scores.index[2]
    answer = asked(panel._plot, trace=1, point=2)  # suspects are drawn in the order of their rank
    assert answer["lines"] == [f"#3 {pair_of(session, third)}"] and answer["title"] == ""
    assert answer["pictures"] == [session.thumbnail(third)]
    click(panel._plot, 1, 2)
    assert session.current == third and session.position_filter is None
    before = session.visible.tolist()
    click(panel._plot, 0, 5)  # not a suspect, and hidden
    assert session.visible.tolist() == [8 + 5] and "was hidden" in panel._status.message
    panel._on_clear()
    assert session.visible.tolist() == before


def test_a_bar_shows_some_of_its_pictures_and_a_click_shows_its_samples(session):
    panel = HistogramsPanel(session)
    before = session.visible.tolist()
    values = session.columns.values("o2u_mean")
    plot, edges = panel._moments["o2u_mean"], panel._bins("o2u_mean").edges
    bar = int(np.nanargmax(plot.data[0].y))
    held = (edges[bar] <= values) & (values < edges[bar + 1]) & ~session.suspects
    assert held.sum() > 6
    answer = asked(plot, trace=0, point=bar)
    assert answer["title"] == f"6 of {held.sum()}" and len(answer["pictures"]) == 6
    first = session.columns.ids_at(np.flatnonzero(held))[0]
    assert answer["lines"][0].endswith(pair_of(session, first))
    click(plot, 0, bar)
    assert sorted(session.visible) == np.flatnonzero(held).tolist()
    assert panel._scatter._status.message == f"{held.sum()} samples picked, 0 of them suspects."
    click(plot, 0, bar)
    assert session.visible.tolist() == before and session.only_suspects


def test_bars_are_in_a_list_for_the_keyboard(session):
    panel = HistogramsPanel(session)
    edges = panel._bins("score").edges
    bar = int(np.nanargmax(panel._cut.data[1].y))
    count = int(panel._cut.data[1].y[bar])
    words = f"{edges[bar]:.3g} and {edges[bar + 1]:.3g}: {count} of suspects"
    assert (words, (1, bar)) in panel._list.options
    panel._list.value = (1, bar)
    assert len(session.visible) == count and session.suspects[session.visible].all()
    assert panel._list.value == (1, bar) and panel._list.label == words
    around_all = around(session, 12)
    panel._scatter._on_area(around_all)
    assert panel._list.label == "all" and len(session.visible) == 12
    panel._list.value = (1, bar)
    panel._list.value = ()
    assert session.position_filter is None and session.only_suspects


def test_a_cell_shows_pictures_of_its_pair(session):
    panel = ConfusionPanel(session)
    given, suggested = pair = tuple(session.pairs().iloc[0][["given", "suggested"]])
    cell = [panel._names.index(given), panel._names.index(suggested)]
    answer = asked(panel._plot, trace=0, point=cell)
    assert len(answer["lines"]) == session.pairs().iloc[0]["count"]
    assert all(line.endswith(" → ".join(pair)) for line in answer["lines"])


def test_each_question_is_answered_also_when_it_fails(session, monkeypatch):
    panel = ScatterPanel(session)

    def gone(*_):
        raise O2UError("The audit is gone.")

    monkeypatch.setattr(session, "page_thumbnails", gone)
    answer = asked(panel._plot, trace=1, point=0)
    assert (answer["title"], answer["lines"]) == ("The audit is gone.", [])
    sent = []
    panel._plot.send = lambda answer, buffers=None: sent.append(answer)
    with pytest.raises(IndexError):  # not foreseen: it is in the log, and the browser goes on
        panel._plot._answer(None, {"kind": "pictures", "trace": 7, "point": 0}, [])
    assert [answer["kind"] for answer in sent] == ["preview"]


def looks(panel: Panel) -> list:
    """Return all that a panel and the widgets in it show, as plain values."""
    seen = []
    for widget in [*all_inside(panel), panel]:
        if isinstance(widget, FigureWidget):
            figure = json.loads(go.Figure(widget).to_json())
            figure["layout"].pop("template", None)
            seen.append((figure["data"], figure["layout"], getattr(widget, "_cut", None)))
        elif not isinstance(widget, StatusLine):
            names = ("value", "options", "disabled", "children", "chosen", "names", "length")
            state = {name: getattr(widget, name) for name in names if widget.has_trait(name)}
            state.pop("children", None)
            seen.append(state)
    return seen


STEPS = {
    "threshold": lambda s: setattr(s, "threshold", float(s.scores["score"].iloc[3])),
    "lower threshold": lambda s: setattr(s, "threshold", float(s.scores["score"].iloc[20])),
    "column": lambda s: setattr(s, "threshold_column", "o2u_var"),
    "keep": lambda s: s.keep(),
    "drop": lambda s: s.drop([s.scores.index[0]]),
    "new class": lambda s: s.relabel("lynx", [s.scores.index[1]], new_class=True),
    "class": lambda s: setattr(s, "label_filter", "lynx"),
    "undo": lambda s: s.undo(),
    "other class": lambda s: setattr(s, "label_filter", "tiger"),
    "all classes": lambda s: setattr(s, "label_filter", None),
    "pair": lambda s: setattr(s, "pair_filter", tuple(s.pairs().iloc[0][["given", "suggested"]])),
    "all pairs": lambda s: setattr(s, "pair_filter", None),
    "picked": lambda s: setattr(s, "position_filter", np.array([1, 3, 5])),
    "nothing": lambda s: setattr(s, "text_filter", "no such name"),
    "all": lambda s: setattr(s, "text_filter", ""),
    "all positions": lambda s: setattr(s, "position_filter", None),
    "step": lambda s: s.step(2),
    "select": lambda s: s.select(s.columns.ids_at(s.visible[:3])),
    "no suspects": lambda s: setattr(s, "threshold", 99.0),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "panel",
    [ConfusionPanel, HistogramsPanel, PlayerPanel, ScatterPanel, ThresholdPanel, TrajectoriesPanel],
)
def test_a_panel_that_follows_shows_what_a_new_one_shows(panel, session):
    """No panel draws one trait of the session beside an older value of another one."""
    following = panel(session)
    for name, step in STEPS.items():
        step(session)
        assert looks(following) == looks(panel(session)), name


def test_confusion_filters_by_pair(session):
    panel = ConfusionPanel(session)
    first = session.pairs().iloc[0]
    x, y = panel._names.index(first["suggested"]), panel._names.index(first["given"])
    panel._on_click(None, Points(xs=[x], ys=[y]), None)
    assert session.pair_filter == (first["given"], first["suggested"])
    assert panel._list.value == session.pair_filter
    assert len(session.visible) == first["count"]
    panel._on_click(None, Points(xs=[x], ys=[y]), None)
    assert session.pair_filter is None and panel._list.label == "All pairs"


def test_the_chosen_pair_is_framed_and_outlives_a_threshold(session):
    panel = ConfusionPanel(session)
    given, suggested = pair = tuple(session.pairs().iloc[1][["given", "suggested"]])
    panel._list.value = pair
    assert session.pair_filter == pair
    (frame,) = panel._plot.layout.shapes
    middle = (frame.x0 + frame.x1) / 2, (frame.y0 + frame.y1) / 2
    assert middle == (panel._names.index(suggested), panel._names.index(given))
    session.threshold = float(session.scores["score"].max()) + 1  # no suspects at all
    assert session.pair_filter == panel._list.value == pair
    assert panel._list.label.endswith(": 0") and panel._plot.layout.shapes == ()
    panel._list.value = ()
    assert session.pair_filter is None


def test_why_card_explains_and_decides(session):
    card = WhyCard(session)
    first = session.current
    assert why.card(session, first)["reason"].split(";")[0].split('"')[1] in card._html.value
    assert len(Reader(card._html.value).images) == 1
    card._buttons["Drop"].click()
    assert session.decisions.current(first).action == "drop"
    assert session.current != first
    session.select([first])
    assert "dropped" in card._html.value and "ann" in card._html.value
    card._buttons["Undo"].click()
    assert session.decisions.current(first) is None and card._buttons["Undo"].disabled
    card._buttons["Redo"].click()
    assert session.decisions.current(first).action == "drop" and card._buttons["Redo"].disabled


def enter(card: WhyCard, name: str) -> list[dict]:
    """Enter a name into the card's line, as the browser does; return what the line was sent."""
    sent = []
    card._other.send = sent.append
    card._other._handle_custom_msg({"kind": "entered", "name": name}, [])
    return sent


def test_why_card_accepts_the_suggestion_or_another_class(session):
    card, (first, second) = WhyCard(session), session.columns.ids_at(session.visible[:2])
    suggested = why.card(session, first)["suggested"]
    card._buttons["Accept"].click()
    assert session.decisions.current(first).new_label == suggested
    assert session.current == second
    session.current = first
    assert f"Decided by ann: <b>changed to {suggested}</b>" in card._html.value
    session.current = second
    other = next(c for c in session.classes if c != why.card(session, second)["label"])
    assert enter(card, other) == [{"kind": "clear"}]
    assert session.decisions.current(second).new_label == other


def test_why_card_asks_before_it_makes_a_class(session):
    card, (first, second, third) = WhyCard(session), session.columns.ids_at(session.visible[:3])
    asked = card._question
    assert not asked.is_open
    assert enter(card, " lynx ") == []
    assert asked.is_open and asked._said.message == "“lynx” is not a class yet."
    assert asked._make.description == "Make a new class “lynx”"
    assert asked._use.layout.display == "none"
    assert session.decisions.current(first) is None and session.current == first
    asked._make.click()
    assert session.decisions.current(first).new_label == "lynx" and session.current == second
    assert not asked.is_open and "lynx" in card._other.names == session.classes
    enter(card, "lynx")  # a class from then on
    assert session.decisions.current(second).new_label == "lynx" and session.current == third


def test_why_card_asks_about_a_slip_of_the_keyboard(session):
    card, first = WhyCard(session), session.current
    asked = card._question
    for answer, meant in ((asked._use, "tiger"), (asked._make, "Tigre")):
        enter(card, "Tigre")
        assert asked._said.message == "“Tigre” is not a class yet, but close to “tiger”."
        assert asked._use.description == "Use “tiger”" and asked._use.layout.display is None
        assert session.counts["undecided"] == len(session.scores)
        answer.click()
        assert not asked.is_open and asked._said.message == ""
        label = session.scores.loc[first, "label"]
        assert session.decisions.current(first).new_label == (meant if meant != label else None)
        session.undo()
        session.current = first
    enter(card, "Tigre")
    enter(card, "lynx")  # entered in place of it
    assert asked._use.layout.display == "none"


def test_why_card_takes_its_question_back_when_another_sample_is_shown(session):
    card, (first, second) = WhyCard(session), session.columns.ids_at(session.visible[:2])
    enter(card, "lynx")
    session.current = second
    assert not card._question.is_open
    enter(card, "lynx")
    session.keep([first])
    assert not card._question.is_open and session.made_classes == ()


def test_why_card_asks_nothing_about_no_name(session):
    card = WhyCard(session)
    for name in ("", "  "):
        enter(card, name)
        assert not card._question.is_open
    assert session.revision == 0


def test_why_card_says_why_a_class_was_not_made(session, monkeypatch):
    def full(*_, **__):
        raise DecisionsError("No space left: the decision is not recorded.")

    card = WhyCard(session)
    monkeypatch.setattr(session.decisions, "record", full)
    enter(card, "lynx")
    card._question._make.click()
    assert "No space left" in card._status.message
    assert card._question.is_open and session.made_classes == ()


def test_names_are_never_too_long_for_the_question(session):
    card = WhyCard(session)
    enter(card, "lynx" * 100)
    assert len(card._question._make.description) < 60
    card._question._make.click()
    assert session.made_classes == ("lynx" * 100,)


def drawn(panel: ScatterPanel) -> int:
    """Count the points of a scatter panel."""
    return sum(len(trace.x) for trace in panel._plot.data)


def counted(panel: HistogramsPanel) -> float:
    """Count the samples in all bins of the upper histogram; what is empty is NaN there."""
    return sum(np.nansum(trace.y) for trace in panel._cut.data)


def test_all_panels_show_an_audit_with_a_class_that_was_made(session):
    dashboard = Dashboard(session)
    first, second = session.columns.ids_at(session.visible[:2])
    session.relabel("lynx", [first, second], new_class=True)
    session.label_filter = "lynx"
    assert dashboard._grid.length == 2
    scatter, histograms = ScatterPanel(session), HistogramsPanel(session)
    assert drawn(scatter) == 2 == counted(histograms)
    session.undo()
    assert drawn(scatter) == 0 == counted(histograms)
    session.redo()
    assert drawn(scatter) == 2 == counted(histograms)
    assert ConfusionPanel(session)._names == ["cheetah", "jaguar", "leopard", "tiger"]
    checking = CheckSession(session.audit, reviewer="ann")
    kinds = {ReviewSession: session, CheckSession: checking}
    shown = [panel(kinds[kind_of(panel)])._still() for panel in panels()]
    assert len(shown) == len(panels()) and all(shown)
    session.current = first
    assert "changed to lynx" in WhyCard(session)._still()


def test_why_card_offers_classes_made_in_review(session):
    card = WhyCard(session)
    assert "serval" not in card._other.names
    first, second = session.columns.ids_at(session.visible[:2])
    session.relabel("serval", [first], new_class=True)
    assert card._other.names == session.classes
    session.current = second
    enter(card, "serval")
    assert session.decisions.current(second).new_label == "serval"
    session.undo()
    session.undo()
    assert "serval" not in card._other.names


def test_panels_show_a_class_made_in_review(session):
    panel = HistogramsPanel(session)
    ids = session.columns.ids_at(session.visible[:3])
    session.relabel("serval", ids, new_class=True)
    session.label_filter = "serval"
    rest, suspects = panel._cut.data
    assert np.nansum(suspects.y) == 3 and not np.nansum(rest.y)
    drawn = panel._scatter.figure.data
    assert [len(trace.x) for trace in drawn] == [0, 3]
    assert sorted(drawn[1].x) == sorted(session.scores["o2u_mean"].loc[ids])
    session.relabel("jaguar", ids[:1])
    assert np.nansum(panel._cut.data[1].y) == 2 == len(panel._scatter.figure.data[1].x)


def test_why_card_shows_the_note_of_a_decision(session):
    card, first = WhyCard(session), session.current
    session.drop([first], note=f"blurred {HOSTILE}")
    html = Reader(card._html.value)
    assert "Note: blurred" in " ".join(html.text) and "script" not in html.tags


def test_why_card_decides_what_it_shows(session):
    card = WhyCard(session)
    first, second, third = session.columns.ids_at(session.visible[:3])
    session.select([first, second])
    assert "decide all 2 selected samples" in card._html.value
    session.current = third  # the two stay selected, out of sight of the card
    assert "selected samples" not in card._html.value
    card._buttons["Unsure"].click()
    assert [event.sample_id for event in session.decisions.events] == [third]
    session.select([first, second])
    card._buttons["Keep"].click()
    assert session.counts["keep"] == 2


def test_why_card_says_when_nothing_is_in_view(session):
    card = WhyCard(session)
    session.text_filter = "no such name"
    assert "No sample is in view" in card._html.value
    assert all(button.disabled for button in card._buttons.values()) and card._other.disabled


def test_why_card_shows_look_alikes_where_there_are_any(session, monkeypatch):
    known = why.card(session, session.current)
    nothing = WhyCard(session)._html.value
    assert "no embeddings" in nothing and "Audit again" in nothing
    about = dict(label=HOSTILE, similarity=0.9, decision=None, same_label=False)
    near = [dict(about, sample_id=id) for id in session.scores.index[:3]]
    told = known | dict(neighbours=near, vote=f"3 are labelled {HOSTILE}.")
    monkeypatch.setattr(why_panel, "card", lambda *_: told)
    html = Reader(WhyCard(session)._html.value)
    assert len(html.images) == 4 and "script" not in html.tags and not html.events


def test_a_decision_that_cannot_be_written_is_said_not_claimed(session, monkeypatch):
    card = WhyCard(session)

    def full(*_, **__):
        raise DecisionsError("No space left: the decision is not recorded.")

    monkeypatch.setattr(session.decisions, "record", full)
    card._buttons["Keep"].click()
    assert "No space left" in card._status.message
    assert session.counts["keep"] == 0


def test_panels_stay_in_step(session):
    dashboard = Dashboard(session)
    session.pair_filter = tuple(session.pairs().iloc[0][["given", "suggested"]])
    assert dashboard._grid.length == len(session.visible)
    session.keep([session.current])
    assert dashboard._grid.counts["keep"] == 1


def test_audit_shows_its_panel(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "audit"))
    assert isinstance(audit.panel(reviewer="bob"), Dashboard)


@pytest.mark.slow
def test_panels_need_no_training_code(tmp_path):
    write_audit(tmp_path / "audit")
    script = (
        "import sys; from o2u_nb import Audit; Audit.open(sys.argv[1]).panel();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'fastai', 'o2u_nb.training')))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "audit")]
    assert subprocess.run(command, check=False).returncode == 0
