"""The suspect grid in a real JupyterLab: keys, mouse, filters, restarts, themes, hostile names."""

import functools

import pytest
from playwright.sync_api import expect

from o2u_nb.detect.registry import called
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES
from tests.browser.lab import THEMES, Desk
from tests.browser.screen import N_WRONG, Screen

pytestmark = pytest.mark.browser
HOSTILE = ["<img src=x onerror=alert(1)>", '"><script>alert(2)</script>', "قط بري", "🐈" * 100]
SLOW = """
import pathlib, time

def wait(*args, keep=session.keep):
    while not pathlib.Path('go').exists():
        time.sleep(0.05)
    return keep(*args)

session.keep = wait
"""


@pytest.fixture
def open_grid(desk, folder):
    """Return a function that shows the grid of a new audit."""
    return functools.partial(Screen, desk, folder, shares=True)


@pytest.fixture
def own_screen(lab, chromium, folder):
    """A grid in a page and with a kernel of its own, for tests that load and restart them."""
    desk = Desk(lab, chromium)
    yield Screen(desk, folder, shares=False)
    desk.clear()
    desk.close()


def test_twenty_tiles_by_keyboard(open_grid, artefacts):
    screen = open_grid()
    screen.tile(0).click()
    for place, key in enumerate("ksdu" * 5):
        screen.expect_current(place)
        screen.press(key)
    screen.expect_counts("20 of 160 suspects decided")
    done = ["keep", "relabel", "drop", "unsure"] * 5
    screen.expect_decisions(dict(zip(screen.suspects(*range(20)), done, strict=True)))
    expect(screen.tile(20)).to_contain_text("undecided")
    screen.press("Home")
    for place, words in enumerate(["✓ kept", "⇄ now", "✕ dropped", "? unsure"]):
        expect(screen.tile(place)).to_contain_text(words)
    states = [screen.tile(place).get_attribute("data-state") for place in range(4)]
    assert states == ["keep", "relabel", "drop", "unsure"]
    screen.shoot(artefacts, "light-decided")
    screen.press("Control+z", "Control+z")
    screen.expect_counts("18 of 160")
    screen.press("Control+Shift+z")
    screen.expect_counts("19 of 160")
    screen.expect_said("Redone")
    screen.expect_clean()


def test_keys_typed_faster_than_the_kernel_answers(open_grid):
    screen = open_grid()
    screen.page.locator(".o2u-grid select").nth(1).select_option("undecided")
    screen.expect_counts("160 shown")
    screen.tile(0).click()
    screen.press(*"kdkdkdkdkd")
    screen.expect_counts("10 of 160 suspects decided · 150 shown")
    done = ["keep", "drop"] * 5
    screen.expect_decisions(dict(zip(screen.suspects(*range(10)), done, strict=True)))
    screen.expect_current(0)


def test_moving_selecting_and_relabelling_by_keyboard(open_grid, artefacts):
    screen = open_grid()
    screen.tile(0).click()
    top = screen.tile(0).bounding_box()["y"]
    columns = sum(
        tile.bounding_box()["y"] == top for tile in screen.page.locator(".o2u-tile").all()
    )
    screen.press("ArrowDown", "ArrowRight", "ArrowUp")
    screen.expect_current(1)
    screen.press("End")
    screen.expect_current(N_WRONG - 1)
    expect(screen.tile(N_WRONG - 1).locator("img[src^=blob]")).to_be_visible()
    screen.press("Home", "Shift+ArrowRight", "Shift+ArrowDown")
    screen.expect_counts(f"{columns + 2} selected")
    assert screen.tile(columns).get_attribute("aria-selected") == "true"
    screen.shoot(artefacts, "light-range")
    screen.press("k")
    screen.expect_said(f"{columns + 2} samples: {columns + 2} kept")
    screen.expect_current(columns + 2)
    screen.press("Control+a")
    screen.expect_counts("160 selected")
    screen.press("Escape", "n")
    screen.expect_counts("160 shown")
    screen.press("r")
    expect(screen.page.locator(".o2u-relabel [role=option]")).to_have_count(len(CLASSES))
    expect(screen.page.locator(".o2u-relabel small").first).to_contain_text("%")
    screen.shoot(artefacts, "light-relabel")
    screen.press("2")
    screen.expect_said("changed to")
    screen.press("r", "t", "i", "g", "Enter")
    screen.expect_said("tiger")
    screen.press("r", "Escape", "?")
    expect(screen.page.locator(".o2u-help")).to_be_visible()
    screen.shoot(artefacts, "light-keys")
    screen.press("Escape", "+")
    expect(screen.page.locator(".o2u-size")).to_have_value("3")
    screen.expect_clean()


