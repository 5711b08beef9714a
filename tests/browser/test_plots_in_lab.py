"""Plots in JupyterLab: pictures beside the pointer, the line that is dragged, the epoch player."""

import pytest
from playwright.sync_api import expect

from o2u_nb.text import clip
from tests.audits import write_audit
from tests.browser.lab import THEMES, Notebook, write_notebook
from tests.pages import HOSTILE

pytestmark = pytest.mark.browser
CELL = """
from IPython.display import display
from o2u_nb import Audit
from o2u_nb.widgets import confusion, histograms, player, trajectories
session = Audit.open("audit").session(reviewer="ann")
panel = {panel}(session)
display(panel)
"""
CLASSES = ["cheetah", "jaguar", "leopard", HOSTILE]
TILE = ".o2u-preview"


@pytest.fixture
def opened(desk, folder):
    """A function that shows one panel of a small audit in a notebook."""
    write_audit(folder / "audit", n=120, n_wrong=30, side=24, epochs=8, classes=CLASSES)

    def show(panel: str, size=(1440, 900)) -> Notebook:
        path = write_notebook(folder / f"{panel}.ipynb", [CELL.format(panel=panel).strip()])
        notebook = Notebook(desk, path, shares=True, size=size)
        notebook.run_all()
        assert notebook.errors() == []
        return notebook

    return show


def plot_of(notebook: Notebook, number: int = 0):
    """Bring a plot into view, and return it."""
    shown = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # another one may be open, too
    plot = notebook.page.locator(f"{shown} .js-plotly-plot").nth(number)
    plot.locator(".nsewdrag").first.wait_for(state="attached")
    plot.scroll_into_view_if_needed()
    notebook.settle()
    return plot


def pixel(plot, trace: int, point: int) -> tuple[float, float]:
    """Return where a point of a plot is on the page."""
    x, y = plot.evaluate(
        """(el, [trace, point]) => {
          const { xaxis, yaxis } = el._fullLayout, { left, top } = el.getBoundingClientRect();
          const full = el._fullData[trace];
          return [left + xaxis._offset + xaxis.d2p(full.x[point]),
                  top + yaxis._offset + yaxis.d2p(full.y[point])];
        }""",
        [trace, point],
    )
    return x, y


def tile_at(notebook: Notebook, x: float, y: float, text: str):
    """Move the pointer to a place, and wait for the tile that belongs there."""
    notebook.page.mouse.move(x - 60, y - 40)
    notebook.page.mouse.move(x, y, steps=4)
    tile = notebook.page.locator(TILE).filter(has_text=text)
    tile.wait_for()
    return tile


def shown_pictures(tile) -> int:
    """Count the pictures of a tile that the browser could decode."""
    loaded = "i => i.decode().then(() => i.naturalWidth)"
    return sum(picture.evaluate(loaded) > 0 for picture in tile.locator("img").all())


def value(notebook: Notebook, expression: str) -> str:
    """Return what an expression in the kernel is, as text."""
    return notebook.desk.wait_for(
        """async code => {
          let text = '';
          const asked = window.kernel.requestExecute({ code });
          asked.onIOPub = ({ content }) => { text += content.text ?? ''; };
          await asked.done;
          return text.trim();
        }""",
        f"print({expression})",
    )


def untouched(notebook: Notebook) -> bool:
    """Tell whether the notebook has its one cell, and nothing of ours has complained."""
    return len(notebook.cells()) == 1 and notebook.ours == [] and notebook.dialogs == []


def test_a_point_and_a_bar_show_pictures_and_select(opened, artefacts):
    notebook = opened("histograms.HistogramsPanel")
    page, scatter = notebook.page, plot_of(notebook, 3)
    hostile = int(value(notebook, "list(session.scores['label']).index(session.classes[0])"))
    tile = tile_at(notebook, *pixel(scatter, 1, hostile), f"#{hostile + 1} ")
    assert shown_pictures(tile) == 1
    expect(tile).to_contain_text(f"{clip(HOSTILE, 30)} → cheetah")  # as text
    page.screenshot(path=artefacts / "plots-point.png")
    page.mouse.down()
    page.mouse.up()
    notebook.settle()
    assert value(notebook, f"session.current == session.scores.index[{hostile}]") == "True"
    page.mouse.move(5, 5)
    expect(page.locator(TILE)).to_have_count(0)

    bars = plot_of(notebook, 0)
    highest = bars.evaluate(
        """el => [...el._fullData[1].y]
          .reduce((best, y, i, all) => y > (all[best] || 0) ? i : best, 0)"""
    )
    x, y = pixel(bars, 1, highest)
    tile = tile_at(notebook, x, y + 12, "→")
    assert shown_pictures(tile) > 1
    page.screenshot(path=artefacts / "plots-bar.png")
    page.mouse.down()
    page.mouse.up()
    page.get_by_text("picked, ").first.wait_for()
    count = int(value(notebook, "len(session.visible)"))
    assert count == bars.evaluate(f"el => el._fullData[1].y[{highest}]")
    assert untouched(notebook)


