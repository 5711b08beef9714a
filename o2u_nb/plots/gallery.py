"""Still pictures of suspects: what was given, what it looks like, how likely the label is wrong.

In come a samples table and a scores table, out comes a `Gallery`: a piece of HTML that a notebook
shows, the report embeds, and nbviewer and GitHub keep. All style is inline because those two remove
`<style>`. A page that removes all style still shows each picture with its caption.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from o2u_nb.data import images
from o2u_nb.detect.suspects import per_class, top_suspects
from o2u_nb.plots.look import COLORS, MAX_CLASSES
from o2u_nb.text import clip, inert, likely, percent, unbroken

OPEN_CLASSES = 12  # classes whose pictures are unfolded at first
CERTAIN = 0.99  # above this probability of a wrong label, the score is said beside it
# Pixels of a picture for each CSS pixel: sharp enough on a dense screen, small enough to mail.
DENSITY = 1.5

# The colours of JupyterLab's theme. Other pages use their own text colour, and greys that can be
# seen on light and dark pages.
TEXT = "var(--jp-ui-font-color1, inherit)"
FAINT = "var(--jp-ui-font-color2, #767676)"
BORDER = "var(--jp-border-color2, rgba(128,128,128,0.4))"
GIVEN, SUGGESTED = COLORS[:2]  # the words in front say the same

GRID = f"display:flex;flex-wrap:wrap;gap:12px;margin:8px 0;color:{TEXT};"
TILE = "margin:0;width:{width}px;font-size:12px;line-height:1.4;text-align:left;"
PICTURE = f"display:block;object-fit:contain;border:1px solid {BORDER};border-radius:4px;"
BROKEN = f"box-sizing:border-box;padding:8px;overflow:hidden;border:1px dashed {FAINT};"
LINE = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;"
WRAPPED = "overflow-wrap:anywhere;"
LABEL = "overflow-wrap:anywhere;padding-left:5px;margin-top:2px;border-left:3px {border};"
HEADING = f"margin:12px 0 4px;font-weight:600;color:{TEXT};overflow-wrap:anywhere;"


@dataclass(frozen=True)
class Gallery:
    """Hold a grid of pictures as `html`, which a notebook shows by itself."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def suspect_grid(
    samples: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    label: str | None = None,
    n: int = 24,
    size: int = 132,
    title: str | None = None,
) -> Gallery:
    """Show the `n` top suspects, of all classes or of given label `label`, most suspicious first.

    `samples` is a samples table, `scores` a score table of them. Each picture's longest side is
    `size` CSS pixels. In place of a picture that cannot be shown there is a tile that says why.
    `title` replaces the line that says how many there are. Raises `O2UError` for an unknown class.
    """
    suspects = top_suspects(scores, label=label)
    heading = _heading(title or _count(min(n, len(suspects)), len(suspects), label))
    return Gallery(heading + _tiles(samples, suspects.head(n), size))


