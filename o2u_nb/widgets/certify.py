"""The certificate: from the cut to the random sample and the statement, step by step.

In comes a session; out go the step that is due with its buttons, the progress through the sample,
and the statement as it holds now. The grid shows the sample meanwhile, in its random order and
without score or suggestion.
"""

from collections.abc import Callable
from pathlib import Path

from ipywidgets import (
    HTML,
    BoundedFloatText,
    BoundedIntText,
    Button,
    Checkbox,
    Dropdown,
    HBox,
    Layout,
    VBox,
)

from o2u_nb.errors import CertificateError
from o2u_nb.plots.acceptance import operating_characteristic
from o2u_nb.review import acceptance
from o2u_nb.review import certificate_text as words
from o2u_nb.review.certifying import (
    CUT,
    LOOK,
    REFUSED,
    REVIEW,
    STANDARD,
    Certification,
    Step,
)
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.statement import Statement, rounded_down
from o2u_nb.text import inert
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.plot import Plot, fitted
from o2u_nb.widgets.parts.steps import FILL, LIST, NUMBERS, TRACK
from o2u_nb.widgets.parts.steps import ROW as LINE

BOX = f"{LIST}color:var(--jp-ui-font-color1,inherit);overflow-wrap:anywhere;line-height:1.5;"
FAINT = "color:var(--jp-ui-font-color2,inherit);"
LARGE = "font-size:1.25em;font-weight:600;"
ROW = dict(flex_flow="row wrap", width="100%", align_items="center")
WIDE = dict(description_width="initial")
FIXED, ANY_TIME = "a fixed number of labels", "as many as needed: stop at any time"
PER_CLASS = 60  # labels of each class, where a statement on each is asked for
LONGEST = 1200  # characters of one sentence


class CertifyPanel(Panel):
    """Draw the random sample, show it in the grid, and say what is certain of the labels.

    The statement follows every decision. What is not looked at yet counts as wrong in it, so that
    it may be read at any time.
    """

    def __init__(self, session: ReviewSession):
        self._write: Callable[[], Path] | None = None
        self.certification = Certification.of(session)
        self._standard = BoundedFloatText(
            100 * STANDARD, min=1, max=99.99, step=0.5, description="Standard, %", style=WIDE,
            layout=Layout(width="170px"),
        )  # fmt: skip
        self._mode = Dropdown(
            options=[FIXED, ANY_TIME], description="Sample", style=WIDE,
            layout=Layout(width="auto"),
        )  # fmt: skip
        self._size = BoundedIntText(
            1, min=1, max=max(len(session.columns), 1), description="Labels", style=WIDE,
            layout=Layout(width="150px"),
        )  # fmt: skip
        self._classes = Checkbox(
            False, description="also class by class", indent=False, layout=Layout(width="auto")
        )
        self._buttons = {
            "here": self._button("Move threshold to where I stopped", self._cut_here, "scissors"),
            "draw": self._button("Draw the sample", self._draw_sample, "random"),
            "show": self._button("Look at the sample", self.certification.show, "eye"),
            "hide": self._button("Back to the ranked list", self.certification.hide, "list"),
            "back": self._button("Restore the threshold", self.certification.restore_cut, "undo"),
            "anew": self._button(
                "Draw a new sample", lambda: self._draw_sample(anew=True), "random"
            ),
            "risks": self._button("Risks", self._toggle_risks, "line-chart"),
            "report": self._button("Write the report", self._write_report, "file-o"),
        }
        self._options = HBox(
            [self._standard, self._mode, self._size, self._classes], layout=Layout(**ROW)
        )
        self._bar, self._words = HTML(), HTML()
        self._risks = VBox([], layout=Layout(width="100%", display="none"))
        row = HBox([*self._buttons.values()], layout=Layout(**ROW))
        super().__init__(session, [self._words, self._options, row, self._bar, self._risks])
        for control in (self._standard, self._mode):
            control.observe(lambda _: self._suggest(), "value")
        self._follow(
            self._draw, "revision", "counts", "threshold", "threshold_column", "concealed",
            "sequence",
        )  # fmt: skip
        self._suggest()
        self._draw()

    def _button(self, text: str, command: Callable, icon: str) -> Button:
        button = Button(description=text, icon=icon, layout=Layout(width="auto"))
        button.on_click(lambda _: self._say(self._carry_out, command))
        return button

    def _carry_out(self, command: Callable) -> str:
        said = command()
        self._drawn = None  # a command may change what no trait tells
        self._draw()
        return said if isinstance(said, str) else ""

    def writing(self, write_report: Callable[[], Path]) -> None:
        """Add a button that writes the certificate into the report; it returns the path."""
        self._write, self._drawn = write_report, None
        self._draw()

    # Commands

    def _cut_here(self) -> None:
        self.certification.cut_here()
        self._suggest()

    def _suggest(self) -> None:
        """Fill in how many labels are probably enough for the standard."""
        self._size.layout.display = None if self._mode.value == FIXED else "none"
        size = self.certification.suggested(self._standard.value / 100)
        self._size.value = max(size, 1)

    def _draw_sample(self, *, anew: bool = False) -> None:
        is_fixed = self._mode.value == FIXED
        self.certification.hide()
        self.certification.draw(
            self._size.value if is_fixed else None,
            standard=self._standard.value / 100,
            sequential=not is_fixed,
            per_class=PER_CLASS if self._classes.value else 0,
            anew=anew,
        )
        self.certification.show()

    def _toggle_risks(self) -> None:
        if self._risks.layout.display is None:
            self._risks.layout.display = "none"
            return
        figure = risks(self.certification.statement())
        for child in self._risks.children:
            child.close()
        self._risks.children = [fitted(Plot(figure))]
        self._risks.layout.display = None

    def _write_report(self) -> str:
        assert self._write is not None, "there is a button only where there is a writer"
        return f"The certificate is in {self._write()}."

    # What is shown

    def _statement(self) -> Statement | None:
        try:
            return self.certification.statement() if self.certification.drawn else None
        except CertificateError:
            return None

    def _wanted(self) -> tuple:
        return self.certification.step(), self._statement(), self.certification.is_shown

    def _redraw(self, wanted: tuple) -> None:
        step, found, is_shown = wanted
        before = step.name in (REVIEW, CUT)
        self._options.layout.display = None if before or step.name == REFUSED else "none"
        is_there = dict(
            here=step.name == REVIEW,
            draw=before,
            show=found is not None and not is_shown,
            hide=is_shown,
            back=self.certification.is_cut_moved,
            anew=step.name == REFUSED,
            risks=found is not None and found.plan is not None,
            report=found is not None and self._write is not None,
        )
        for name, button in self._buttons.items():
            button.layout.display = None if is_there[name] else "none"
        self._buttons["draw"].disabled = step.name != CUT
        self._words.value = said(step, found)
        self._bar.value = _progress(found)

    def _still(self) -> str:
        step, found, _ = self._wanted()
        return said(step, found)

    def close(self) -> None:
        """Show the ranked list again, and close the panel."""
        self.certification.hide()
        super().close()


