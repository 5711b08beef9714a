"""Measure the course: seconds of each notebook, answer times of its explorables, its self-checks.

python benchmarks/course.py [--repeats 20]
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from common import RESULTS, machine, markdown
from nbclient import NotebookClient

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb.course import checks, editions
from o2u_nb.widgets.course import panels
from tests.course.answers import ANSWERS
from tests.course.notebooks import PATHS, asked

ROOT = Path(__file__).parents[1]
PATIENCE = 900  # seconds that a cell may take
MOST_MINUTES = 15  # for a notebook
MOST_MS = 200  # for an answer without training
EXPLORABLES = (
    panels.NoiseExplorable,
    panels.EntropyExplorable,
    panels.MemorisingExplorable,
    panels.DynamicsExplorable,
    panels.ConfidentExplorable,
    panels.EffortExplorable,
)


def main() -> None:
    """Measure all three, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="changes of each explorable")
    options = parser.parse_args()
    interactions = pd.DataFrame(
        row for kind in EXPLORABLES for row in answers(kind, options.repeats)
    )
    notebooks = pd.DataFrame(seconds_of_notebooks())
    asked_of = pd.DataFrame(verdicts())
    text = "\n\n".join(
        [
            "# The course",
            machine(),
            f"## Notebooks\n\nEach notebook with its answers filled in, run once from top to "
            f"bottom in a new kernel; the start of the kernel is counted. In total "
            f"{notebooks['seconds'].sum():.0f} s; {MOST_MINUTES} minutes each are allowed.",
            markdown(notebooks.set_index("notebook")),
            f"## Explorables\n\nFrom a change of one control to the answer, on the Python side: "
            f"the figures are computed and put into the widgets. {options.repeats} changes of each "
            f"control over its whole range; at most {MOST_MS} ms are allowed where nothing is "
            "trained. In `ConfidentExplorable` a new noise or another model trains by five-fold "
            "cross-validation, and only the thresholds do not. `CyclicExplorer` trains, too: see "
            '`head_speed.md`. The columns "of work" count the time of this process '
            f"alone; others used the machine, too: its load average was {os.getloadavg()[0]:.1f}.",
            markdown(interactions.set_index(["explorable", "control"])),
            f"## Self-checks\n\n{len(asked_of)} checks. Those of `tests/course/answers.py`, which "
            "the tests use, were asked: a right answer has to pass, a wrong one has to get a hint.",
            markdown(asked_of.set_index("check")),
        ]
    )
    path = RESULTS / "course.md"
    path.write_text(f"{text}\n", encoding="utf-8")
    print(text)


def seconds_of_notebooks() -> Iterator[dict]:
    """Run each notebook with its answers, and yield its row."""
    with tempfile.TemporaryDirectory() as folder:
        for path in editions.write_filled(ROOT / "notebooks", Path(folder)):
            notebook = nbformat.read(path, 4)
            where = {"metadata": {"path": folder}}
            started = time.perf_counter()
            NotebookClient(notebook, timeout=PATIENCE, resources=where).execute()
            took = time.perf_counter() - started
            print(f"{path.stem}: {took:.1f} s", flush=True)
            yield {"notebook": path.stem, "seconds": round(took, 1)}


def answers(kind: Callable, repeats: int) -> Iterator[dict]:
    """Change each control of a panel `repeats` times, and yield its row: milliseconds."""
    panel = kind()
    for name, control in panel._controls.items():
        took = np.array([timed(panel, name, value_at(control, k)) for k in range(repeats)])
        median, slowest = 1000 * np.median(took, axis=0), 1000 * took.max(axis=0)
        yield {
            "explorable": kind.__name__,
            "control": control.description,
            "median, ms": f"{median[0]:.0f}",
            "slowest, ms": f"{slowest[0]:.0f}",
            "median, ms of work": f"{median[1]:.0f}",
            "slowest, ms of work": f"{slowest[1]:.0f}",
        }


def timed(panel: panels.Explorable, name: str, value: object) -> tuple[float, float]:
    """Return the seconds from a change to its answer, and those that the process worked."""
    started, worked = time.perf_counter(), time.process_time()
    panel.set(**{name: value})
    return time.perf_counter() - started, time.process_time() - worked


def value_at(control, turn: int):
    """Return another value of a control at each turn: steps through its options, or its range."""
    if control.has_trait("options"):
        values = [value for _, value in control._options_full]
        return values[(turn + 1) % len(values)]
    share = (0.29 + 0.37 * turn) % 1  # two turns after each other lie far apart
    step = round(share * (control.max - control.min) / control.step)
    return control.min + step * control.step


def verdicts() -> Iterator[dict]:
    """Ask each check, and yield its row."""
    where = {name: path.stem for path in PATHS for name in asked(path)}
    for name, (right, wrong) in ANSWERS.items():
        verdict = getattr(checks, name)
        yield {
            "check": name,
            "notebook": where[name],
            "right answers that pass": f"{sum(verdict(*a).right is True for a in right)} "
            f"of {len(right)}",
            "wrong answers that fail": f"{sum(verdict(*a).right is False for a in wrong)} "
            f"of {len(wrong)}",
        }


if __name__ == "__main__":
    main()
