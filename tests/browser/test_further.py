"""Notes, tags, groups, accepting many and the search hint, in a real JupyterLab."""

import pytest
from playwright.sync_api import expect

from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook

pytestmark = pytest.mark.browser
N, N_WRONG = 120, 62
CELLS = [
    "from o2u_nb import Audit\n"
    "audit = Audit.open('audit')\n"
    "from o2u_nb.widgets.grid import SuspectGrid\n"
    "session = audit.session(reviewer='ann')\n"
    "SuspectGrid(session)",
    "SuspectGrid(Audit.open('audit').session(reviewer='ann'))",
]
SLOW = """
import pathlib, time

def wait(*args, page=session.page):
    while not pathlib.Path('go').exists():
        time.sleep(0.05)
    return page(*args)

session.page = wait
"""
HOSTILE = '"><img src=x onerror=alert(1)>'


class Screen:
    """Two grids of one audit in a notebook; the first is the one that is used."""

    def __init__(self, desk, folder, *, theme: str = "light", size=(1400, 950)):
        self.folder, self.page = folder / "audit", desk.page
        write_audit(self.folder, n=N, n_wrong=N_WRONG, images=folder / "images", side=48)
        path = write_notebook(folder / "review.ipynb", CELLS)
        self.notebook = Notebook(desk, path, shares=True, size=size, theme=theme)
        self.notebook.run_all()
        assert self.notebook.errors() == []
        self.notebook.show(0)
        self.grid, self.other = (self.page.locator(".o2u-grid").nth(k) for k in (0, 1))
        expect(self.grid.locator(".o2u-tile img[src^=blob]").first).to_be_visible()
        self.grid.locator(".o2u-list").focus()

    def press(self, *keys: str):
        for key in keys:
            self.page.keyboard.press(key)

    def expect_said(self, text: str):
        expect(self.grid.locator(".o2u-said")).to_contain_text(text)

    def reopened(self) -> ReviewSession:
        """Read what is on disk."""
        return ReviewSession(self.folder, reviewer="bob")

    def expect_clean(self):
        """No cell was lost or changed, and nobody's script has run."""
        assert [cell["source"] for cell in self.notebook.cells()] == CELLS
        assert self.notebook.dialogs == [] and self.notebook.ours == []


@pytest.fixture
def screen(desk, folder) -> Screen:
    return Screen(desk, folder)


def test_the_grid_is_as_high_as_there_is_room_for(screen):
    main = screen.grid.locator(".o2u-main").bounding_box()
    assert main["height"] == 560  # what `tall` asks for, in a notebook of 800 pixels


def test_a_note_and_tags_are_typed(screen):
    first = screen.reopened().current
    screen.press("m")
    note = screen.grid.get_by_role("textbox", name="Note")
    expect(note).to_be_focused()
    screen.page.keyboard.type(f"dd two cats k {HOSTILE}")
    screen.press("Enter")
    screen.expect_said("Noted on")
    expect(screen.grid.locator(".o2u-list")).to_be_focused()
    screen.press("t")
    screen.page.keyboard.type(f"night, {HOSTILE}")
    screen.press("Enter")
    screen.expect_said("Tagged")
    session = screen.reopened()
    assert session.decisions.note(first) == f"dd two cats k {HOSTILE}"
    assert session.decisions.tags(first) == tuple(sorted(["night", HOSTILE]))
    assert session.counts["undecided"] == N
    screen.press("m")
    expect(note).to_have_value(f"dd two cats k {HOSTILE}")
    dialog = screen.grid.get_by_role("dialog", name="Note and tags")
    dialog.get_by_role("button", name="night ✕").click()
    expect(dialog.get_by_role("button", name="night ✕")).to_have_count(0)
    expect(dialog.get_by_role("button", name="+ night")).to_have_count(0)  # none has it any more
    screen.press("Escape")
    expect(dialog).to_be_hidden()
    screen.press("ArrowRight", "t")
    dialog.get_by_role("button", name=f"+ {HOSTILE}").click()
    screen.expect_said("Tagged")
    screen.press("Escape", "Control+z")
    screen.expect_said("Undone")
    assert screen.reopened().decisions.tags(first) == (HOSTILE,)
    expect(screen.other.locator(".o2u-notes")).to_be_hidden()
    screen.expect_clean()


