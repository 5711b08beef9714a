"""The server, and the browser page that tests share one after the other."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import PATIENCE, Desk, Lab

FAILED = pytest.StashKey[bool]()
expect.set_options(timeout=PATIENCE * 1000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One JupyterLab server for all tests; `folder` is the part of it that is a test's own."""
    root = tmp_path_factory.mktemp("lab")
    server = Lab(root / "files", root / "home")
    server.folder.mkdir()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def folder(lab, request):
    """An empty folder under the server's root, for one test."""
    folder = lab.folder / re.sub(r"\W+", "-", f"{request.module.__name__}-{request.node.name}")
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def desks():
    """The desk that tests share, as long as it is in order; at the end it is closed."""
    shared: list[Desk] = []
    yield shared
    for desk in shared:
        desk.close()


@pytest.fixture
def desk(lab, chromium, desks, request):
    """A browser page with JupyterLab, without notebooks; a test that fails leaves it to nobody.

    What a test shows there must ask for nothing from the network.
    """
    if not desks:
        desks.append(Desk(lab, chromium))
    yield desks[0]
    elsewhere, desks[0].asked_elsewhere = desks[0].asked_elsewhere, []
    if request.node.stash.get(FAILED, False):
        desks.pop().close()
    else:
        desks[0].clear()
    assert elsewhere == []
