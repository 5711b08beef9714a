"""Review in the full window, digits, zoom and two side by side, in a real JupyterLab."""

import itertools

import numpy as np
import pytest
from playwright.sync_api import expect

from o2u_nb import embedding_file
from o2u_nb import folder as layout
from tests.browser.lab import THEMES
from tests.browser.screen import N, Screen

pytestmark = pytest.mark.browser
SMALL = dict(width=1024, height=576)  # 1280x720 at 125 %
LARGE = dict(width=1920, height=1080)
# What has to be seen at once; each must lie in the window as a whole.
TOGETHER = {
    "tile": ".o2u-tile.o2u-current", "picture": ".o2u-picture img", "digits": ".o2u-likely",
    "curve": ".o2u-card svg", "buttons": ".o2u-toolbar", "status": ".o2u-said",
    "counts": ".o2u-counts",
}  # fmt: skip


@pytest.fixture
def screen(desk, folder):
    """A grid with look-alikes, on the screen of a small laptop."""
    screen = Screen(desk, folder, shares=True, run=False)
    features = np.random.default_rng(0).normal(size=(N, 8))
    embedding_file.write(screen.folder / layout.EMBEDDINGS, features)
    screen.page.set_viewport_size(SMALL)
    screen.run()
    return screen


def card_of(screen, place: int):
    """Wait for the card of the sample at `place`."""
    (name,) = screen.suspects(place)
    card = screen.page.locator(".o2u-card")
    expect(card).to_contain_text(name)
    return card


def test_everything_is_seen_at_once_in_the_full_window(screen, artefacts):
    page = screen.page
    screen.tile(0).click()
    screen.press("f")
    expect(page.locator("dialog.o2u-full")).to_be_visible()
    for theme, size in itertools.product(THEMES, (SMALL, LARGE)):
        screen.notebook.change_theme(theme)
        page.set_viewport_size(size)
        card_of(screen, 0)
        page.wait_for_timeout(300)
        page.screenshot(path=artefacts / f"review-{theme}-{size['width']}.png")
        for name, selector in TOGETHER.items():
            box = page.locator(selector).first.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"] + 1, name
            assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"] + 1, name
        picture = page.locator(".o2u-picture").bounding_box()
        assert min(picture["width"], picture["height"]) > 300
        assert page.get_by_role("button", name="Keep").count() == 1
    page.set_viewport_size(SMALL)
    screen.press("?")
    sheet = page.locator(".o2u-help")
    box = sheet.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= SMALL["height"]
    page.screenshot(path=artefacts / "review-keys.png")
    overflow = sheet.evaluate(
        "n => [n.scrollHeight - n.clientHeight, n.scrollWidth - n.clientWidth]"
    )
    assert max(overflow) <= 1
    screen.press("Escape", "k", "d", "Escape")
    expect(page.locator("dialog.o2u-full")).to_have_count(0)
    screen.expect_counts("2 of 160")
    screen.expect_current(2)
    assert page.evaluate("document.querySelector('.o2u-whole:modal')") is None
    screen.press("u")  # the focus is in the grid again
    screen.expect_counts("3 of 160")
    screen.expect_clean()


def test_the_browser_may_close_the_dialog(screen):
    screen.tile(0).click()
    screen.press("f")
    screen.page.evaluate("document.querySelector('dialog.o2u-full').close()")
    expect(screen.page.locator("dialog.o2u-full")).to_have_count(0)
    screen.press("k")
    screen.expect_counts("1 of 160")
    screen.expect_clean()


def test_the_full_screen_comes_after_the_full_window(screen, artefacts):
    page = screen.page
    screen.tile(0).click()
    screen.press("f")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement?.matches('.o2u-grid')")
    expect(page.locator(".o2u-full:modal")).to_have_count(0)
    screen.press("k")
    screen.expect_counts("1 of 160")
    page.wait_for_timeout(300)
    page.screenshot(path=artefacts / "review-screen.png")
    assert page.locator(".o2u-picture").bounding_box()["width"] > 300
    page.get_by_role("button", name="Window").click()
    page.wait_for_function("document.querySelector('.o2u-full').matches(':modal')")
    screen.press("d", "f")
    expect(page.locator(".o2u-full")).to_have_count(0)
    screen.expect_counts("2 of 160")
    screen.expect_clean()


