"""The finish card: what the review has come to, and what can be made of it.

In comes a session; out go a sentence of counts, the measured precision, and buttons that write the
cleaned data set or train on it. What takes long runs in the background, with a bar.
"""

import time
import warnings
from collections.abc import Callable
from html import escape

import pandas as pd
from ipywidgets import HTML, Button, Dropdown, HBox, Layout, Text

from o2u_nb.before_after import BeforeAfter
from o2u_nb.errors import O2UError
from o2u_nb.exchange.formats import FORMATS, require_new, suggested
from o2u_nb.review.apply import plan
from o2u_nb.review.outcome import Outcome, outcome
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import inert
from o2u_nb.widgets.parts.background import InBackground, Latest, tried
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.status import restarted
from o2u_nb.widgets.parts.steps import LIST, Stage

FOLDER = "folder"  # the format of the button of its own
DRAWINGS = 0.2  # least seconds between two drawings of the bar
NO_HELD_OUT = "There is no held-out set to compare on: show the card with audit.finish()."
BOX = f"{LIST}color:var(--jp-ui-font-color1,inherit);overflow-wrap:anywhere;"
FAINT = "color:var(--jp-ui-font-color2,inherit);"
CELL = "padding:2px 14px 2px 0;text-align:right;font-variant-numeric:tabular-nums;"
ROW = dict(flex_flow="row wrap", width="100%", align_items="center")


