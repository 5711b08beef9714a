"""Similar samples as a panel: of what is selected, or of a picture that is not in the set.

In comes a session; out go buttons that list similar samples, or copies with different labels, in
every panel, a place for a picture from the computer or a path, and what is listed now.
"""

import os
from collections.abc import Callable

import pandas as pd
from ipywidgets import HTML, BoundedIntText, Button, Dropdown, FileUpload, HBox, Layout, Text

from o2u_nb.looks import Picture, called
from o2u_nb.review.alike import Alike
from o2u_nb.review.copies import copies_of
from o2u_nb.review.search import SHOWN, spoken_eye
from o2u_nb.review.session import ReviewSession
from o2u_nb.text import clip, inert
from o2u_nb.widgets.parts.background import InBackground, Latest
from o2u_nb.widgets.parts.panel import Panel
from o2u_nb.widgets.parts.steps import LIST

ROW = dict(flex_flow="row wrap", width="100%", align_items="center")
WIDE = dict(description_width="initial")
MOST = 10_000  # samples that can be listed here
NO_FEATURES = "No features were kept, by which samples could be compared."
NO_EYE = (
    "Only a pretrained network can look at a new picture, and this audit has none: audit with "
    "--eye efficientnet_lite0, beside others."
)


class SimilarPanel(InBackground, Panel):
    """List samples similar to the selected ones, to an uploaded picture, or to one at a path.

    The network looks at a new picture in the background; the first time it takes some seconds.
    """

    def __init__(self, session: ReviewSession):
        self._latest = Latest()
        search = session.search
        self._eye = Dropdown(
            options=[(spoken_eye(name), name) for name in search.eyes], description="Compared by",
            style=WIDE, layout=Layout(width="auto"),
        )  # fmt: skip
        self._count = BoundedIntText(
            SHOWN, min=1, max=MOST, description="Samples", style=WIDE, layout=Layout(width="150px")
        )
        self._like = _button(
            "More like the selection", "Without a selection: like the current sample", "clone"
        )
        self._upload = FileUpload(
            accept="image/*", multiple=False, description="Upload a picture", icon="upload",
            tooltip="Upload a picture from this computer, and list the samples most similar to "
                    "it", layout=Layout(width="auto"),
        )  # fmt: skip
        self._path = Text(
            placeholder="path of a picture, where the kernel runs", continuous_update=False,
            layout=Layout(flex="1 1 320px", min_width="0"),
        )  # fmt: skip
        self._look = _button("Search", "List what looks like the picture at this path", "search")
        self._copies = _button(
            "Copies with other labels", "List pictures that are in the set twice, with different "
            "labels; where the audit has not searched, all pictures are compared now", "files-o",
        )  # fmt: skip
        self._back = _button("Back", "Show what was shown before", "times")
        self._words = HTML()
        first = HBox(
            [self._like, self._eye, self._count, self._copies, self._back], layout=Layout(**ROW)
        )
        second = HBox([self._upload, self._path, self._look], layout=Layout(**ROW))
        super().__init__(session, [first, second, self._words])
        self._like.disabled = not search.eyes
        self._can_look = bool(search.looking_eyes)
        self._busy(False)
        self._like.on_click(lambda _: self._try(self._more_like))
        self._back.on_click(lambda _: self._try(session.stop_alike))
        self._look.on_click(lambda _: self._look_at(self._path.value.strip()))
        self._copies.on_click(lambda _: self._look_for_copies())
        self._upload.observe(self._on_upload, "value")
        self._follow(self._draw, "alike_filter", "concealed")
        self._draw()

    def _more_like(self) -> None:
        self.session.show_more_like(k=self._count.value, eye=self._eye.value)

    # A new picture

    def _on_upload(self, change: dict) -> None:
        files = change["new"]
        if files:
            (file,) = files
            self._upload.value = ()  # so that the same file can be chosen again
            self._look_at(bytes(file["content"]), file["name"])

    def _look_at(self, picture: Picture, name: str = "") -> None:
        """Look at a picture in the background, and list what is like it."""
        if not picture:
            self._status.message = "Type the path of a picture first."
            return
        picture = os.path.expanduser(picture) if isinstance(picture, str) else picture
        search, count = self.session.search, self._count.value
        eye = self._eye.value if self._eye.value in search.looking_eyes else None
        title = name or called(picture)
        self._search(
            f"Looking at {clip(title, 60)} …",
            lambda: search.looks_like(picture, k=count, eye=eye),
            lambda found: self.session.show_found(f"Looks like {title}", found),
        )

    def _look_for_copies(self) -> None:
        """Compare all pictures in the background, and list those with copies of other labels."""
        audit = self.session.audit
        self._search(
            f"Comparing {len(self.session.columns):,} pictures …",
            lambda: copies_of(audit),
            lambda _: self.session.show_copies(),
        )

    def _search(
        self, words: str, work: Callable[[], pd.DataFrame], show: Callable[[pd.DataFrame], object]
    ) -> None:
        """Search in the background by `work`, and list what it found by `show`."""

        def end(found: pd.DataFrame | None, said: str) -> None:
            self._busy(False)
            if found is None:
                self._status.message = said
            else:
                self._try(show, found)

        self._busy(True)
        self._status.message = words
        self._in_background(lambda _: work(), end)

    def _busy(self, busy: bool) -> None:
        for control in (self._upload, self._path, self._look):
            control.disabled = busy or not self._can_look
        self._copies.disabled = busy

    # What is shown

    def _wanted(self) -> tuple[Alike | None]:
        return (self.session.alike_in_force,)  # not None alone, which would be drawn never

    def _redraw(self, wanted: tuple[Alike | None]) -> None:
        (alike,) = wanted
        self._back.disabled = alike is None
        self._words.value = self._said(alike)

    def _said(self, alike: Alike | None) -> str:
        if alike is not None:
            said = _listed(alike)
        elif not self.session.search.eyes:
            said = inert(NO_FEATURES)
        else:
            said = "" if self._can_look else inert(NO_EYE)
        return f'<div style="{LIST}">{said}</div>'

    def _still(self) -> str:
        return self._said(self.session.alike_in_force)


def _listed(alike: Alike) -> str:
    """Say what is listed, as HTML."""
    counts = f"{len(alike.ids):,} samples"
    if alike.knows_labels:
        counts += f", {alike.n_same:,} with the same label"
    return f"<b>{inert(alike.title, 120)}</b>: {counts}, compared by {inert(alike.by, 60)}."


def _button(text: str, tooltip: str, icon: str) -> Button:
    return Button(description=text, tooltip=tooltip, icon=icon, layout=Layout(width="auto"))