def test_the_current_tile_is_in_view_while_keys_decide(screen):
    page = screen.page
    screen.tile(0).click()
    scroller = page.locator(".jp-WindowedPanel-outer").locator("visible=true").first
    for key in "kdkd":
        scroller.evaluate(
            "node => { node.scrollTop = key === 'k' ? 0 : 1e5; }".replace("key", repr(key))
        )
        page.wait_for_timeout(150)
        screen.press(key)
        page.wait_for_timeout(300)
        hidden = page.evaluate(
            """() => {
              const a = document.querySelector('.o2u-current').getBoundingClientRect();
              const outer = [...document.querySelectorAll('.jp-WindowedPanel-outer')]
                .find(node => node.checkVisibility()).getBoundingClientRect();
              return Math.max(outer.top - a.top, a.bottom - outer.bottom);
            }"""
        )
        assert hidden <= 1, key
    screen.expect_counts("4 of 160")


def test_a_digit_relabels_straight_from_the_tile(screen):
    page = screen.page
    screen.tile(0).click()
    card_of(screen, 0)
    second = page.locator(".o2u-offer bdi").nth(1).inner_text()
    screen.press("2")
    screen.expect_said(f"changed to {second}, Ctrl+Z undoes it")
    screen.expect_current(1)
    card_of(screen, 1)
    screen.press("9")
    screen.expect_said("No class has the digit 9 here")
    first = page.locator(".o2u-offer bdi").nth(0).inner_text()
    screen.press("Shift+ArrowRight", "Shift+ArrowRight")
    card_of(screen, 3)
    expect(page.locator(".o2u-meant")).to_contain_text("all 3 selected")
    first = page.locator(".o2u-offer bdi").nth(0).inner_text()
    screen.press("1")
    screen.expect_said("3 samples: ")
    screen.expect_said(f"changed to {first}")
    screen.expect_counts("4 of 160")
    screen.expect_clean()


def test_zoom_shows_all_pixels_and_leaves_the_notebook_where_it_is(screen):
    page = screen.page
    screen.tile(0).click()
    screen.press("f")
    card_of(screen, 0)
    frame = page.locator(".o2u-picture")
    box = frame.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.wheel(0, -600)
    expect(page.locator(".o2u-zoomed")).to_be_visible()
    page.wait_for_function("document.querySelector('.o2u-picture img').naturalWidth == 12")
    before = frame.locator("img").get_attribute("style")
    screen.press("ArrowRight")  # moves the picture, and not to the next tile
    assert frame.locator("img").get_attribute("style") != before
    screen.expect_current(0)
    screen.press("0")
    expect(page.locator(".o2u-zoomed")).to_have_count(0)
    screen.press("z", "ArrowLeft", "Escape", "ArrowRight")
    screen.expect_current(1)
    screen.press("Escape")
    top = page.evaluate("document.querySelector('.o2u-grid').getBoundingClientRect().top")
    screen.press("Enter")
    page.mouse.move(*(frame.bounding_box()[k] + 60 for k in ("x", "y")))
    page.mouse.wheel(0, -300)
    expect(page.locator(".o2u-zoomed")).to_be_visible()
    page.mouse.wheel(0, -300)
    assert page.evaluate("document.querySelector('.o2u-grid').getBoundingClientRect().top") == top
    screen.expect_clean()


