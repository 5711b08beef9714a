"""What the review has learned from its decisions, with a button that ranks the list again by it.

In comes a session; out go what has moved in all, and what moved the current sample and why.
"""

from ipywidgets import HTML, Button, Layout

from o2u_nb.review import learned_text
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.steps import LIST

LONGEST = 600  # characters of what is said of all samples, or of one


class LearningPanel(Panel):
    """Say what decisions have moved, and rank the list again when the button is pressed."""

    def __init__(self, session: ReviewSession):
        self._again = Button(
            description="Rank again",
            tooltip="Sort the list by the probability of a wrong label as it is now",
            icon="sort-amount-desc",
            layout=Layout(width="auto", align_self="flex-start"),
        )
        self._words = HTML(layout=Layout(width="100%", min_width="0"))
        super().__init__(session, [self._again, self._words])
        self._again.on_click(lambda _: self._try(session.rank_again))
        self._follow(self._draw, "p_wrong", "revision", "current", "concealed")
        self._draw()

    def _wanted(self) -> tuple[str, ...]:
        current = self.session.current
        of_it = "" if current is None else learned_text.of_sample(self.session, current)
        return learned_text.in_all(self.session), of_it

    def _redraw(self, wanted: tuple[str, ...]) -> None:
        self._again.disabled = not self.session.causes
        self._words.value = self._still()

    def _still(self) -> str:
        said, of_it = self._wanted()
        of_it = f"The current sample: {of_it}" if of_it else ""
        return "".join(f'<p style="{LIST}">{inert(text, LONGEST)}</p>' for text in (said, of_it))