def test_a_line_shows_a_picture_and_what_it_was_taken_for(opened, artefacts):
    notebook = opened("trajectories.TrajectoriesPanel")
    notebook.execute("session.select(session.scores.index[:3])")
    plot = plot_of(notebook)
    notebook.settle()
    tile = tile_at(notebook, *pixel(plot, 11, 4), "Epoch 5: predicted ")
    assert shown_pictures(tile) == 1
    notebook.page.screenshot(path=artefacts / "plots-line.png")
    assert untouched(notebook)


def test_a_cell_shows_pictures(opened, artefacts):
    notebook = opened("confusion.ConfusionPanel")
    area = plot_of(notebook).locator(".nsewdrag").first.bounding_box()
    x, y = area["x"] + area["width"] * 3.5 / 4, area["y"] + area["height"] * 2.5 / 4
    tile = tile_at(notebook, x, y, "jaguar → leopard")
    assert shown_pictures(tile) == 6
    expect(tile).to_contain_text("6 of 8")
    notebook.page.screenshot(path=artefacts / "plots-cell.png")
    assert untouched(notebook)


def test_both_sides_are_shown_while_the_line_moves(opened, artefacts):
    notebook = opened("histograms.HistogramsPanel")
    page, before = notebook.page, value(notebook, "session.threshold")
    line = plot_of(notebook, 0).locator(".o2u-cut").bounding_box()
    x, y = line["x"] + line["width"] / 2, line["y"] + line["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=12)
    tile = page.locator(TILE).filter(has_text="last suspect: #")
    tile.wait_for()
    expect(tile).to_contain_text("first left out: #")
    page.wait_for_timeout(300)
    assert shown_pictures(tile) == 2
    counted = page.locator(".widget-html-content b").first.inner_text()
    assert 0 < int(counted) < 30  # without release
    expect(tile).to_contain_text(f"{counted} suspects")
    assert value(notebook, "session.threshold") == before
    page.screenshot(path=artefacts / "plots-dragged.png")
    page.mouse.up()
    notebook.settle()
    assert value(notebook, "session.suspects.sum()") == counted
    cut = page.locator(".o2u-cut").bounding_box()
    assert abs(cut["x"] - line["x"] - 60) < 3

    page.get_by_role("button", name="Back to the estimate").click()
    notebook.settle()
    assert value(notebook, "session.threshold") == before
    page.locator(".o2u-cut").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    page.keyboard.press("d")
    notebook.settle()
    assert float(value(notebook, "session.threshold")) > float(before)
    slider = page.locator(".o2u-slider input").first
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator(TILE)).to_contain_text("1 suspects")
    page.keyboard.press("d")
    page.keyboard.press("d")
    notebook.settle()
    assert value(notebook, "session.suspects.sum()") == "1"
    slider.press("Tab")
    expect(page.locator(TILE)).to_have_count(0)
    assert untouched(notebook)


def test_the_player_plays_steps_and_chooses(opened, artefacts):
    notebook = opened("player.PlayerPanel")
    page = notebook.page
    canvas, where = page.locator(".o2u-player canvas"), page.locator(".o2u-player output")
    canvas.scroll_into_view_if_needed()
    expect(where).to_contain_text("Epoch 1 of 8, warm-up")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    expect(where).to_contain_text("Epoch 2 of 8")
    page.locator(".o2u-controls select").select_option("8")
    expect(canvas).to_be_focused()
    page.keyboard.press(" ")
    expect(where).to_contain_text("Epoch 8 of 8, cyclic phase, mean and variance since epoch 5")
    expect(page.get_by_role("button", name="▶ Play")).to_be_visible()
    steps = page.locator(".o2u-player li")
    expect(steps).to_have_count(8)
    expect(steps.nth(7)).to_have_attribute("aria-current", "step")
    first = value(notebook, "*session.scores[['label', 'suggested_label']].iloc[0], sep='|'")
    names = " → ".join(clip(name, 30) for name in first.split("|"))
    expect(page.locator(".o2u-player aside p")).to_have_text(f"#1 {names}")
    for theme in THEMES:
        notebook.change_theme(theme)
        for size in ((1440, 900), (1024, 576)):
            page.set_viewport_size(dict(width=size[0], height=size[1]))
            notebook.settle()
            canvas.scroll_into_view_if_needed()
            notebook.settle()
            page.screenshot(path=artefacts / f"plots-player-{theme}-{size[0]}.png")
            drawn, light = canvas.evaluate(
                """canvas => {
                  const { width, height } = canvas, pen = canvas.getContext('2d');
                  const data = pen.getImageData(0, 0, width, height).data;
                  let drawn = 0, light = 0;
                  for (let i = 0; i < data.length; i += 4) {
                    if (data[i + 3] < 100) continue;
                    drawn++;
                    if (data[i] + data[i + 1] + data[i + 2] > 600) light++;
                  }
                  return [drawn, light];
                }"""
            )
            assert drawn > 500 and (light > 100) == (theme == "dark")  # the text is in its colour
    page.keyboard.press("ArrowDown")
    expect(page.locator(".o2u-player aside")).to_contain_text("#2 ")
    for key in "dda":
        page.keyboard.press(key)
    page.keyboard.press("End")
    box = canvas.bounding_box()
    found = None
    for k in range(60):  # suspects are far to the right
        page.mouse.move(box["x"] + box["width"] * (0.95 - k / 100), box["y"] + box["height"] * 0.35)
        found = page.locator(TILE)
        page.wait_for_timeout(60)
        if found.count():
            break
    assert shown_pictures(found) == 1
    title = found.locator("figcaption").inner_text()
    page.screenshot(path=artefacts / "plots-player-point.png")
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".o2u-player aside p")).to_have_text(title)
    assert untouched(notebook)


