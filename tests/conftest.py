"""What several test files share."""

import os
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# Toy networks on several threads spend their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, which is no fault of the code: how long an example takes decides nothing.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Start every test from the same random numbers, whatever ran before it.

    fastai draws from the global generators of Python, numpy and torch.
    """
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch = sys.modules.get("torch")  # importing it takes seconds, and a fresh one has a fixed seed
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def chromium():
    """One headless browser for all tests: playwright starts only once in a process."""
    if CHROMIUM is None:
        pytest.fail("the browser tests need Chromium: install the system package `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def artefacts(root) -> Path:
    """Where screenshots go, for people to look at."""
    folder = root / "test-artefacts"
    folder.mkdir(exist_ok=True)
    return folder
