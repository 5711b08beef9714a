"""The report and the doubts as they are seen in JupyterLab."""

import json

import pytest
from playwright.sync_api import expect

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from tests.audits import write_audit
from tests.browser.lab import Notebook, write_notebook

pytestmark = pytest.mark.browser
CELLS = ['from o2u_nb import Audit\npanel = Audit.open("audit").panel(reviewer="ann")\npanel']
DOUBT = (
    "The network has hardly learned to tell these classes apart: there may be too few pictures of "
    "each, or too little training. So how many labels are wrong cannot be told. "
)


def doubted(folder):
    """An audit that doubts its own estimate."""
    audit = write_audit(folder / "audit", n=120, n_wrong=30, side=24)
    facts = json.loads((audit / layout.FACTS).read_text())
    facts |= dict(warnings=[DOUBT * 2], estimated_range=[2, 118], learned=0.1)
    (audit / layout.FACTS).write_text(json.dumps(facts))
    return audit


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_doubts_stand_in_the_panel_and_unfold(desk, folder, artefacts, theme):
    doubted(folder)
    path = write_notebook(folder / "review.ipynb", CELLS)
    notebook = Notebook(desk, path, shares=True, size=(1400, 1100), theme=theme)
    notebook.run_all()
    page = notebook.page
    page.locator("[role=option] img").first.wait_for()
    box = page.get_by_role("note")
    expect(box).to_contain_text("Careful. The network has hardly learned")
    rest = box.locator("p")
    expect(rest).to_be_hidden()
    box.locator("summary").click()
    expect(rest).to_be_visible()
    expect(page.get_by_text("cannot be told before 10 are decided").first).to_be_visible()
    expect(page.get_by_text("2 to 118 wrong labels in the whole set").first).to_be_visible()
    page.screenshot(path=artefacts / f"doubts-{theme}.png")
    assert notebook.ours == []


def test_the_report_is_whole_in_jupyterlab_which_runs_no_scripts_of_it(desk, folder, artefacts):
    report = Audit.open(doubted(folder)).write_report()
    page = desk.page
    page.set_viewport_size(dict(width=1400, height=1100))
    name = str(report.relative_to(desk.lab.folder))
    desk.wait_for(
        """async path => {
          const view = await window.jupyterapp.commands.execute('docmanager:open', { path });
          await view.context.ready;
          window.report = view;
        }""",
        name,
    )
    inside = page.frame_locator(".jp-HTMLViewer iframe")
    figures = inside.locator(".still svg")
    expect(figures).to_have_count(5)
    figures.first.scroll_into_view_if_needed()
    for k in range(5):
        expect(figures.nth(k)).to_be_visible()
    assert inside.locator(".js-plotly-plot").count() == 0
    page.screenshot(path=artefacts / "report-in-lab.png")
    page.evaluate("window.report.dispose()")
