"""All panels over one session, in one output: what `audit.panel()` shows.

In comes a session; out go the threshold, the grid with the why card beside it, tabs of plots, and
at the end what the review has come to.
"""

from ipywidgets import HBox, Layout, Tab

from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.finish import FinishCard
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.histograms import HistogramsPanel
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.threshold import ThresholdPanel
from o2u_nb.widgets.trajectories import TrajectoriesPanel
from o2u_nb.widgets.why import WhyCard

TABS = {
    "Trajectories": TrajectoriesPanel,
    "Mean and variance": lambda session: HistogramsPanel(session).without_slider(),
    "Confusion": ConfusionPanel,
}


class Dashboard(Panel):
    """Review in one place: grid, why card, trajectories, histograms and confusion, in step."""

    def __init__(self, session: ReviewSession):
        self._grid = SuspectGrid(session, tall=640)
        self._grid.layout = Layout(flex="3 1 520px", min_width="0")
        self._why = WhyCard(session)
        self._why.layout = Layout(flex="1 1 300px", max_width="380px", max_height="760px",
                                  overflow="auto", padding="0 0 0 12px")  # fmt: skip
        tabs = Tab([panel(session) for panel in TABS.values()], titles=list(TABS))
        top = HBox([self._grid, self._why], layout=Layout(flex_flow="row wrap", width="100%"))
        self.finish = FinishCard(session)
        super().__init__(session, [ThresholdPanel(session), top, tabs, self.finish])

    def _still(self) -> str:
        return self._grid.still().html
