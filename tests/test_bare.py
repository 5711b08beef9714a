"""A panel as one anywidget: every widget of every panel can be drawn, and what is sent arrives.

How it looks and works in a browser is in `tests/browser/test_other_front_ends.py`.
"""

import re

import anywidget
import pytest
from ipywidgets import Widget

from o2u_nb.audit import Audit
from o2u_nb.widgets.bare import JAVASCRIPT, Bare
from tests.audits import write_audit

pytestmark = pytest.mark.usefixtures("no_loop")
# Asks for a file of the reader's machine; what is in its place says that it is not shown.
MISSING = {"FileUploadModel"}


@pytest.fixture
def audit(tmp_path) -> Audit:
    return Audit.open(write_audit(tmp_path / "audit", images=tmp_path / "images"))


def inside(widget: Widget) -> list[Widget]:
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += inside(child)
    return found


def drawn_here() -> set[str]:
    """Return the names of the models that the JavaScript draws itself."""
    text = (JAVASCRIPT / "bare.js").read_text(encoding="utf-8")
    (views,) = re.findall(r"^const VIEWS = \{(.*?)^\};", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"(\w+Model):", views))


@pytest.mark.parametrize("show", ["panel", "finish", "certify", "check"])
def test_every_widget_of_a_panel_can_be_drawn(show, audit):
    whole = getattr(audit, show)(reviewer="ann")
    plain = {w._model_name for w in inside(whole) if not isinstance(w, anywidget.AnyWidget)}
    assert plain and plain - drawn_here() <= MISSING


def test_the_reference_leads_to_the_panel_which_is_kept(audit):
    panel = audit.finish(reviewer="ann")
    bare = Bare(panel)
    assert bare.panel == f"anywidget:{panel.model_id}" and bare.whole is panel


def every_anywidget() -> list[type]:
    import o2u_nb.widgets.course.trial
    import o2u_nb.widgets.dashboard
    import o2u_nb.widgets.explore  # noqa: F401

    todo, found = [anywidget.AnyWidget], []
    while todo:
        for kind in todo.pop().__subclasses__():
            todo.append(kind)
            if kind.__module__.startswith("o2u_nb"):
                found.append(kind)
    return found


@pytest.mark.parametrize("kind", every_anywidget(), ids=lambda kind: kind.__name__)
def test_the_code_of_a_widget_is_whole_and_asks_no_other_host(kind):
    text = str(kind._esm)
    assert "export default" in text or "export {" in text
    assert not re.search(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](?:https?:)?//""", text)
    called = r"(?<![.\w])fetch\((?![^)]*\) \{)"  # and no method of that name
    assert not re.search(rf"{called}|XMLHttpRequest|new WebSocket", text)