def test_keys_that_are_none_of_ours_stay_away_from_the_notebook(open_grid):
    screen = open_grid()
    screen.tile(0).click()
    screen.press(*"abmyxvjoq0", "Shift+Enter", "Control+Enter", "Control+s", "Backspace", "Delete")
    screen.press("d", "d", "Control+z", "Control+z")
    screen.page.locator(".o2u-grid select").first.focus()
    screen.press("d", "d", "a", "b")
    screen.page.locator(".o2u-toolbar .o2u-button").first.focus()
    screen.press("x", "x", "Delete")
    screen.page.locator(".o2u-text").fill("")
    screen.page.locator(".o2u-text").focus()
    screen.press("d", "d")
    screen.expect_counts("0 shown")
    screen.expect_decisions({})
    screen.page.locator(".o2u-text").fill("")
    screen.expect_counts("160 shown")
    screen.press("Escape", "Tab")
    assert screen.page.evaluate("document.activeElement.closest('.o2u-list')") is None
    screen.expect_clean()


def test_by_mouse(open_grid, artefacts):
    screen = open_grid()
    screen.tile(2).click()
    screen.tile(5).click(modifiers=["Shift"])
    screen.tile(9).click(modifiers=["Control"])
    screen.tile(3).click(modifiers=["Control"])
    screen.expect_counts("4 selected")
    screen.page.get_by_role("button", name="Drop").click()
    screen.expect_said("4 samples: 4 dropped")
    screen.expect_decisions(dict.fromkeys(screen.suspects(2, 4, 5, 9), "drop"))
    screen.page.get_by_role("button", name="Undo").click()
    screen.expect_counts("0 of 160 suspects decided")
    screen.tile(7).dblclick()
    large = screen.page.locator(".o2u-large")
    expect(large).to_contain_text(screen.suspects(7)[0])
    expect(large).to_contain_text("while training the network gave")
    screen.page.wait_for_function("document.querySelector('.o2u-picture img').naturalWidth == 1024")
    screen.shoot(artefacts, "light-large")
    screen.press("ArrowRight")
    expect(large).to_contain_text(screen.suspects(8)[0])
    screen.press("k")
    expect(large).to_contain_text(screen.suspects(9)[0])
    screen.press("Escape")
    expect(large).to_be_hidden()
    screen.expect_current(9)
    screen.expect_decisions(dict.fromkeys(screen.suspects(8), "keep"))
    screen.expect_clean()


def test_filters_and_order(open_grid):
    screen = open_grid()
    label, decision, order = (screen.page.locator(".o2u-grid select").nth(k) for k in range(3))
    label.select_option("tiger")
    screen.expect_counts("40 shown")
    screen.settle()
    assert set(screen.page.locator(".o2u-given bdi").all_text_contents()) == {"tiger"}
    screen.tile(0).click()
    screen.press("k", "k")
    decision.select_option("decided")
    screen.expect_counts("2 shown")
    label.select_option("all classes")
    decision.select_option("all")
    screen.expect_counts("160 shown")
    order.select_option(called("o2u_var"))
    screen.page.get_by_role("button", name="highest").click()
    session = ReviewSession(screen.folder, reviewer="ann")
    session.order_by, session.descending = "o2u_var", False
    expect(screen.tile(0)).to_have_attribute("data-id", session.page(0, 1)[0]["sample_id"])
    screen.page.get_by_label("suspects only").uncheck()
    screen.expect_counts("300 shown")
    screen.press("/")
    screen.page.locator(".o2u-text").fill("TIGER/0000003")
    screen.expect_counts("1 shown")
    screen.page.locator(".o2u-text").fill("no such thing")
    expect(screen.page.locator(".o2u-empty")).to_contain_text("Nothing to show")
    screen.expect_clean()


