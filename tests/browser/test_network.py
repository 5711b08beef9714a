"""What panels ask for: nothing but the server that shows them, whatever is written in the data."""

import pytest

from tests.audits import write_audit
from tests.browser.lab import Desk, Notebook, write_notebook

pytestmark = pytest.mark.browser
ELSEWHERE = "http://192.0.2.1"  # an address that belongs to nobody (RFC 5737)
CLASSES = [
    f"<img src='{ELSEWHERE}/image'>",
    f"![]({ELSEWHERE}/markdown)",
    f"<style>@import '{ELSEWHERE}/style'</style>",
    f"</script><script>fetch('{ELSEWHERE}/script')</script>",
]
NOTE = f"<iframe src='{ELSEWHERE}/note'></iframe>"


def test_a_request_to_elsewhere_is_noticed(lab, chromium, folder):
    """The check that every test with a desk ends with, is itself checked."""
    code = f"from IPython.display import HTML\nHTML(\"<img src='{ELSEWHERE}/a.png'>\")"
    desk = Desk(lab, chromium)  # of its own, since what asks once may ask again when it is closed
    try:
        Notebook(desk, write_notebook(folder / "asks.ipynb", [code]), shares=False).run_all()
        for _ in range(200):
            if desk.asked_elsewhere:
                break
            desk.page.wait_for_timeout(100)
        assert f"{ELSEWHERE}/a.png" in desk.asked_elsewhere
    finally:
        desk.clear()
        desk.close()


def test_names_and_notes_that_hold_addresses_ask_for_nothing(desk, folder, artefacts):
    ids = [f"{number}/{CLASSES[number % 4].replace('/', '_')}" for number in range(60)]
    write_audit(folder / "audit", n=60, n_wrong=12, side=16, classes=CLASSES, ids=ids)
    cells = [
        "from o2u_nb import Audit\naudit = Audit.open('audit')\n"
        "session = audit.session(reviewer='<b>ann</b>')\n"
        f"session.note({NOTE!r}, [audit.scores.index[0]])\naudit",
        "audit.panel(reviewer='<b>ann</b>')",
        "from o2u_nb.widgets.why import WhyCard\nWhyCard(session)",
        "from o2u_nb.plots.gallery import suspect_grid\n"
        "suspect_grid(audit.samples, audit.scores, n=8)",
    ]
    notebook = Notebook(desk, write_notebook(folder / "names.ipynb", cells), shares=True)
    notebook.run_all()
    notebook.settle()
    notebook.page.screenshot(path=artefacts / "names-with-addresses.png")
    assert notebook.errors() == []
    notebook.page.locator("[role=option] img").first.wait_for()
    assert notebook.page.locator("[src*='192.0.2.1'], [href*='192.0.2.1']").count() == 0
