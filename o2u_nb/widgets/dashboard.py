"""All panels over one session, in one output: what `audit.panel()` shows.

In comes a session; out go the threshold, the grid with its picture and card, tabs of plots, and at
the end what the review has come to.
"""

from ipywidgets import Layout

from o2u_nb.review import expected
from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.certify import CertifyPanel
from o2u_nb.widgets.check import ReviewersPanel
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.finish import FinishCard
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.histograms import HistogramsPanel
from o2u_nb.widgets.learning import LearningPanel
from o2u_nb.widgets.map import MapPanel
from o2u_nb.widgets.parts.doubts import Doubts, boxed
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.tabs import PanelTabs
from o2u_nb.widgets.player import PlayerPanel
from o2u_nb.widgets.similar import SimilarPanel
from o2u_nb.widgets.threshold import ThresholdPanel
from o2u_nb.widgets.trajectories import TrajectoriesPanel

TABS = {
    "Trajectories": TrajectoriesPanel,
    "Mean and variance": lambda session: HistogramsPanel(session).without_slider(),
    "Confusion": ConfusionPanel,
    "Map": MapPanel,
    "Similar": SimilarPanel,
    "Epochs": PlayerPanel,
    "Learned": LearningPanel,
    "Certificate": CertifyPanel,
    "Reviewers": ReviewersPanel,
}


class Dashboard(Panel):
    """Review `session` in one place: the grid, the why card and a tab for each panel, in step.

    The tabs are trajectories, mean and variance, confusion, map, similar samples, epochs, what was
    learned from decisions, certificate and reviewers.

    The grid has the keys of all of it: they decide wherever in the dashboard they are pressed.
    """

    def __init__(self, session: ReviewSession):
        self._grid = SuspectGrid(session, tall=640)
        self._grid.layout = Layout(width="100%", min_width="0")
        self.tabs = PanelTabs(session, TABS)
        doubts = Doubts(expected.doubts(session))
        self.finish = FinishCard(session)
        super().__init__(
            session, [doubts, ThresholdPanel(session), self._grid, self.tabs, self.finish]
        )

    def _still(self) -> str:
        return boxed(expected.doubts(self.session)) + self._grid.still().html