def test_a_class_made_elsewhere_is_offered(open_grid):
    screen = open_grid()
    make = "session.relabel('lynx', [session.columns.ids[session.visible[3]]], new_class=True)"
    screen.notebook.execute(make)
    expect(screen.tile(3)).to_contain_text("⇄ now lynx")
    label = screen.page.locator(".o2u-grid select").first
    expect(label.locator("option")).to_have_text(["all classes", *sorted([*CLASSES, "lynx"])])
    screen.tile(0).click()
    screen.press("r", "l", "y", "Enter")
    screen.expect_said("changed to lynx")
    label.select_option("lynx")
    screen.expect_counts("2 shown")
    screen.expect_clean()


def test_a_class_is_made_by_keyboard_and_shown_alone(open_grid, artefacts):
    screen = open_grid()
    label, names = screen.page.locator(".o2u-grid select").first, ".o2u-relabel [role=option] span"
    active = screen.page.locator(names.replace("]", "][aria-selected=true]"))
    screen.tile(0).click()
    screen.press("r", *"le")
    expect(screen.page.locator(names)).to_have_text(["leopard", "New class “le”"])
    expect(active).to_have_text("leopard")
    screen.press("Backspace", "Backspace", *"lynx")
    expect(screen.page.locator(names)).to_have_text(["New class “lynx”"])
    screen.shoot(artefacts, "light-new-class")
    screen.press("Enter")
    screen.expect_said("changed to lynx (a new class)")
    screen.expect_current(1)
    screen.press("r", *"lyn")
    expect(screen.page.locator(names)).to_have_text(["lynx", "New class “lyn”"])
    screen.press("ArrowDown", "ArrowUp", "Enter")
    screen.expect_said("changed to lynx, Ctrl+Z undoes it")
    label.focus()
    screen.press(*"lynx", "Enter")
    screen.expect_counts("2 shown")
    expect(label).to_have_value("lynx")
    screen.expect_decisions(dict.fromkeys(screen.suspects(0, 1), "relabel"))
    screen.page.get_by_role("button", name="Undo").click(click_count=2)
    screen.expect_counts("0 shown")
    expect(label).to_have_value("lynx")  # the filter holds, and can be lifted
    label.select_option("all classes")
    screen.expect_counts("160 shown")
    screen.expect_clean()


@pytest.mark.parametrize("theme", list(THEMES))
def test_a_slip_of_the_keyboard_is_asked_about(open_grid, artefacts, theme):
    screen = open_grid(theme=theme)
    dialog, question = (screen.page.locator(f".o2u-{name}") for name in ("relabel", "question"))
    use, make = (question.get_by_role("button").nth(k) for k in range(2))
    given = screen.suspects(0)[0].split("/")[0]
    other, slip = ("leopard", "Leopadr") if given == "tiger" else ("tiger", "Tigre")
    screen.tile(0).click()
    screen.press("r", *slip, "Enter")
    expect(question).to_contain_text(f"“{slip}” is not a class yet, but close to “{other}”.")
    expect(use).to_have_text(f"Use “{other}”")
    expect(make).to_have_text(f"Make a new class “{slip}”")
    expect(use).to_be_focused()
    screen.shoot(artefacts, f"{theme}-slip")
    screen.press("d", "ArrowRight", "Escape")  # no key of the dialog reaches the grid behind it
    expect(dialog).to_be_hidden()
    screen.expect_current(0)
    screen.expect_decisions({})
    screen.press("r", *slip, "Enter")
    expect(use).to_be_focused()
    screen.press("Shift+Tab", "End", "Backspace")  # typing on takes the question back
    expect(question).to_be_hidden()
    expect(dialog.get_by_role("option").first).to_contain_text(f"New class “{slip[:-1]}”")
    screen.press("Enter")
    expect(question).to_contain_text(f"“{slip[:-1]}” is not a class yet, but close to “{other}”.")
    screen.press("Enter")
    screen.expect_said(f"changed to {other}, Ctrl+Z undoes it")
    screen.expect_current(1)
    screen.press("r", *"leopards", "Enter")
    expect(use).to_be_focused()
    screen.press("Tab", "Enter")
    screen.expect_said("changed to leopards (a new class)")
    screen.expect_decisions(dict.fromkeys(screen.suspects(0, 1), "relabel"))
    screen.expect_clean()