class CertifyDesk(Panel):
    """The certificate and a grid below it: what `audit.certify()` shows."""

    def __init__(self, session: ReviewSession):
        self._certify = CertifyPanel(session)
        self._grid = SuspectGrid(session)
        self._grid.layout = Layout(width="100%", min_width="0")
        super().__init__(session, [self._certify, self._grid])

    def writing(self, write_report: Callable[[], Path]) -> None:
        """Add a button that writes the certificate into the report; see `CertifyPanel.writing`."""
        self._certify.writing(write_report)

    def _still(self) -> str:
        return self._certify._still() + self._grid.still().html

    def close(self) -> None:
        """Show the ranked list again, and close both."""
        self._certify.close()
        super().close()


def said(step: Step, found: Statement | None) -> str:
    """Return what the panel says, as HTML."""
    what_next = f"<b>Certificate.</b> {inert(step.words, LONGEST)}"
    if found is None:
        return f'<div style="{BOX}">{what_next}</div>'
    head = f'<div style="{LARGE}">{inert(words.promise(found), LONGEST)}</div>'
    sentences = [words.goal(found), words.delivered(found), *words.lines(found)]
    listed = "".join(f"<li>{inert(line, LONGEST)}</li>" for line in sentences)
    classes = "".join(f"<li>{inert(words.class_line(row), 300)}</li>" for row in found.classes)
    if classes:
        classes = (
            f"<details><summary>Class by class, all together with this confidence</summary>"
            f"<ul>{classes}</ul></details>"
        )
    limits = " ".join(words.LIMITS)
    return (
        f'<div style="{BOX}">{head}{what_next if step.name == LOOK else ""}'
        f'<ul style="margin:4px 0 4px 1.2em;padding:0">{listed}</ul>{classes}'
        f'<p style="{FAINT}margin:4px 0">{inert(limits, LONGEST)}</p></div>'
    )


def risks(found: Statement):
    """Return the operating characteristic of the plan that a statement follows, as a figure."""
    plan = found.plan
    assert plan is not None, "there is a button only where there is a plan"
    numbers, chances = acceptance.operating_characteristic(plan)
    census = found.census.wrong
    share = lambda number: (number + census) / found.total  # noqa: E731
    title = (
        f"Accept the delivered labels if at most {plan.allowed:,} of {plan.looks:,} are wrong "
        f"(standard {rounded_down(found.draw.standard)})"
    )
    return operating_characteristic(
        [share(number) for number in numbers],
        list(chances),
        good=(share(plan.good), plan.producer_risk),
        bad=(share(plan.bad), plan.consumer_risk),
        title=title,
    )


def _progress(found: Statement | None) -> str:
    """Return a bar of how many labels of a fixed sample are looked at."""
    if found is None or found.draw.sequential:
        return ""
    done, total = found.sample.looked_at, found.draw.size
    share = 100 * done / total
    return (
        f'<div style="{LINE}"><span style="{TRACK}" role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share:.0f}" aria-label="looked at">'
        f'<span style="display:block;{FILL.format(share)}"></span></span>'
        f'<span style="{NUMBERS}">{done:,} of {total:,} looked at</span></div>'
    )
