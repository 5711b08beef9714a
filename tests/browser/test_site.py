"""The documentation site in a browser: it asks nobody but its own server, and search works."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests import site as sites
from tests.serving import served

pytestmark = pytest.mark.browser
PAGES = ("index.html", "theory/scores.html", "notebooks/06_dynamics.html")


@pytest.fixture(scope="module")
def address(root):
    """The address of a server of the site."""
    with served(sites.built(root).folder) as address:
        yield address


@pytest.fixture
def page(chromium, address):
    """A browser page whose requests and errors are kept."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.asked, page.failed = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.failed.append(str(error)))
    page.on("response", lambda got: got.status >= 400 and page.failed.append(got.url))
    yield page
    context.close()


def test_pages_ask_nobody_but_their_server(page, address, artefacts):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name in PAGES:
            page.goto(f"{address}/{name}", wait_until="networkidle")
            if name.startswith("notebooks/"):
                expect(page.locator(".figure .main-svg").first).to_be_visible()
            page.screenshot(path=artefacts / f"site-{name.replace('/', '-')}-{scheme}.png")
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}
    assert page.failed == []


def test_search_finds_a_page_without_the_network(page, address):
    page.goto(f"{address}/index.html", wait_until="networkidle")
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("hypergeometric")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    found = page.locator(".md-search-result__link").evaluate_all("links => links.map(a => a.href)")
    assert any("theory/scores.html" in link or "reference/review.html" in link for link in found)
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}


def test_nothing_is_cut_off_on_a_narrow_screen(page, address):
    page.set_viewport_size({"width": 480, "height": 900})
    for name in PAGES:
        page.goto(f"{address}/{name}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 480, name
        assert page.locator(".md-content h1").bounding_box()["width"] > 200
