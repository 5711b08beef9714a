"""Text that can be shown safely: class names and sample ids come from other people, in any length.

In comes any string. Out comes one that is short enough for its place, and in which HTML stays plain
text: plotly renders some HTML tags in every label and hover text. Shares are written here as
percentages.
"""

import html
import math
import re


def clip(text: object, width: int) -> str:
    """Shorten `text` to at most `width` characters, with an ellipsis in the middle.

    Both ends stay, because ids are often paths, and paths differ at their ends.

    >>> clip("train/leopard/0001.png", 13)
    'train/…01.png'
    """
    text = str(text)
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def inert(text: object, width: int = 80) -> str:
    """Clip `text` to `width` characters and escape it, so that HTML in it stays text.

    >>> inert("<b>cat</b>")
    '&lt;b&gt;cat&lt;/b&gt;'
    """
    return html.escape(clip(text, width))


def plotted(text: object, width: int = 80) -> str:
    """Return `inert` text for plotly, which shows the codes of quotation marks as they are.

    >>> plotted("<b>lion's</b>")
    "&lt;b&gt;lion's&lt;/b&gt;"
    """
    return html.escape(clip(text, width), quote=False)


def on_one_line(text: object) -> str:
    """Return text for a terminal: what would move its cursor or colour the line is escaped.

    >>> on_one_line("a\\x1b[31m\\nb")
    'a\\\\x1b[31m\\\\nb'
    """
    text = str(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type where there is none.

    A line is cut after 200 characters: some libraries write pages into one.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def percent(share: float) -> str:
    """Write a share in [0, 1] as a percentage: without decimals from 10 % on, with one below.

    Above 99 % it has one decimal, too, so that only 1 itself is written as 100 %.

    >>> percent(0.2), percent(0.0625), percent(0.9996)
    ('20 %', '6.2 %', '99.9 %')
    """
    share = float(share)  # a float32 would be compared and multiplied with fewer digits
    if 0.99 < share < 1:
        return f"{min(100 * share, 99.9):.1f} %"
    return f"{100 * share:.{0 if share >= 0.0995 or share == 0 else 1}f} %"


def likely(p: float) -> str:
    """Write a probability in [0, 1] as a percentage in which certainties are told apart.

    Above 99 % it has as many decimals as show its first digit that is not a nine, rounded down;
    beyond 99.999 % it is said to be over that. Otherwise it is written as by `percent`, but for a
    very small one that is not 0.

    >>> likely(0.9), likely(0.9912), likely(0.99937), likely(0.9999999), likely(0.0002)
    ('90 %', '99.1 %', '99.93 %', 'over 99.999 %', 'under 0.1 %')
    """
    p = float(p)
    if 0 < p < 0.001:
        return "under 0.1 %"
    if p <= 0.99 or p == 1:
        return percent(p)
    if p > 0.99999:
        return "over 99.999 %"
    decimals = math.floor(-math.log10(1 - p) + 1e-9) - 1
    return f"{math.floor(100 * p * 10**decimals + 1e-9) / 10**decimals:.{decimals}f} %"


def unbroken(text: str) -> str:
    """Return HTML in which no line ends between a number and its percent sign.

    >>> unbroken("84 % of 9")
    '<span style="white-space:nowrap">84 %</span> of 9'
    """
    return re.sub(r"(over )?[\d.]+ %", r'<span style="white-space:nowrap">\g<0></span>', text)


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours as text.

    >>> duration(42), duration(95), duration(8000)
    ('42 s', '1.6 min', '2.2 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
