"""A status line that screen readers announce: the one place where a panel says what happens.

In comes plain text; out goes a line under the panel. The labels of ipywidgets are never announced,
since they cannot be given the attribute `aria-live`.
"""

from pathlib import Path

import anywidget
import traitlets


class StatusLine(anywidget.AnyWidget):
    """Show `message` (plain text) in one line, announced politely whenever it changes.

    When the kernel is restarted, `restarted` takes its place, if it is not empty: it says what to
    run, since no button of a panel does anything then.
    """

    _esm = Path(__file__).with_name("status.js")
    _css = """
    .o2u-status {
      color: var(--jp-ui-font-color1, inherit);
      font-family: var(--jp-ui-font-family, sans-serif);
      font-size: var(--jp-ui-font-size1, 13px);
      font-variant-numeric: tabular-nums;
      padding: 2px 4px;
    }
    """

    message = traitlets.Unicode().tag(sync=True)
    restarted = traitlets.Unicode().tag(sync=True)


def restarted(code: str) -> str:
    """Say what to run when the kernel was restarted: the cell again, or `code`."""
    return (
        f"The kernel was restarted: run the cell again, or {code}, to go on. All decisions are on "
        "disk."
    )
