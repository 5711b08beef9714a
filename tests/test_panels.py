"""Panels over one session: they draw it, command it, stay in step, and let go of it."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from ipywidgets import DOMWidget, VBox

import o2u_nb.widgets
from o2u_nb.audit import Audit
from o2u_nb.errors import DecisionsError
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.histograms import HistogramsPanel
from o2u_nb.widgets.panel import Panel
from o2u_nb.widgets.trajectories import TrajectoriesPanel
from o2u_nb.widgets.why import WhyCard
from tests.audits import write_audit
from tests.test_gallery import Reader

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def panels() -> list[type[Panel]]:
    """Discover every panel class, so that a new one is covered the day it is written."""
    modules = [
        importlib.import_module(f"o2u_nb.widgets.{module.name}")
        for module in pkgutil.iter_modules(o2u_nb.widgets.__path__)
    ]
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass)}
    return sorted(
        (c for c in found if issubclass(c, Panel) and c is not Panel), key=lambda c: c.__name__
    )


@pytest.fixture
def session(tmp_path):
    return ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")


def test_all_panels_are_known():
    assert {c.__name__ for c in panels()} == {
        "ConfusionPanel", "Dashboard", "HistogramsPanel", "TrajectoriesPanel", "WhyCard",
    }  # fmt: skip


@pytest.mark.parametrize("panel", panels(), ids=lambda c: c.__name__)
class TestEveryPanel:
    """The contract of a panel."""

    def test_takes_a_session_and_nothing_else(self, panel, session):
        assert list(inspect.signature(panel).parameters) == ["session"]
        assert "audit" in repr(panel(session))

    def test_shadows_no_trait_of_widgets(self, panel):
        assert not set(panel.class_own_traits()) & (
            set(DOMWidget.class_traits()) | set(VBox.class_traits())
        )

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


def test_threshold_moves_by_slider_and_by_line(session):
    panel = HistogramsPanel(session)
    scores = session.scores["score"].to_numpy()
    panel._slider.value = float(np.quantile(scores, 0.5))
    assert session.suspects.sum() == (scores >= panel._slider.value).sum()
    line = dict(panel._cut.layout.shapes[0].to_plotly_json())
    line["x0"] = line["x1"] = float(scores[2])
    panel._cut.layout.shapes = [line]
    assert session.threshold == scores[2] and session.suspects.sum() == 3
    assert panel._count.value.startswith("3 suspects, about ")
    rest, suspects = panel._cut.data
    assert np.nansum(suspects.y) == 3 and np.nansum(rest.y) == len(scores) - 3


def test_a_threshold_set_elsewhere_is_kept_exactly(session):
    panel = HistogramsPanel(session)
    session.threshold = 0.123456789
    assert session.threshold == 0.123456789
    assert panel._cut.layout.shapes[0].x0 == 0.123456789


def test_histograms_follow_the_class(session):
    panel = HistogramsPanel(session)
    session.label_filter = "leopard"
    rest, suspects = panel._moments["o2u_mean"].data
    total = np.nansum(np.r_[rest.y, suspects.y])
    assert total == (session.scores["label"] == "leopard").sum()


class Points:
    """What plotly tells of a selection or a click."""

    def __init__(self, point_inds=(), xs=(), ys=()):
        self.point_inds, self.xs, self.ys = list(point_inds), list(xs), list(ys)


def test_lasso_fills_the_grid_and_clearing_empties_it(session):
    panel = HistogramsPanel(session)
    rest, suspects = panel._scatter.data
    panel._on_pick(rest, Points([0, 1]), None)
    panel._on_pick(suspects, Points([0]), None)
    ids = {rest.ids[0], rest.ids[1], suspects.ids[0]}
    assert {session.scores.index[p] for p in session.visible} == ids
    assert not panel._clear.disabled
    panel._clear.click()
    assert session.id_filter is None and session.only_suspects and panel._clear.disabled


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


def test_why_card_explains_and_decides(session):
    card = WhyCard(session)
    first = session.current
    assert session.sample(first)["reason"].split(";")[0].split('"')[1] in card._html.value
    assert len(Reader(card._html.value).images) == 1
    card._buttons["Drop"].click()
    assert session.decisions.current(first).action == "drop"
    assert session.current != first
    session.select([first])
    assert "dropped" in card._html.value and "ann" in card._html.value
    card._buttons["Undo"].click()
    assert session.decisions.current(first) is None


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


def test_panels_need_no_training_code(tmp_path):
    write_audit(tmp_path / "audit")
    script = (
        "import sys; from o2u_nb import Audit; Audit.open(sys.argv[1]).panel();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'fastai', 'o2u_nb.training')))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "audit")]
    assert subprocess.run(command, check=False).returncode == 0