READ = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((v, i) => i === 3 ? v / 255 : v);
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => a * v + (1 - a) * below[i]);
  const light = color => color.reduce((sum, v, i) => {
    const share = v / 255;
    const linear = share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][i] * linear;
  }, 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = rgba(getComputedStyle(node).backgroundColor);
      if (color[3] > 0.99) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('.o2u-plot')].flatMap(plot => {
    const paper = behind(plot);
    const inHover = node => node.closest('.hoverlayer');
    return [...plot.querySelectorAll('text')].filter(t => t.textContent.trim()).map(text => {
      const path = inHover(text) && text.parentElement.querySelector('path');
      const below = path ? over(rgba(getComputedStyle(path).fill), paper) : paper;
      const both = [light(over(rgba(getComputedStyle(text).fill), below)), light(below)];
      const contrast = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
      return { text: text.textContent, contrast };
    });
  });
}"""


ON_LEGEND = """() => [...document.querySelectorAll('.o2u-plot')].flatMap(plot => {
  const legend = plot.querySelector('.legend .bg')?.getBoundingClientRect();
  if (!legend) return [];
  const texts = plot.querySelectorAll('[class$=tick] text, .infolayer [class*=title]');
  return [...texts].filter(text => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return left < legend.right - 1 && right > legend.left + 1
      && top < legend.bottom - 1 && bottom > legend.top + 3 && right > left;
  }).map(text => text.textContent);
})"""


# The titles of x axes that stand as high as the ticks, whether or not a tick is just there.
ON_TICKS = """() => [...document.querySelectorAll('.o2u-plot')].flatMap(plot => {
  const ticks = [...plot.querySelectorAll('.xtick text')].map(t => t.getBoundingClientRect());
  return [...plot.querySelectorAll('.infolayer [class^=x][class$=title]')].filter(title => {
    const { top, bottom } = title.getBoundingClientRect();
    return ticks.some(tick => tick.height && top < tick.bottom - 2 && bottom > tick.top + 2);
  }).map(title => title.textContent);
})"""


@pytest.mark.parametrize(
    "panel",
    ["histograms.HistogramsPanel", "trajectories.TrajectoriesPanel", "confusion.ConfusionPanel"],
)
def test_text_is_readable_and_nothing_covers_a_title(opened, artefacts, panel):
    notebook = opened(panel)
    page = notebook.page
    for theme in (*THEMES, *THEMES):  # switched while the panel is open
        notebook.change_theme(theme)
        for width, height in ((1440, 900), (1024, 576)):
            page.set_viewport_size(dict(width=width, height=height))
            plot = plot_of(notebook)
            area = plot.locator(".nsewdrag").first.bounding_box()
            page.mouse.move(area["x"] + area["width"] * 0.4, area["y"] + area["height"] * 0.45)
            page.mouse.move(area["x"] + area["width"] * 0.41, area["y"] + area["height"] * 0.46)
            notebook.settle()
            page.screenshot(path=artefacts / f"plots-{panel.split('.')[0]}-{theme}-{width}.png")
            texts = page.evaluate(READ)
            assert len(texts) > 10
            assert [text for text in texts if text["contrast"] < 4.5] == []
            covered = plot.evaluate(
                """el => {
                  const title = el.querySelector('.gtitle').getBoundingClientRect();
                  const bar = el.querySelector('.modebar').getBoundingClientRect();
                  return title.width > 0 && bar.bottom > title.top + 1 && bar.top < title.bottom;
                }"""
            )
            assert not covered
            assert page.evaluate(ON_LEGEND) == []
            assert page.evaluate(ON_TICKS) == []
            bars = page.evaluate(
                """() => [...document.querySelectorAll('.jp-OutputArea *')].filter(node => {
                  const { overflowX, overflowY } = getComputedStyle(node);
                  const canScroll = style => style === 'auto' || style === 'scroll';
                  return (canScroll(overflowX) && node.scrollWidth > node.clientWidth + 1)
                    || (canScroll(overflowY) && node.scrollHeight > node.clientHeight + 1);
                }).map(node => node.className)"""
            )
            assert bars == []
    assert untouched(notebook)
