"""Why is this sample listed? One card with everything that is known of it, and the decision.

In comes a session; out go the picture of its current sample, a plain sentence, the class
probabilities, the loss, and what each detector says.
"""

from collections.abc import Callable

from ipywidgets import HTML, Button, HBox, Layout

from o2u_nb.review.session import ReviewSession
from o2u_nb.review.why import card
from o2u_nb.review.words import BUTTONS
from o2u_nb.widgets.card import FAINT, HIDDEN, Card
from o2u_nb.widgets.parts.entry import Entry
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.question import ClassQuestion

ROW = dict(flex_flow="row wrap", flex="0 0 auto")


class WhyCard(Panel):
    """Explain the session's current sample, and take the decision on it.

    If the current sample is selected, the buttons decide all selected samples, and the card says
    so in words. Otherwise they decide the current sample alone.
    """

    def __init__(self, session: ReviewSession):
        self._html = HTML(layout=Layout(width="100%", flex="0 0 auto"))
        self._buttons = {
            "Keep": self._button(*BUTTONS["keep"], session.keep, "check"),
            "Accept": self._button(*BUTTONS["accept"], session.relabel, "exchange"),
            "Drop": self._button(*BUTTONS["drop"], session.drop, "trash"),
            "Unsure": self._button(*BUTTONS["unsure"], session.unsure, "question"),
            "Undo": self._button("Undo", "take back the last decision", session.undo, "undo"),
            "Redo": self._button("Redo", "decide again what was undone", session.redo, "repeat"),
            "Like": self._button(
                "More like this",
                "list what looks like this, of all samples",
                session.show_more_like,
                "clone",
            ),
        }
        self._other = Entry(
            self._on_other,
            names=session.classes,
            placeholder="Change to another label …",
            hint="Type the right label and press Enter, or pick it",
            layout=Layout(width="auto", flex="1 1 180px", min_width="0"),
        )
        self._question = ClassQuestion(self._on_answer)
        self._card = Card(session)
        row = HBox([*self._buttons.values(), self._other], layout=ROW)
        super().__init__(session, [row, self._question, self._html])
        self._follow(self._draw, "current", "selected", "revision", "suspects", "concealed")
        self._draw()

    def _button(self, text: str, hint: str, command: Callable, icon: str) -> Button:
        hint = hint[0].upper() + hint[1:]
        button = Button(description=text, tooltip=hint, icon=icon, layout=Layout(width="auto"))
        button.on_click(lambda _: self._try(self._decide, command))
        return button

    def _on_other(self, typed: str) -> None:
        """Relabel with the class that was entered, or ask what is meant by an unknown name."""
        name = typed if typed in self.session.classes else typed.strip()
        if name in self.session.classes:
            self._try(self._relabel, name)
        elif name:
            self._question.ask(name, self.session.near_class(name))

    def _on_answer(self, name: str, is_new: bool) -> None:
        self._try(self._relabel, name, new_class=is_new and name)

    def _relabel(self, name: str, **options) -> None:
        self._decide(self.session.relabel, name, **options)
        self._other.clear()

    def _decide(self, command, *args, **options) -> None:
        if self.session.current not in self.session.selected:
            self.session.selected = ()  # a command must not decide samples that the card hides
        command(*args, **options)

    def _wanted(self) -> tuple:
        session = self.session
        n_suspects = int(session.suspects.sum())
        meant = self._n_meant()
        drawn = (session.current, meant, session.revision, session.made_classes, n_suspects)
        return (*drawn, session.concealed)

    def _n_meant(self) -> int:
        """Count the samples that the buttons decide."""
        session = self.session
        return len(session.selected) if session.current in session.selected else 1

    def _redraw(self, _) -> None:
        nobody = self.session.current is None
        self._question.take_back()  # it was about another sample, or has been answered
        for button in self._buttons.values():
            button.disabled = nobody
        self._buttons["Undo"].disabled = not self.session.can_undo
        self._buttons["Redo"].disabled = not self.session.can_redo
        self._other.disabled = nobody
        self._other.names = self.session.classes
        self._html.value = self._still()

    def _still(self) -> str:
        sample_id = self.session.current
        if sample_id is None:
            return f'<p style="{FAINT}">No sample is in view: change the filters.</p>'
        if self.session.concealed:
            return f'<p style="{FAINT}">{HIDDEN}</p>'
        return self._card.html(card(self.session, sample_id), meant=self._n_meant())
