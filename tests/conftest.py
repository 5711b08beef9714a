"""What several test files share."""

import os
from pathlib import Path

import pytest

# Toy networks on several threads spend their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).parents[1]
