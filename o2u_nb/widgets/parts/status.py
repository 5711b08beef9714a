"""A status line that screen readers announce: the one place where a panel says what happens.

In comes plain text; out goes a line under the panel. The labels of ipywidgets are never announced,
since they cannot be given the attribute `aria-live`.
"""

from pathlib import Path

import anywidget
import traitlets


class StatusLine(anywidget.AnyWidget):
    """Show `message` (plain text) in one line, announced politely whenever it changes."""

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