class FinishCard(InBackground, Panel):
    """Say what was decided, and write the cleaned data set, or retrain and compare.

    `comparing(ask)` says how to retrain; without it, that button says that it cannot. `wait()`
    waits until the background is done.
    """

    def __init__(self, session: ReviewSession):
        self._latest = Latest()
        self._ask_how: Callable[[], BeforeAfter] = lambda: BeforeAfter(None, NO_HELD_OUT)
        self._words, self._bar, self._result = HTML(), HTML(), HTML()
        self._buttons = {
            "Write folder": _button("Write the cleaned data set as class folders", "folder-open"),
            "Export ...": _button("Write it in another format", "download"),
            "Retrain and compare": _button("Accuracy before and after the decisions", "refresh"),
        }
        for (name, button), act in zip(
            self._buttons.items(),
            (lambda _: self._ask(FOLDER), lambda _: self._ask(None), lambda _: self._compare()),
            strict=True,
        ):
            button.description = name
            button.on_click(act)
        others = [(format.words, name) for name, format in FORMATS.items() if name != FOLDER]
        self._format = Dropdown(
            options=others, description="Format", layout=Layout(flex="0 1 360px", min_width="0")
        )
        self._format.observe(lambda _: self._suggest(), "value")
        self._path = Text(description="Path", layout=Layout(flex="1 1 360px", min_width="0"))
        self._write_button = _button("Write it there; nothing is overwritten", "check")
        self._write_button.description = "Write"
        self._write_button.on_click(lambda _: self._write())
        self._form = HBox([self._format, self._path, self._write_button],
                          layout=Layout(**ROW, display="none"))  # fmt: skip
        row = HBox([*self._buttons.values()], layout=Layout(**ROW))
        super().__init__(session, [self._words, row, self._form, self._bar, self._result])
        self._status.restarted = restarted(f"Audit.open({str(session.audit.folder)!r}).finish()")
        self.layout.margin = "8px 0 0"
        self.layout.padding = "8px 0 0"
        self.layout.border_top = "1px solid var(--jp-border-color1, GrayText)"
        self._follow(self._draw, "counts", "measured_precision")
        self._draw()

    def comparing(self, ask: Callable[[], BeforeAfter]) -> None:
        """Take in whom to ask how to retrain, or why that cannot be done, when it is wanted."""
        self._ask_how = ask

    # What is shown

    def _wanted(self) -> Outcome:
        return outcome(self.session)

    def _redraw(self, wanted: Outcome) -> None:
        self._words.value = self._still()

    def _still(self) -> str:
        found = self._wanted()
        return (
            f'<div style="{BOX}"><b>Finish.</b> {escape(found.words())}<br>'
            f'<span style="{FAINT}">{escape(found.certificate())}</span></div>'
        )

    # Writing

    @property
    def _chosen(self) -> str:
        """Return the name of the format that the form is about."""
        return FOLDER if self._format.layout.display == "none" else self._format.value

    def _ask(self, name: str | None) -> None:
        """Open the form: for the format `name`, or with all others to choose from."""
        self._format.layout.display = None if name is None else "none"
        self._form.layout.display = None
        self._suggest()

    def _suggest(self) -> None:
        self._path.value = suggested(self.session.audit, FORMATS[self._chosen])
        self._status.message = ""

    def _write(self) -> None:
        format = FORMATS[self._chosen]
        audit = self.session.audit
        try:
            path = require_new(self._path.value, format)
            self.session.refresh()
        except O2UError as error:
            self._status.message = error.message
            return

        def job(progress: Callable[[int, int], None]) -> str:
            format.write(plan(audit), audit, path, progress)
            code = format.code.format(str(path))
            return f"<p>Written: <code>{escape(str(path))}</code>. The same in a cell: " \
                   f"<code>{escape(code)}</code></p>"  # fmt: skip

        self._start(f"writing {format.words}", job)

    # Retraining

    def _compare(self) -> None:
        run, words = self._ask_how()
        if run is None:
            self._status.message = words
            return
        self.session.refresh()
        audit = self.session.audit

        def job(progress: Callable[[int, int], None]) -> str:
            return f"{accuracies(run(plan(audit), progress))}<p>{escape(words)}</p>"

        self._start("training before and after", job)

    # In the background

    def _start(self, name: str, job: Callable[[Callable[[int, int], None]], str]) -> None:
        """Run `job(progress)` in the background; what it returns is shown as HTML."""
        self._busy(True)
        self._status.message = f"{name.capitalize()}."
        self._result.value = ""
        stage = Stage(name, time.monotonic())
        drawn = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal drawn
            now = time.monotonic()
            stage.update(done, total, now)
            if stage.is_done or now - drawn >= DRAWINGS:
                drawn = now
                html = stage.html()
                self._latest.show(lambda: self._bar.set_trait("value", html))

        def run(_: Callable[[], bool]) -> None:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                html, failed = tried(lambda: job(progress))
            ours = (str(w.message) for w in warned if w.category is UserWarning)
            said = failed or " ".join([f"Done: {name}.", *ours])
            self._latest.show(lambda: self._end(html or "", said))

        self._latest.ask(run)

    def _end(self, html: str, said: str) -> None:
        self._bar.value = ""
        self._result.value = f'<div style="{BOX}">{html}</div>' if html else ""
        if html:
            self._form.layout.display = "none"
        self._status.message = said
        self._busy(False)

    def _busy(self, busy: bool) -> None:
        for button in (*self._buttons.values(), self._write_button):
            button.disabled = busy


def accuracies(table: pd.DataFrame) -> str:
    """Return accuracies by seed, columns `before` and `after`, as an HTML table of means.

    The standard deviation over the seeds stands beside each mean, in percentage points.
    """
    rows = "".join(
        f'<tr><td style="{CELL}text-align:left">{inert(name)}</td>'
        f'<td style="{CELL}">{100 * values.mean():.1f} %</td>'
        f'<td style="{CELL}">± {100 * values.std(ddof=1 if len(values) > 1 else 0):.1f}</td></tr>'
        for name, values in table.items()
    )
    gain = 100 * (table["after"] - table["before"]).mean()
    return (
        f'<table style="border-collapse:collapse">{rows}</table>'
        f"<p>Cleaning changes the accuracy by {gain:+.1f} percentage points, the mean of "
        f"{len(table)} trainings each.</p>"
    )


def _button(tooltip: str, icon: str) -> Button:
    return Button(tooltip=tooltip, icon=icon, layout=Layout(width="auto"))