def test_no_more_is_asked_for_than_the_visible_page_and_one(open_grid):
    screen = open_grid()
    screen.notebook.settle()
    per_page, rows = screen.page.evaluate(
        """() => {
          const tiles = [...document.querySelectorAll('.o2u-tile')];
          const tops = tiles.map(tile => tile.getBoundingClientRect());
          const columns = tops.filter(t => t.top === tops[0].top).length;
          const list = document.querySelector('.o2u-list').clientHeight;
          return [Math.ceil(list / (tops[0].height + 8)) * columns, columns];
        }"""
    )
    wanted = {place for asked in screen.asked for place in asked["pictures"]}
    assert wanted == set(range(len(wanted))) and per_page <= len(wanted) <= 2 * per_page + rows
    before = len(screen.asked)
    screen.page.evaluate("document.querySelector('.o2u-list').scrollTop = 1e6")
    expect(screen.tile(N_WRONG - 1).locator("img[src^=blob]")).to_be_visible()
    asked = screen.asked[before:]
    assert 1 <= len(asked) <= 2
    assert min(place for each in asked for place in each["pictures"]) >= N_WRONG - per_page - rows
    screen.page.evaluate("document.querySelector('.o2u-list').scrollTop = 0")
    screen.settle()
    assert len(screen.asked) == before + len(asked)  # the first page is still at hand


def test_decisions_survive_reload_and_restart(own_screen):
    screen = own_screen
    screen.tile(0).click()
    screen.press("k", "d", "s")
    screen.expect_counts("3 of 160")
    expected = dict(zip(screen.suspects(0, 1, 2), ["keep", "drop", "relabel"], strict=True))
    screen.expect_decisions(expected)
    screen.notebook.save()
    screen.notebook.desk.load()  # the kernel goes on, the page is new
    screen.notebook.open()
    screen.settle()
    expect(screen.tile(1)).to_contain_text("✕ dropped")
    screen.tile(3).click()
    screen.press("u")
    screen.expect_counts("4 of 160")
    screen.page.evaluate("window.kernel.restart()")
    screen.expect_said("The kernel was restarted")
    screen.tile(5).click()
    screen.press("d")
    screen.expect_said("The kernel was restarted")
    assert len(screen.decisions()) == 4
    screen.run()
    screen.expect_counts("4 of 160")
    expect(screen.tile(3)).to_contain_text("? unsure")
    screen.expect_untouched()  # JupyterLab itself complains about the restart


def test_a_slow_kernel_is_said_and_loses_no_decision(open_grid, folder):
    screen = open_grid()
    screen.tile(0).click()
    screen.notebook.execute(SLOW)
    screen.press("k", "d")
    expect(screen.tile(0)).to_contain_text("… saving")
    expect(screen.page.locator(".o2u-busy")).to_be_visible()
    screen.expect_current(2)
    screen.expect_decisions({})
    (folder / "go").touch()
    screen.expect_counts("2 of 160")
    expect(screen.page.locator(".o2u-busy")).to_be_hidden()
    screen.expect_decisions(dict(zip(screen.suspects(0, 1), ["keep", "drop"], strict=True)))


