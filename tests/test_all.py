"""The notebook's surface: every name is there, and importing it prints nothing."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_all_names_exist_and_the_first_cell_is_silent():
    script = (
        "from o2u_nb.all import *\n"
        "import o2u_nb.all as surface\n"
        "missing = [name for name in surface.__all__ if name not in globals()]\n"
        "assert not missing, missing\n"
        "assert hasattr(Learner, 'fit_o2u') and hasattr(Learner, 'no_bar')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
