"""Measure how long the parts that need no torch take to import, each in a fresh process.

python benchmarks/imports.py [--repeats 5]
"""

import argparse
import subprocess
import sys

import numpy as np
import pandas as pd
from common import write_table

ROOMS = (
    "o2u_nb",
    "o2u_nb.data.sources",
    "o2u_nb.trace",
    "o2u_nb.detect.table",
    "o2u_nb.plots",
    "o2u_nb.report",
)
TIMER = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def main() -> None:
    """Time each room, and numpy with pandas for comparison, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for modules in ("numpy, pandas", *ROOMS, ", ".join(ROOMS)):
        command = [sys.executable, "-c", TIMER.format(modules)]
        seconds = [
            float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for _ in range(options.repeats)
        ]
        name = modules if modules.count(",") < 2 else "all of them"
        rows.append({"import": name, "seconds, median": f"{np.median(seconds):.2f}"})
    table = pd.DataFrame(rows).set_index("import")
    notes = f"Fresh processes, {options.repeats} each, files in the disk cache."
    print(write_table("imports", "Import times", table, notes).read_text())


if __name__ == "__main__":
    main()