def test_two_are_compared_side_by_side(screen, artefacts):
    page, sides = screen.page, screen.page.locator(".o2u-sides > div")
    screen.tile(0).click()
    screen.press("Shift+ArrowRight", "c")
    expect(sides).to_have_count(2)
    for place, name in enumerate(screen.suspects(0, 1)):
        expect(sides.nth(place)).to_contain_text(name)
        expect(sides.nth(place).locator("svg")).to_be_visible()
    screen.press("Escape", "Escape")
    expect(page.locator(".o2u-compare")).to_be_hidden()
    screen.press("ArrowRight", "f", "c")
    expect(page.locator(".o2u-compare")).to_contain_text("decide the one on the left")
    page.screenshot(path=artefacts / "review-compare.png")
    screen.press("k")
    expect(page.locator(".o2u-compare")).to_be_hidden()
    screen.expect_counts("1 of 160")
    screen.expect_clean()


def test_a_look_alike_is_gone_to_or_offered(screen):
    page = screen.page
    screen.tile(0).click()
    card = card_of(screen, 0)
    screen.press("/")
    page.locator(".o2u-text").fill(screen.suspects(0)[0])
    screen.expect_counts("1 shown")
    expect(page.get_by_role("button", name="Clear filters")).to_be_visible()
    near = card.locator(".o2u-near").first
    near.scroll_into_view_if_needed()
    near.click()
    screen.expect_said("is hidden by the filters")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator(".o2u-text")).to_have_value("")
    expect(page.get_by_role("button", name="Clear filters")).to_be_hidden()
    expect(page.locator(".o2u-current")).not_to_have_attribute("data-id", screen.suspects(0)[0])
    screen.expect_clean()


def test_what_another_cell_decides_is_said(screen):
    screen.notebook.execute("session.drop([session.columns.ids[session.visible[3]]])")
    screen.expect_said(f"{screen.suspects(3)[0]}: ")
    screen.expect_said("dropped, Ctrl+Z undoes it")


def test_an_output_in_a_view_of_its_own_is_filled(screen, artefacts):
    page = screen.page
    page.set_viewport_size(dict(width=1400, height=900))
    page.evaluate(
        """() => { window.notebook.activeCellIndex = 0;
          return window.jupyterapp.commands.execute('notebook:create-output-view'); }"""
    )
    view = page.locator(".jp-LinkedOutputView")
    view.locator(".o2u-tile img[src^=blob]").first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=artefacts / "review-view.png")
    room, grid = (view.bounding_box(), view.locator(".o2u-main").bounding_box())
    assert room["height"] - 60 < grid["y"] + grid["height"] - room["y"] <= room["height"] + 1
    page.evaluate("window.jupyterapp.shell.currentWidget.close()")


CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (colour, [r, g, b]) => {
    canvas.fillStyle = `rgb(${r}, ${g}, ${b})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const paper = node => {
    const behind = node.parentElement ? paper(node.parentElement) : [255, 255, 255];
    return over(getComputedStyle(node).backgroundColor, behind);
  };
  const light = colour => {
    const [r, g, b] = colour.map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const wrong = [];
  for (const node of document.querySelectorAll('.o2u-grid *')) {
    const texts = [...node.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!texts.length || !node.checkVisibility() || node.closest('svg')) continue;
    const back = paper(node), front = over(getComputedStyle(node).color, back);
    const [dark, bright] = [light(front), light(back)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) wrong.push(`${node.className || node.tagName} ${texts[0].data.trim()
      .slice(0, 20)}: ${contrast.toFixed(2)}`);
  }
  return wrong;
}"""


@pytest.mark.parametrize("theme", list(THEMES))
def test_text_has_enough_contrast(screen, theme):
    screen.notebook.change_theme(theme)
    screen.notebook.show(0)  # on a small screen JupyterLab takes cells off the page
    screen.notebook.settle()
    screen.tile(0).click()
    screen.press("k", "d", "s", "u", "Shift+ArrowRight")
    screen.expect_counts("4 of 160")
    screen.press("f")
    card_of(screen, 5)
    assert screen.page.evaluate(CONTRASTS) == []
    screen.press("?")
    assert screen.page.evaluate(CONTRASTS) == []
