"""Panels over one session: they draw it, command it, stay in step, and let go of it."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
import traitlets
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ipywidgets import VBox, Widget
from plotly.callbacks import BoxSelector, LassoSelector

import o2u_nb.widgets
from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError
from o2u_nb.plots.scores import thinned
from o2u_nb.review import why
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets import why as why_panel
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.histograms import Bins, HistogramsPanel
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.scatter import ScatterPanel, inside
from o2u_nb.widgets.threshold import ThresholdPanel
from o2u_nb.widgets.trajectories import TrajectoriesPanel
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
        "ConfusionPanel", "Dashboard", "HistogramsPanel", "ScatterPanel", "ThresholdPanel",
        "TrajectoriesPanel", "WhyCard",
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


@pytest.mark.parametrize("panel", panels(), ids=lambda c: c.__name__)
class TestEveryPanel:
    """The contract of a panel."""

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
        html = panel(ReviewSession(folder))._still()
        assert "script" not in Reader(html).tags and Reader(html).events == []


def test_trajectories_follow_the_selection(session):
    panel = TrajectoriesPanel(session)
    ids = list(session.scores.index[:3])
    session.select(ids)
    suspects, clean, current = panel.figure.data[6:9]
    drawn = [*suspects.text, *clean.text, *current.text]
    assert all(any(id in text for text in drawn) for id in ids)
    epochs = session.trace.n_epochs
    position = session.trace.ids.get_loc(ids[-1])
    np.testing.assert_allclose(current.y[:epochs], session.trace.loss[:, position], rtol=1e-6)
    panel._value.value = "margin"
    np.testing.assert_allclose(
        panel.figure.data[8].y[:epochs], session.trace.margin[:, position], rtol=1e-6
    )


def test_threshold_moves_by_slider(session):
    panel = ThresholdPanel(session)
    scores = session.scores["score"].to_numpy()
    panel._slider.value = float(np.quantile(scores, 0.5))
    assert session.suspects.sum() == (scores >= panel._slider.value).sum()
    assert panel._count.value.startswith(f"<b>{session.suspects.sum():,}</b> suspects, about ")


def test_threshold_moves_by_line(session):
    panel = HistogramsPanel(session)
    scores = session.scores["score"].to_numpy()
    drag(panel, x0=float(scores[2]), x1=float(scores[2]))
    assert session.threshold == scores[2] and session.suspects.sum() == 3
    rest, suspects = panel._cut.data
    assert np.nansum(suspects.y) == 3 and np.nansum(rest.y) == len(scores) - 3


def test_the_line_can_be_dragged_without_a_click_first(session):
    panel = HistogramsPanel(session)
    assert panel._cut._config["edits"] == {"shapePosition": True}
    assert all("edits" not in plot._config for plot in panel._moments.values())


@pytest.mark.parametrize("end", ["x0", "x1"])
def test_a_line_that_is_tilted_stands_upright_again(session, end):
    panel, score = HistogramsPanel(session), float(session.scores["score"].iloc[4])
    drag(panel, y0=0.3, y1=1.3, **{end: score})
    line = panel._cut.layout.shapes[0]
    assert (line.x0, line.x1, line.y0, line.y1) == (score, score, 0, 1)
    assert session.threshold == score


def drag(panel, **moved):
    """Move the line as the browser does."""
    panel._cut.plotly_relayout({f"shapes[0].{name}": value for name, value in moved.items()})


def test_a_threshold_set_elsewhere_is_kept_exactly(session):
    panel = HistogramsPanel(session)
    session.threshold = 0.123456789
    assert session.threshold == 0.123456789
    assert panel._cut.layout.shapes[0].x0 == 0.123456789
    slider = panel._threshold._slider
    assert slider.value == 0.123456789
    slider.value += 0.4 * slider.step  # as the browser does, which knows whole steps only
    assert session.threshold == 0.123456789
    slider.value += slider.step
    assert session.threshold == slider.value


def test_another_score_is_cut_at_as_many_suspects(session):
    panel, before = HistogramsPanel(session), session.suspects.sum()
    panel._threshold._column.value = "o2u_mean"
    means = np.sort(session.scores["o2u_mean"])[::-1]
    assert session.threshold_column == "o2u_mean" and session.suspects.sum() == before
    assert panel._cut.layout.shapes[0].x0 == means[before - 1]
    assert "mean loss" in panel._cut.layout.xaxis.title.text


def test_what_was_decided_measures_the_precision(session):
    panel = ThresholdPanel(session)
    session.drop(list(session.scores.index[:3]))
    session.keep([session.scores.index[3]])
    assert "75 % of the 4 decided (30 % to 95 %)" in panel._count.value  # Wilson, 3 of 4


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

    def __init__(self, xs=(), ys=()):
        self.xs, self.ys = list(xs), list(ys)


def around(session, count: int) -> BoxSelector:
    """Draw a box around the `count` samples with the highest mean."""
    means = np.sort(session.scores["o2u_mean"])[::-1]
    return BoxSelector(xrange=(float(means[count - 1]), 99.0), yrange=(-99.0, 99.0))


def test_a_box_fills_the_grid_and_clearing_empties_it(session):
    panel, before = ScatterPanel(session), session.visible.tolist()
    panel._on_area(None, None, around(session, 12))
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
    panel._on_area(None, None, around(session, 5))
    panel._on_area(None, None, around(session, 7))
    panel._on_clear()
    assert not session.only_suspects and len(session.visible) == len(session.scores)


def test_an_area_without_samples_changes_nothing(session):
    panel, before = ScatterPanel(session), session.visible.tolist()
    for area in (BoxSelector((90, 91), (90, 91)), BoxSelector(), LassoSelector(), None):
        panel._on_area(None, None, area)
        assert session.position_filter is None and session.visible.tolist() == before
    assert panel._status.message == "No sample lies in that area."


def test_an_area_holds_samples_that_were_too_many_to_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(thinned, "__defaults__", (10,))
    session = ReviewSession(write_audit(tmp_path / "many", n=200, n_wrong=30))
    panel = ScatterPanel(session)
    assert sum(len(trace.x) for trace in panel.figure.data) == 10
    assert "10 of 200 samples shown" in panel.figure.layout.title.text
    panel._on_area(None, None, around(session, 50))
    assert len(session.visible) == 50


def test_a_lasso_may_be_hollow():
    ring = LassoSelector(
        xs=[0, 9, 9, 0, 0, 3, 3, 6, 6, 3], ys=[0, 0, 9, 9, 0, 3, 6, 6, 3, 3]
    )  # a square, then the square inside it
    x, y = np.array([1.0, 4.5, 8, 10]), np.array([1.0, 4.5, 2, 4])
    assert inside(ring, x, y).tolist() == [True, False, True, False]


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
    assert asked.is_open and asked._said.message == "“lynx” is no class yet."
    assert asked._make.description == "Make the class “lynx”"
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
        assert asked._said.message == "“Tigre” is no class yet, and close to “tiger”."
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
    shown = [panel(session)._still() for panel in panels()]
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