def test_a_log_that_cannot_be_written_is_said_and_no_decision_claimed(open_grid):
    screen = open_grid()
    log = screen.folder / "decisions.jsonl"
    log.mkdir()
    screen.tile(2).click()
    screen.press("k")
    screen.expect_said("the last decision is not recorded")
    expect(screen.page.locator(".o2u-said.o2u-error")).to_be_visible()
    expect(screen.tile(2)).to_contain_text("undecided")
    screen.expect_current(2)
    log.rmdir()
    screen.press("k")
    screen.expect_counts("1 of 160")


def test_other_peoples_names_are_only_text(open_grid, artefacts):
    ids = [f"{HOSTILE[k % 4]}/{'long ' * 40}{k}.png" for k in range(24)]
    screen = open_grid(n=24, n_wrong=12, classes=HOSTILE, ids=ids, images=None)
    screen.tile(0).click()
    screen.press("s", "r")
    expect(screen.page.locator(".o2u-relabel [role=option]")).to_have_count(4)
    screen.shoot(artefacts, "hostile")
    screen.press("Enter", "Enter")
    expect(screen.page.locator(".o2u-large")).to_be_visible()
    given = set(screen.page.locator(".o2u-given bdi").all_text_contents())
    assert given == set(HOSTILE)
    screen.page.set_viewport_size(dict(width=500, height=950))
    screen.press("Escape")
    for slip in (f"{HOSTILE[0]}>", f"{HOSTILE[3]}🐈"):
        screen.press("r")
        screen.page.keyboard.insert_text(slip)
        screen.press("Enter")
        expect(screen.page.locator(".o2u-question p")).to_contain_text(
            f"“{slip}” is not a class yet, but close to"
        )
        screen.shoot(artefacts, "hostile-slip")
        assert screen.page.evaluate(SPILLS) == []
        screen.press("Tab", "Enter")
        screen.expect_said("(a new class)")
    assert screen.page.locator("img[src=x], .o2u-grid script").count() == 0
    screen.expect_clean()


def test_missing_and_damaged_images_have_a_tile_that_says_so(open_grid, artefacts, folder):
    screen = open_grid(side=40)
    images = folder / "images"
    first, second = screen.suspects(150, 151)
    (images / first).unlink()
    (images / second).write_bytes(b"no image")
    screen.tile(0).click()
    screen.press("End")
    expect(screen.tile(151).locator("img[src^=blob]")).to_be_visible()
    screen.shoot(artefacts, "damaged")


def test_nothing_is_clipped_or_overlaps(open_grid, artefacts):
    screen = open_grid(theme="dark")
    screen.tile(1).click()
    screen.press("k", "s", "d", "u", "Shift+ArrowRight", "Shift+ArrowRight")
    screen.expect_counts("3 selected")
    for theme, width in [("dark", 1400), ("dark", 500), ("light", 1000), ("light", 2500)]:
        screen.page.set_viewport_size(dict(width=width, height=950))
        screen.notebook.change_theme(theme)
        screen.settle()
        screen.notebook.settle()
        screen.shoot(artefacts, f"{theme}-{width}")
        assert screen.page.evaluate(OVERLAPS) == []
    screen.expect_clean()


SPILLS = """() => [...document.querySelectorAll('.o2u-question, .o2u-question *')]
  .filter(n => n.clientWidth && n.scrollWidth > n.clientWidth + 1)
  .map(n => n.className || n.tagName)"""
OVERLAPS = """() => {
  const root = document.querySelector('.o2u-grid').getBoundingClientRect();
  const names = n => n.className + ':' + n.textContent.slice(0, 20);
  const groups = [...document.querySelectorAll('.o2u-row, .o2u-spacer, .o2u-tile')];
  const wrong = [];
  for (const group of groups) {
    const children = [...group.children].filter(c => c.offsetWidth);
    const boxes = children.map(c => c.getBoundingClientRect());
    boxes.forEach((a, i) => {
      const outside = a.left < root.left - 1 || a.right > root.right + 1;
      if (outside) wrong.push(names(children[i]) + ' outside');
      boxes.slice(0, i).forEach((b, j) => {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 1) wrong.push(names(children[i]) + ' over ' + names(children[j]));
      });
    });
  }
  return wrong;
}"""
