"""The notebooks of the course, as the tests of this folder read them."""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path, kind: str = "code") -> list[dict]:
    """The cells of one kind, each with its source as one text."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [{**c, "source": "".join(c["source"])} for c in found if c["cell_type"] == kind]


def asked(path: Path) -> list[str]:
    """The names of the self-checks that a notebook asks, in their order."""
    return [
        name
        for cell in cells(path)
        for name in re.findall(r"^checks\.(\w+)\(", cell["source"], re.M)
    ]
