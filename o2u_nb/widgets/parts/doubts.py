"""Why the audit's numbers should not be believed, in a calm box above the panels.

In come sentences; out goes a widget that shows them, the first one at once and the rest unfolded by
a click. Where there is nothing to doubt, it takes no room.
"""

from collections.abc import Sequence

from ipywidgets import HTML, Layout

from o2u_nb.text import inert

# Characters of a doubt that stand in the box at once; what is longer is unfolded. Ours: two lines.
AT_ONCE = 200
LONGEST = 1500  # characters of all doubts together; a note of a training can be of any length
BOX = (
    "margin:4px 0 8px;padding:6px 12px;line-height:1.45;border-radius:4px;overflow-wrap:anywhere;"
    "border:1px solid var(--jp-border-color2,#bbb);border-left:4px solid #d55e00;"
    "color:var(--jp-ui-font-color1,inherit);background:var(--jp-layout-color2,transparent)"
)


class Doubts(HTML):
    """Show `doubts`, plain sentences; nothing where there are none."""

    def __init__(self, doubts: Sequence[str]):
        shown = None if doubts else "none"
        super().__init__(boxed(doubts), layout=Layout(width="100%", display=shown))


def boxed(doubts: Sequence[str]) -> str:
    """Return `doubts` as HTML; "" where there are none.

    >>> boxed([])
    ''
    """
    if not doubts:
        return ""
    text = " ".join(doubts)
    head, rest = _parted(text)
    careful = f"<b>Careful.</b> {inert(head, LONGEST)}"
    if not rest:
        return f'<div role="note" style="{BOX}">{careful}</div>'
    return (
        f'<details role="note" style="{BOX}"><summary style="cursor:pointer">{careful}</summary>'
        f"<p style='margin:4px 0 0'>{inert(rest, LONGEST)}</p></details>"
    )


def _parted(text: str) -> tuple[str, str]:
    """Part text that is too long into its first sentence and the rest.

    >>> _parted("The network is unsure. " + "Look at the top suspects first. " * 8)[0]
    'The network is unsure.'
    """
    if len(text) <= AT_ONCE:
        return text, ""
    end = text.find(". ")
    return (text, "") if end < 0 else (text[: end + 1], text[end + 2 :])