def strip(samples: pd.DataFrame, ids: Iterable[str], *, size: int = 72) -> Gallery:
    """Show the pictures of a few samples in a row, each with its given label.

    Each picture's longest side is `size` CSS pixels.
    """
    ids = list(ids)
    items = _items(samples, ids)
    tiles = []
    for id in ids:
        given = clip(samples["label"].get(id, "unknown"), 60)
        caption = _line(f"<b><bdi>{escape(given)}</bdi></b>", WRAPPED)
        tiles.append(
            f'<figure style="{TILE.format(width=size)}" title="{escape(id)}">'
            f"{_picture(items.get(id), f'Given {given}', size)}"
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return Gallery(f'<div style="{GRID}">{"".join(tiles)}</div>')


def suspects_by_class(
    samples: pd.DataFrame, scores: pd.DataFrame, *, n: int = 8, size: int = 132
) -> Gallery:
    """Show the `n` top suspects of each class, classes with most suspects first.

    `samples` is a samples table, `scores` a score table of them. At most 30 classes are shown, the
    first 12 of them unfolded; a line says how many are left out. Each picture's longest side is
    `size` CSS pixels.
    """
    classes = per_class(scores)
    classes = classes[classes["suspects"] > 0]
    suspects = top_suspects(scores)
    firsts = dict(list(suspects.groupby(suspects["label"].astype(str), sort=False)))
    rows = [
        _row(row, _tiles(samples, firsts[row.Index].head(n), size), unfolded=i < OPEN_CLASSES)
        for i, row in enumerate(classes.head(MAX_CLASSES).itertuples())
    ]
    return Gallery("".join(rows) + _left_out(classes) if rows else _heading("No suspects."))


def _row(row: Any, tiles: str, *, unfolded: bool) -> str:
    counts = f"{row.suspects:,} of {row.samples:,} are suspects ({percent(row.share)})"
    return (
        f'<details{" open" if unfolded else ""}><summary style="{HEADING}cursor:pointer;">'
        f"<bdi>{inert(row.Index)}</bdi>: {unbroken(counts)}</summary>{tiles}</details>"
    )


def _left_out(classes: pd.DataFrame) -> str:
    rest = classes.iloc[MAX_CLASSES:]
    if rest.empty:
        return ""
    return _heading(
        f"{len(rest):,} more classes with {rest['suspects'].sum():,} suspects are not shown."
    )


def _count(shown: int, total: int, label: str | None) -> str:
    whose = "" if label is None else f" with the given label {clip(label, 80)}"
    if not total:
        return f"No suspects{whose}."
    return f"The {shown:,} most suspicious of {total:,} suspects{whose}"


def _heading(text: str) -> str:
    return f'<p style="{HEADING}">{escape(text)}</p>'


def _tiles(samples: pd.DataFrame, suspects: pd.DataFrame, size: int) -> str:
    items = _items(samples, suspects.index)
    tiles = [_tile(row, items.get(row.Index), size) for row in suspects.itertuples()]
    return f'<div style="{GRID}">{"".join(tiles)}</div>' if tiles else ""


def _items(samples: pd.DataFrame, ids: Iterable[str]) -> dict[str, images.Item]:
    held = samples.loc[pd.Index(ids).intersection(samples.index)]
    return dict(zip(held.index, images.image_items(held), strict=True))


def _tile(row: Any, item: images.Item | None, size: int) -> str:
    given = clip(row.label, 60)
    suggested = _suggestion(row.suggested_label)
    alt = f"Suspect {row.rank:,.0f}: given {given}, looks like {suggested}"
    lines = [
        _line(f"<b>#{row.rank:,.0f}</b>{_doubt(row)}", WRAPPED),
        _line(_label("given", given), LABEL.format(border=f"solid {GIVEN}")),
        _line(_label("looks like", suggested), LABEL.format(border=f"double {SUGGESTED}")),
        _line(f"<bdi>{inert(row.Index, 24)}</bdi>", f"{LINE}color:{FAINT};"),
    ]
    return (
        f'<figure style="{TILE.format(width=size)}" title="{escape(row.Index)}">'
        f"{_picture(item, alt, size)}<figcaption>{''.join(lines)}</figcaption></figure>"
    )


def _suggestion(label: object) -> str:
    return clip(label, 60) if pd.notna(label) else "no other class"


def _doubt(row: Any) -> str:
    """Say how likely the label is wrong, and the kind of doubt unless that is `wrong`.

    Near certainty the score is said, too, since many samples come near it.
    """
    chance = f" · wrong: {unbroken(likely(row.p_wrong))}" if pd.notna(row.p_wrong) else ""
    score = getattr(row, "score", None)
    if score is not None and row.p_wrong > CERTAIN:
        chance += f' · <span style="white-space:nowrap">score {score:.1f}</span>'
    kind = f" · {inert(row.kind)}" if row.kind not in ("", "wrong") else ""
    return chance + kind


def _line(inside: str, style: str) -> str:
    return f'<div style="{style}">{inside}</div>'


def _label(role: str, name: str) -> str:
    return f"{role}: <b><bdi>{escape(name)}</bdi></b>"


def _picture(item: images.Item | None, alt: str, size: int) -> str:
    box = f"width:{size}px;height:{size}px;"
    try:
        if item is None:
            raise LookupError("not in the samples table")
        data = base64.b64encode(images.thumbnail(item, round(size * DENSITY))).decode("ascii")
    except Exception as error:  # a damaged file can raise nearly anything from a decoder
        return f'<div style="{box}{BROKEN}">{escape(_why(item, error))}</div>'
    return (
        f'<img style="{box}{PICTURE}" width="{size}" height="{size}" alt="{escape(alt)}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def _why(item: images.Item | None, error: Exception) -> str:
    reason = str(error) if item is None else images.broken_image(item)
    return f"No picture: {clip(reason or error, 120)}"
