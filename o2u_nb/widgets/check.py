"""Reviewers: blind mode, hidden checks, and how far two people agree.

In comes a session; out go a switch for blind mode with what all checks have said, and a desk on
which one reviewer answers the cases of a check.
"""

from ipywidgets import (
    HTML,
    BoundedFloatText,
    BoundedIntText,
    Button,
    Dropdown,
    HBox,
    Layout,
    ToggleButton,
    VBox,
)

from o2u_nb.review import checking
from o2u_nb.review import checking_text as words
from o2u_nb.review.agreement import Agreement
from o2u_nb.review.blind import BlindMode
from o2u_nb.review.checking import SHARE_HIDDEN, SHARE_PLANTED, SIZE, CheckSession
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.steps import FILL, LIST, NUMBERS, ROW, TRACK

BOX = f"{LIST}color:var(--jp-ui-font-color1,inherit);overflow-wrap:anywhere;line-height:1.5;"
LONGEST = 600  # characters of one sentence
MOST_LISTED = 50  # samples on which two reviewers differ
OWN = "own decisions"
LINE = dict(flex_flow="row wrap", width="100%", align_items="center")
WIDE = dict(description_width="initial")
BLIND = (
    "Blind mode shows the suspects in random order, without given and suggested label: press r and "
    "name the class that you see. The given label appears once a sample is decided."
)
NOBODY = (
    "No reviewer has answered a hidden check yet. "
    "Audit.open(folder).check() shows decided samples again, mixed with planted wrong labels; "
    "check(reviewer='bob') does so for a second person, and says how far the two agree."
)


class ReviewersPanel(Panel):
    """Switch blind mode on and off, and say how good the reviewers are and how far they agree."""

    def __init__(self, session: ReviewSession):
        self._blind = BlindMode.of(session)
        self._switch = ToggleButton(
            description="Blind mode", icon="eye-slash", tooltip=BLIND, layout=Layout(width="auto")
        )
        self._fresh = Button(
            description="Read the checks again", icon="refresh", layout=Layout(width="auto")
        )
        self._found = HTML()
        row = HBox([self._switch, self._fresh], layout=Layout(**LINE))
        super().__init__(session, [row, HTML(_paragraph(BLIND)), self._found])
        self._switch.observe(lambda _: self._try(self._turn), "value")
        self._fresh.on_click(lambda _: self._try(self._read))
        self._follow(self._draw, "concealed")
        self._read()
        self._draw()

    def _turn(self) -> None:
        if self._switch.value != self._blind.is_on:
            self._blind.begin() if self._switch.value else self._blind.end()

    def _read(self) -> None:
        self._found.value = all_said(self.session)

    def _wanted(self) -> bool:
        return self._blind.is_on

    def _redraw(self, wanted: bool) -> None:
        self._switch.value = wanted
        self._switch.button_style = "info" if wanted else ""

    def _still(self) -> str:
        return self._found.value


class CheckPanel(Panel):
    """Draw a hidden check, count the answers, and say at the end what they came to."""

    def __init__(self, session: CheckSession):
        others = [OWN, *sorted(_reviewers(session) - {session.reviewer})]
        self._of = Dropdown(
            options=others, description="Show again", style=WIDE, layout=Layout(width="auto")
        )
        self._size = BoundedIntText(
            SIZE, min=1, max=max(len(session.columns), 1), description="Cases", style=WIDE,
            layout=Layout(width="140px"),
        )  # fmt: skip
        self._planted, self._hidden = (
            BoundedFloatText(
                100 * share, min=0, max=100, step=5, description=name, style=WIDE,
                layout=Layout(width=width),
            )
            for share, name, width in (
                (SHARE_PLANTED, "Planted, %", "160px"),
                (SHARE_HIDDEN, "Label hidden, %", "190px"),
            )
        )  # fmt: skip
        if session.reviewer not in _reviewers(session) and len(others) > 1:
            self._of.value = others[1]  # who has decided nothing checks somebody else
        self._start = Button(description="Draw a check", icon="random", layout=Layout(width="auto"))
        self._start.on_click(lambda _: self._try(self._draw_check))
        self._options = HBox(
            [self._of, self._size, self._planted, self._hidden, self._start],
            layout=Layout(**LINE),
        )
        self._words = HTML()
        super().__init__(session, [self._words, self._options])
        self._follow(self._draw, "revision", "sequence")
        self._draw()

    def _draw_check(self) -> None:
        self.session.draw(
            self._size.value,
            of=None if self._of.value == OWN else self._of.value,
            planted=self._planted.value / 100,
            hidden=self._hidden.value / 100,
        )

    def _wanted(self) -> tuple[int, int]:
        return len(self.session.cases), self.session.waiting

    def _redraw(self, wanted: tuple[int, int]) -> None:
        cases, waiting = wanted
        self._options.layout.display = "none" if waiting else None
        self._words.value = check_said(self.session, cases, waiting)

    def _still(self) -> str:
        return self._words.value