def test_the_list_of_tagged_samples(screen):
    screen.press("Control+a", "t")
    screen.page.keyboard.type("night")
    screen.press("Enter")
    screen.expect_said(f"Tagged {N_WRONG} samples")
    screen.press("ArrowRight")
    screen.notebook.execute(f"session.untag('night', session.scores.index[3:{N_WRONG}])")
    filters = screen.grid.get_by_role("group", name="Filters")
    filters.locator("label", has_text="Notes").locator("select").select_option("night")
    expect(screen.grid.locator(".o2u-counts")).to_contain_text("3 shown")
    screen.expect_clean()


def test_one_pair_is_decided_with_four_keys(screen, artefacts):
    session = screen.reopened()
    session.group_by = "pair"
    group = session.groups[0]
    screen.press("g")  # group by pair
    chips = screen.grid.locator(".o2u-groups button")
    expect(chips).to_have_count(len(session.groups))
    expect(chips.first).to_have_text(f"{group.title} {group.count}")
    screen.press("g")  # select the group
    expect(screen.grid.locator(".o2u-counts")).to_contain_text(f"{group.count} selected")
    screen.page.screenshot(path=artefacts / "further-groups.png")
    screen.press("s")  # accept
    screen.expect_said(f"{group.count} samples: {group.count} changed")
    assert screen.reopened().counts["relabel"] == group.count
    chips.nth(1).click()
    screen.press("d")
    screen.expect_said(f"{session.groups[1].count} samples")
    assert screen.reopened().counts["drop"] == session.groups[1].count
    screen.expect_clean()


def test_groups_come_on_screen_with_their_list_and_not_before(screen, folder):
    screen.notebook.execute(SLOW)
    screen.press("g")
    expect(screen.grid.locator(".o2u-busy")).to_be_visible()  # the new list is on its way
    chips = screen.grid.locator(".o2u-groups button")
    screen.press("ArrowRight")
    expect(screen.grid.locator(".o2u-current")).to_have_attribute("data-place", "1")
    expect(chips).to_have_count(0)  # their places would be wrong in the list on screen
    (folder / "go").touch()
    expect(chips).to_have_count(4)
    screen.press("g")
    expect(screen.grid.locator(".o2u-counts")).to_contain_text(" selected")
    screen.expect_clean()


def test_many_suggestions_are_accepted_after_a_preview(screen, artefacts):
    session = screen.reopened()
    probabilities = session.scores["p_wrong"][: len(session.visible)]
    expected = int((probabilities >= 0.5).sum())
    assert expected > 12
    screen.press("b")
    dialog = screen.grid.get_by_role("dialog", name="Accept many suggestions")
    number = dialog.get_by_role("spinbutton")
    expect(number).to_be_focused()
    expect(number).to_have_value("95")
    number.fill("50")
    accept = dialog.get_by_role("button", name=f"Accept {expected}")
    expect(accept).to_be_enabled()
    expect(dialog.locator("img")).to_have_count(12)
    for picture in dialog.locator("img").all():
        assert picture.evaluate("node => node.decode().then(() => node.naturalWidth)") > 0
    screen.page.screenshot(path=artefacts / "further-accept.png")
    number.fill("")
    expect(dialog.get_by_role("button", name="Accept", exact=True)).to_be_disabled()
    number.fill("50")
    expect(accept).to_be_enabled()
    screen.press("Enter")  # once is not enough: it may be a slip
    expect(accept).to_be_focused()
    assert screen.reopened().counts["relabel"] == 0
    screen.press("Enter")
    screen.expect_said(f"{expected} samples: changed to the suggested label")
    assert screen.reopened().counts["relabel"] == expected
    screen.press("Control+z")
    screen.expect_said(f"Undone: {expected} samples")
    assert screen.reopened().counts["undecided"] == N
    screen.expect_clean()


def test_a_search_offers_what_the_filters_hide(screen, artefacts):
    session = screen.reopened()
    hidden = session.scores.index[-1]
    screen.press("/")
    screen.page.keyboard.type(hidden)
    notice = screen.grid.locator(".o2u-notice").filter(has_text="hidden by the filters")
    expect(notice).to_contain_text("1 is hidden by the filters (suspects only)")
    screen.page.screenshot(path=artefacts / "further-hidden.png")
    notice.get_by_role("button", name="Show it").click()
    expect(notice).to_be_hidden()
    expect(screen.grid.locator(f'.o2u-tile[data-id="{hidden}"]')).to_be_visible()
    screen.expect_clean()


