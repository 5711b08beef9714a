"""Axes of still pictures: where a value lies, round ticks, and the SVG of lines and words.

In come limits and titles; out come pieces of SVG as text. Colours of words and axes are those of
the page (`currentColor`), so that a picture can be read on light and dark pages. All names must be
inert text already, or are escaped here where that is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

# The size of a picture in its own units. One unit is one CSS pixel unless a page is narrower.
WIDTH = 640
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 16, 56  # margins around the axes, for ticks and titles
GRID = 'stroke="currentColor" stroke-opacity="0.15"'
FAINT = 'fill="currentColor" fill-opacity="0.75"'


@dataclass(frozen=True)
class Axes:
    """Place values from `x` = (low, high) and `y` = (low, high) in a box `height` units high.

    With `log`, y is drawn as log10(1 + value), so that counts of 0 have a place. `top` is where the
    box begins.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: float
    log: bool = False
    top: float = TOP
    y_ticks: int = 4  # about so many

    def left(self, x: np.ndarray | float) -> np.ndarray:
        """Return where values of x lie, in units from the left."""
        return LEFT + (WIDTH - LEFT - RIGHT) * _within(x, self.x)

    def down(self, y: np.ndarray | float) -> np.ndarray:
        """Return where values of y lie, in units from the top."""
        scaled = np.log10(1 + np.asarray(y, dtype=float)) if self.log else y
        ends = tuple(math.log10(1 + end) for end in self.y) if self.log else self.y
        return self.top + self.height * (1 - _within(scaled, ends))

    def drawn(self, x_title: str, y_title: str, *, x_ticks: bool = True) -> str:
        """Draw the grid, the ticks and the titles, which are escaped here."""
        bottom = self.top + self.height
        parts = []
        for value in self._y_ticks():
            y = float(self.down(value))
            parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" {GRID}/>')
            parts.append(written(short(value), LEFT - 8, y + 4, anchor="end"))
        for value in ticks(*self.x) if x_ticks else ():
            x = float(self.left(value))
            parts.append(f'<path d="M{x:.1f} {self.top:.1f}V{bottom:.1f}" {GRID}/>')
            parts.append(written(short(value), x, bottom + 18, anchor="middle"))
        middle = (LEFT + WIDTH - RIGHT) / 2
        if x_title:
            parts.append(written(escape(x_title), middle, bottom + 40, anchor="middle"))
        if y_title:
            turned = f'transform="rotate(-90 20 {self.top + self.height / 2:.0f})"'
            at = (20, self.top + self.height / 2)
            parts.append(written(escape(y_title), *at, anchor="middle", more=turned))
        return "".join(parts)

    def _y_ticks(self) -> list[float]:
        if not self.log:
            return ticks(*self.y, about=self.y_ticks)
        return [0.0, *(10.0**k for k in range(math.ceil(math.log10(1 + self.y[1])) + 1)
                       if 10**k <= self.y[1])]  # fmt: skip

    def line(self, x: np.ndarray, y: np.ndarray, style: str) -> str:
        """Draw a line through points; where one is NaN, there is a gap."""
        there = np.isfinite(y)
        starts = there & ~np.r_[False, there[:-1]]
        steps = "".join(
            f"{'M' if start else 'L'}{a:.1f} {b:.1f}"
            for start, ok, a, b in zip(starts, there, self.left(x), self.down(y), strict=True)
            if ok
        )
        return f'<path d="{steps}" fill="none" {style}/>'

    def area(self, x: np.ndarray, low: np.ndarray, high: np.ndarray, style: str) -> str:
        """Fill the band between `low` and `high`, over the points where both are known."""
        there = np.isfinite(low) & np.isfinite(high)
        if not there.any():
            return ""
        xs = np.concatenate([x[there], x[there][::-1]])
        ys = np.concatenate([high[there], low[there][::-1]])
        points = " ".join(
            f"{a:.1f},{b:.1f}" for a, b in zip(self.left(xs), self.down(ys), strict=True)
        )
        return f'<polygon points="{points}" {style}/>'


def _within(values: np.ndarray | float, ends: Sequence[float]) -> np.ndarray:
    """Scale `values` so that the ends become 0 and 1; ends that are equal make all 0.5."""
    span = ends[1] - ends[0]
    return (
        (np.asarray(values, dtype=float) - ends[0]) / span
        if span
        else np.full(np.shape(values), 0.5)
    )


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return `about` so many round values from `low` to `high`.

    >>> ticks(0.0, 7.3), ticks(0, 1, about=4)
    ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda m: abs(math.log(m * power / rough)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]


def short(value: float) -> str:
    """Write a tick: with commas between thousands, and without needless decimals.

    >>> short(20000.0), short(0.25), short(0.0005)
    ('20,000', '0.25', '0.0005')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def written(text: str, x: float, y: float, *, anchor: str = "start", more: str = "") -> str:
    """Write inert `text` at a place; `anchor` is start, middle or end."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FAINT} {more}>{text}</text>'


def picture(parts: Sequence[str], height: float, said: str) -> str:
    """Return a picture as SVG, `height` units high; `said` tells in words what it shows."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(said)}" font-size="13">{"".join(parts)}</svg>'
    )