class CheckDesk(Panel):
    """A hidden check and a grid of its cases: what `audit.check()` shows."""

    def __init__(self, session: CheckSession):
        self._check = CheckPanel(session)
        self._grid = SuspectGrid(session)
        self._grid.layout = Layout(width="100%", min_width="0")
        super().__init__(session, [VBox([self._check, self._grid])])

    def _still(self) -> str:
        return self._check._still() + self._grid.still().html


def check_said(session: CheckSession, cases: int, waiting: int) -> str:
    """Return what the panel of a check says, as HTML."""
    who = inert(session.reviewer, 60)
    if not cases:
        what = (
            f"<b>Hidden check of {who}.</b> Samples that are decided are shown again, as if they "
            "were not, mixed with labels that are planted and wrong. Your answers change nothing "
            "in the data set."
        )
        return f'<div style="{BOX}">{what}</div>'
    if waiting:
        done = cases - waiting
        share = 100 * done / cases
        return (
            f'<div style="{BOX}"><b>Hidden check of {who}.</b> Judge each label as in a review; '
            "where none is shown, press r and name the class that you see."
            f'<div style="{ROW}"><span style="{TRACK}" role="progressbar" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{share:.0f}" aria-label="answered">'
            f'<span style="display:block;{FILL.format(share)}"></span></span>'
            f'<span style="{NUMBERS}">{done:,} of {cases:,} answered</span></div></div>'
        )
    lines = words.result_lines(session.reviewer, session.result())
    compared = [
        found
        for found in checking.agreements_of(session.audit)
        if session.reviewer in (found.first, found.second)
    ]
    return f'<div style="{BOX}">{_listed(lines)}{"".join(map(_compared, compared))}</div>'


def all_said(session: ReviewSession) -> str:
    """Return what the checks of all reviewers came to, and how far they agree, as HTML."""
    said = []
    for name in checking.checked_reviewers(session.audit):
        found = checking.result_of(session.audit, name)
        if found is not None:
            said.append(_listed(words.result_lines(name, found)))
    said += map(_compared, checking.agreements_of(session.audit))
    return f'<div style="{BOX}">{"".join(said) or _paragraph(NOBODY)}</div>'


def _compared(found: Agreement) -> str:
    """Return how far two reviewers agree, with the samples on which they differ folded away."""
    lines = _listed([words.agreement_line(found), *words.differing_lines(found)])
    if found.differing.empty:
        return lines
    rows = "".join(
        f"<tr><td>{inert(name, 120)}</td><td>{inert(one, 60)}</td><td>{inert(two, 60)}</td></tr>"
        for name, one, two in found.differing.head(MOST_LISTED).itertuples()
    )
    heads = "".join(f"<th>{inert(text, 60)}</th>" for text in ("sample", found.first, found.second))
    return (
        f"{lines}<details><summary>Where they differ: {_count(found)}</summary>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details>"
    )


def _count(found: Agreement) -> str:
    number = len(found.differing)
    return f"{number:,} sample{'' if number == 1 else 's'}"


def _listed(lines: list[str]) -> str:
    first, *rest = lines
    items = "".join(f"<li>{inert(line, LONGEST)}</li>" for line in rest)
    return (
        f'<p style="margin:4px 0"><b>{inert(first, LONGEST)}</b></p>'
        f'<ul style="margin:2px 0 6px 1.2em;padding:0">{items}</ul>'
    )


def _paragraph(text: str) -> str:
    return f'<p style="{BOX}margin:4px 0">{inert(text, LONGEST)}</p>'


def _reviewers(session: ReviewSession) -> set[str]:
    return checking.deciders(session.audit)