def test_one_picture_is_found_by_its_name_with_five_keys(screen):
    ids = screen.reopened().scores.index
    hidden = next(id for id in ids[N_WRONG:] if sum(id[-7:-4] in other for other in ids) == 1)
    screen.press("/", *hidden[-7:-4], "Enter")  # "/", three digits, Enter
    screen.expect_said("1 found; switched off: suspects only")
    expect(screen.grid.locator(f'.o2u-tile.o2u-current[data-id="{hidden}"]')).to_be_visible()
    expect(screen.grid.locator(".o2u-list")).to_be_focused()
    screen.expect_clean()


def test_two_grids_of_one_audit_and_another_kernel_are_in_step(screen):
    ids = screen.reopened().scores.index.tolist()
    screen.press("k")
    screen.expect_said("kept")
    count = f"1 of {N_WRONG} suspects decided"
    expect(screen.other.locator(".o2u-counts")).to_contain_text(count)
    screen.reopened().drop(ids[5:7])  # another kernel: no key is pressed here
    for grid in (screen.grid, screen.other):
        expect(grid.locator(".o2u-counts")).to_contain_text(f"3 of {N_WRONG} suspects decided")
    screen.expect_clean()


def test_missing_pictures_are_said(desk, folder):
    screen = Screen(desk, folder)
    (folder / "images").rename(folder / "elsewhere")
    screen.notebook.execute("del session.pictures_hint; session.keep()")
    hint = screen.grid.locator(".o2u-notice.o2u-error")
    expect(hint).to_contain_text(f"expected in {folder}/images")
    expect(hint).to_contain_text("images=")


@pytest.mark.parametrize("theme", THEMES)
def test_what_it_looks_like(desk, folder, artefacts, theme):
    screen = Screen(desk, folder, theme=theme, size=(1100, 800))
    screen.press("Control+a", "t")
    screen.page.keyboard.type("night, two cats, blurred, needs a second look")
    screen.press("Enter")
    screen.expect_said("Tagged")
    screen.press("m")
    screen.page.keyboard.type("is this the same animal as in the next one?")
    screen.page.screenshot(path=artefacts / f"further-note-{theme}.png")
    screen.press("Escape", "g")
    expect(screen.grid.locator(".o2u-groups button").first).to_be_visible()
    screen.press("g")
    screen.page.screenshot(path=artefacts / f"further-groups-{theme}.png")
    screen.press("b")
    dialog = screen.grid.get_by_role("dialog", name="Accept many suggestions")
    dialog.get_by_role("spinbutton").fill("50")
    expect(dialog.locator("img")).to_have_count(12)
    screen.page.screenshot(path=artefacts / f"further-accept-{theme}.png")
    box = dialog.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 800
    screen.expect_clean()


def test_dialogs_lie_above_the_review_that_fills_the_window(desk, folder, artefacts):
    screen = Screen(desk, folder, size=(1024, 576))  # 1280 x 720 at 125 %
    first = screen.reopened().current
    screen.press("f", "m")
    note = screen.grid.get_by_role("textbox", name="Note")
    expect(note).to_be_focused()
    screen.page.keyboard.type("seen in the full window")
    screen.page.screenshot(path=artefacts / "further-note-full.png")
    screen.press("Enter")
    screen.expect_said("Noted on")
    assert screen.reopened().decisions.note(first) == "seen in the full window"
    screen.press("g", "b")
    dialog = screen.grid.get_by_role("dialog", name="Accept many suggestions")
    dialog.get_by_role("spinbutton").fill("50")
    expect(dialog.get_by_role("button", name=f"Accept {N_WRONG}")).to_be_enabled()
    screen.page.screenshot(path=artefacts / "further-accept-full.png")
    box = dialog.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 576
    screen.press("Escape")
    expect(dialog).to_be_hidden()
    expect(screen.page.locator(".o2u-full")).to_be_visible()  # Escape closed one thing only
    screen.press("k")
    screen.expect_said("kept")
    screen.press("Escape")
    expect(screen.page.locator(".o2u-full")).to_have_count(0)
    screen.expect_clean()
