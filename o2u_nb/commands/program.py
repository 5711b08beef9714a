"""How this program was called, for messages that say what to type next."""

import shlex
import sys
from pathlib import Path


def program() -> str:
    """Name this program as it was called: by its command, or as a module of Python."""
    name = Path(sys.argv[0]).stem
    return name if name == "o2u-nb" else "python -m o2u_nb"


def command() -> str:
    """Return what to type to call this program again, also where no environment is active."""
    name = program()
    return name if name == "o2u-nb" else f"{shlex.quote(sys.executable)} -m o2u_nb"
