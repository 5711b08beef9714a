"""What several test files share."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from o2u_nb import stopping
from tests.chromium import headless

# The first needs atheris, and is run by hand; the second runs in an environment of its own.
collect_ignore = ["fuzz", "target_tools.py"]

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
    """One headless browser for all tests."""
    with headless() as browser:
        yield browser


@pytest.fixture
def no_loop():
    """No event loop runs here, also after browser tests: playwright leaves its own running."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture
def artefacts(root) -> Path:
    """Where screenshots go, for people to look at."""
    folder = root / "test-artefacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def usual_signals():
    """Signals as a terminal gives them; `nohup` and a shell's `&` let a program ignore some."""
    usual = {signal.SIGINT: signal.default_int_handler}
    before = {s: signal.signal(s, usual.get(s, signal.SIG_DFL)) for s in stopping.SIGNALS}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)
