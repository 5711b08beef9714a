"""Measure the peak memory of the kernel that runs each notebook of the course, without the server.

python -m o2u_nb.course.editions answers notebooks build/course
python benchmarks/notebook_memory.py build/course

For Linux: the figure is the kernel's highest resident set, from /proc. Notebooks that are in
results/notebook_memory.csv already are not run again; remove their rows to measure them anew.
"""

import argparse
from pathlib import Path

import nbformat
import pandas as pd
from common import Runs, write_table
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NAME = "notebook_memory"
PATIENCE = 900  # seconds that a cell may take


def main() -> None:
    """Run the notebooks of a folder that are not measured yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="notebooks with their answers")
    options = parser.parse_args()
    runs = Runs(NAME)
    for path in sorted(options.folder.glob("*.ipynb")):
        if not runs.has({"notebook": path.stem}):
            runs.add({"notebook": path.stem, "peak MB": peak(path)})
    write(runs.table)


def peak(path: Path) -> int:
    """Run the notebook at `path`; return the highest resident memory of its kernel, in MB."""
    resources = {"metadata": {"path": str(path.parent)}}
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=PATIENCE, resources=resources)
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise SystemExit(f"{path}: cell {index} failed: {error}") from error
        return highest_resident(client.km.provisioner.pid)


def highest_resident(pid: int) -> int:
    """Return the highest resident memory that the process has had, in MB of 1,000,000 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return round(int(kilobytes) * 1024 / 1e6)


def write(table: pd.DataFrame) -> None:
    """Write the table, in the order of the course."""
    rows = table.sort_values("notebook").set_index("notebook")
    notes = (
        "One run each, with answers filled in and one thread. torch is the build with CUDA, whose "
        "libraries count, too. The server of JupyterLab takes 90 MB more, measured idle."
    )
    print(write_table(NAME, "Peak memory of the notebooks", rows, notes).read_text())


if __name__ == "__main__":
    main()
