"""Tests for panels in tabs: made when first opened, and drawn only while open."""

import numpy as np
import pytest
from ipywidgets import VBox

from o2u_nb import Audit
from o2u_nb.errors import TraceError
from o2u_nb.review.concealed import LABELS
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.bare import Bare
from o2u_nb.widgets.dashboard import TABS, Dashboard
from o2u_nb.widgets.histograms import HistogramsPanel
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.status import StatusLine
from o2u_nb.widgets.parts.tabs import PanelTabs
from tests.audits import write_audit


@pytest.fixture
def session(tmp_path):
    return ReviewSession(Audit.open(write_audit(tmp_path / "audit")), reviewer="ann")


class Echo(Panel):
    """Write down each threshold that is drawn, and have the same panel inside."""

    def __init__(self, session, inner: Panel | None = None):
        self.said: list[float] = []
        super().__init__(session, [VBox([inner] if inner else [])])
        self._follow(self._draw, "threshold")
        self._draw()

    def _wanted(self) -> float:
        return self.session.threshold

    def _redraw(self, wanted: float) -> None:
        self.said.append(wanted)


def test_a_panel_is_made_when_its_tab_is_first_opened_and_only_once(session):
    made = []

    def maker(name):
        return lambda given: made.append((name, given)) or Echo(given)

    tabs = PanelTabs(session, {name: maker(name) for name in ("first", "second", "third")})
    assert made == [("first", session)] and tabs.titles == ("first", "second", "third")
    first = tabs.opened
    tabs.selected_index = 2
    assert made == [("first", session), ("third", session)]
    tabs.selected_index = 0
    assert tabs.opened is first and len(made) == 2
    assert [len(place.children) for place in tabs.children] == [1, 0, 1]


def test_a_hidden_panel_is_not_drawn_and_catches_up_once_when_its_tab_is_opened(session):
    inner = Echo(session)
    tabs = PanelTabs(session, {"outer": lambda given: Echo(given, inner), "other": Echo})
    outer = tabs.opened
    start = session.threshold
    session.threshold = start + 1
    assert outer.said == inner.said == [start, start + 1]
    tabs.selected_index = 1
    session.threshold = start + 2
    session.threshold = start + 3
    assert outer.said == inner.said == [start, start + 1]
    assert tabs.opened.said == [start + 1, start + 2, start + 3]
    tabs.selected_index = 0
    assert outer.said == inner.said == [start, start + 1, start + 3]
    session.threshold = start
    assert outer.said[-1] == inner.said[-1] == start
    tabs.selected_index = None
    assert tabs.opened is None
    session.threshold = start + 4
    assert outer.said[-1] == inner.said[-1] == start


def test_a_hidden_panel_follows_while_labels_are_hidden(session):
    """Else its tab would show for a moment, when it is opened, what must not be seen."""
    tabs = PanelTabs(session, {"first": Echo, "other": Echo})
    first = tabs.opened
    tabs.selected_index = 1
    session.threshold += 1
    assert len(first.said) == 1
    session.concealed = LABELS
    session.threshold += 1
    assert first.said[1:] == [session.threshold]


def test_a_panel_that_cannot_be_made_says_why_and_is_tried_again(session):
    is_there = False

    def broken(given):
        if not is_there:
            raise TraceError("The trace is not there: copy it back.")
        return Echo(given)

    tabs = PanelTabs(session, {"good": Echo, "broken": broken})
    tabs.selected_index = 1
    (line,) = tabs.children[1].children
    assert isinstance(line, StatusLine) and line.message == "The trace is not there: copy it back."
    assert tabs.opened is None
    tabs.selected_index = 0
    session.threshold += 1
    assert tabs.opened.said[-1] == session.threshold
    is_there = True
    tabs.selected_index = 1
    assert isinstance(tabs.opened, Echo) and tabs.children[1].children == (tabs.opened,)


def test_a_front_end_that_shows_no_later_widgets_gets_all_panels_at_once(session):
    dashboard = Dashboard(session)
    Bare(dashboard)
    panels = [place.children[0] for place in dashboard.tabs.children]
    assert len(panels) == len(TABS) and all(isinstance(panel, Panel) for panel in panels)
    assert [panel._rests for panel in panels] == [False, *[True] * (len(TABS) - 1)]
    dashboard.tabs.selected_index = 2
    assert dashboard.tabs.opened is panels[2]
    assert [panel._rests for panel in panels].index(False) == 2


def test_every_tab_of_the_dashboard_opens_and_is_up_to_date(session):
    dashboard = Dashboard(session)
    for number, name in enumerate(TABS):
        dashboard.tabs.selected_index = number
        assert isinstance(dashboard.tabs.opened, Panel), name
    session.threshold = float(session.scores["score"].quantile(0.3))
    dashboard.tabs.selected_index = list(TABS).index("Mean and variance")
    panel, alone = dashboard.tabs.opened, HistogramsPanel(session)
    for drawn, expected in [(panel._cut, alone._cut), (panel._scatter._plot, alone._scatter._plot)]:
        assert [trace.name for trace in drawn.data] == [trace.name for trace in expected.data]
        for trace, same in zip(drawn.data, expected.data, strict=True):
            np.testing.assert_array_equal(trace.y, same.y)


def test_closing_the_dashboard_closes_panels_of_all_tabs_that_were_opened(session):
    dashboard = Dashboard(session)
    dashboard.tabs.selected_index = 1
    panels = [place.children[0] for place in dashboard.tabs.children[:2]]
    dashboard.close()
    assert not any(panel._following for panel in panels)
    assert all(panel.comm is None for panel in panels)
