"""Measure an audit of a million samples in a thousand classes: memory and seconds of each step.

python benchmarks/million.py [--samples 1000000] [--classes 1000] [--width 128] [--epochs 5]
                         [--compared 20000] [--folder FOLDER] [--steps NAME ...]

The features are synthetic, a cluster for each class, and a twentieth of the labels is wrong; the
pictures are 4 x 4 pixels of noise, for they are only kept here and not looked at. Each step runs in
a fresh process on what the steps before have left in FOLDER, where a later call finds it. Memory is
the peak of the process's resident pages (VmHWM), pages of mapped files included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from common import RESULTS, Runs, machine, markdown
from score_table import status, timed

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb import feature_file
from o2u_nb.audit import Audit
from o2u_nb.data import samples as samples_io
from o2u_nb.detect import neighbours
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import ranked
from o2u_nb.feature_file import About
from o2u_nb.trace import Trace

KEY = "synthetic"
WRONG = 0.05  # share of the labels
APART = 3.0  # length of a class's centre; the noise around it has the length 1
BMP = bytes.fromhex(  # the head of a picture of 4 x 4 pixels, without compression
    "424d660000000000000036000000280000000400000004000000010018000000000030000000"
    "130b0000130b00000000000000000000"
)
BLOCK = 50_000  # samples that are drawn at a time


class Place:
    """Where the files of one measurement lie, and how large it is."""

    def __init__(self, options: argparse.Namespace):
        self.folder: Path = options.folder
        self.n: int = options.samples
        self.classes: int = options.classes
        self.width: int = options.width
        self.epochs: int = options.epochs
        self.compared: int = options.compared
        self.samples = self.folder / "samples.parquet"
        self.features = self.folder / "features"
        self.trace = self.folder / "trace"
        self.audit = self.folder / "audit"

    def rows(self) -> np.ndarray:
        """Return the features, memory-mapped."""
        return feature_file.read(self.features, KEY, samples_io.read(self.samples).index)


def samples(place: Place) -> None:
    """Write the samples table: ids, labels, of which some are wrong, and the pictures."""
    rng = np.random.default_rng(0)
    looks = np.arange(place.n) % place.classes
    wrong = rng.random(place.n) < WRONG
    labels = np.where(wrong, rng.integers(0, place.classes, place.n), looks)
    names = np.array([f"class {k:03d}" for k in range(place.classes)], dtype=object)
    pixels = rng.bytes(48 * place.n)
    table = pd.DataFrame(
        {
            "label": names[labels],
            "split": "train",
            "image": [BMP + pixels[48 * k : 48 * k + 48] for k in range(place.n)],
        },
        index=pd.Index([f"{k:07d}.bmp" for k in range(place.n)], name="sample_id", dtype="str"),
    )
    samples_io.write(table, place.samples)


def features(place: Place) -> None:
    """Write the features as `probe.features` keeps them, some thousand records at a time."""
    kind = feature_file.record_type(place.width)
    ids = samples_io.read(place.samples).index
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(place.classes, place.width)).astype(np.float32)
    centres *= APART / np.linalg.norm(centres, axis=1, keepdims=True)

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, place.n, BLOCK):
            some = ids[start : start + BLOCK]
            records = np.zeros(len(some), kind)
            records["sample"] = feature_file.id_digests(some)
            noise = rng.normal(size=(len(some), place.width)) / np.sqrt(place.width)
            records["row"] = centres[np.arange(start, start + len(some)) % place.classes] + noise
            yield records

    feature_file.begin(place.features / KEY, About(KEY, "synthetic", 4))
    feature_file.write(place.features / KEY / feature_file.ROWS, blocks(), place.n, kind)


def head(place: Place) -> None:
    """Train a head with the recorder."""
    import torch
    from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar

    from o2u_nb.training.heads import head_learner
    from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner

    torch.manual_seed(0)
    table = samples_io.read(place.samples)
    learn = head_learner(place.rows(), table.drop(columns="image"), seed=0)
    with learn.no_bar(), learn.no_logging():
        learn.fit_o2u(warmup=1, cycles=1, cycle=place.epochs - 1, out=place.trace, overwrite=True)


def scores(place: Place) -> None:
    """Compute the table of scores, the look-alikes included."""
    ranked(Evidence(Trace.open(place.trace), place.rows()))


def save(place: Place) -> None:
    """Make the audit folder: scores again, all estimators, the report, and every file."""
    trace = Trace.open(place.trace)
    table = samples_io.read(place.samples)
    Audit.save(place.audit, table, trace, place.rows(), quiet=True, copies=False, overwrite=True)


def report(place: Place) -> None:
    """Write the report anew."""
    Audit.open(place.audit).write_report()


def session(place: Place) -> None:
    """Open a review, and show the first page."""
    from o2u_nb.review.session import ReviewSession

    ReviewSession(place.audit, reviewer="a").page(0, 100)


def panels(place: Place) -> list:
    """Open the panel and each of its tabs, and change every setting of the review in each."""
    import session as of_session

    of_session.CLOCK = time.process_time
    return [list(map(str, row)) for row in of_session.with_panels(place.audit, 3)]


STEPS = dict(
    samples=samples, features=features, head=head, scores=scores, save=save, report=report,
    session=session, panels=panels,
)  # fmt: skip


def main() -> None:
    """Measure the steps in their order, keep what was found, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--width", type=int, default=128, help="numbers in a row of features")
    parser.add_argument("--epochs", type=int, default=5, help="of the head; an audit has 18")
    parser.add_argument(
        "--compared",
        type=int,
        default=neighbours.MOST_COMPARED,
        help="samples among which look-alikes are searched; fewer than in an audit save time",
    )
    parser.add_argument("--folder", type=Path, help="keep everything in this folder")
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        neighbours.MOST_COMPARED = options.compared
        print(json.dumps(measured(options.step, Place(options))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        options.folder = options.folder or Path(temporary)
        options.folder.mkdir(parents=True, exist_ok=True)
        for name in options.steps:
            keep(Place(options), in_fresh_process(name, sys.argv[1:], options.folder))
    (RESULTS / "million.md").write_text(page(), encoding="utf-8")
    print(page())


def measured(name: str, place: Place) -> dict:
    """Do one step, and return its seconds and the peak of this process's memory."""
    more: dict = {}

    def do() -> None:
        more["rows"] = STEPS[name](place)

    found = timed(do)
    return dict(step=name, **found, MB=status("VmHWM"), load=os.getloadavg()[0], **more)


def in_fresh_process(name: str, words: list[str], folder: Path) -> dict:
    """Run this file for one step, and return what it measured."""
    command = [sys.executable, __file__, *words, "--folder", str(folder), "--step", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print({key: value for key, value in found.items() if key != "rows"}, flush=True)
    return found


def keep(place: Place, found: dict) -> None:
    """Keep what a step has measured, in the place of what it measured before at this size."""
    size = dict(samples=place.n, classes=place.classes)
    how = dict(width=place.width, epochs=place.epochs, compared=place.compared)
    rows = found.pop("rows")
    Runs("million").put({**size, "step": found.pop("step")}, [{**how, **found}])
    if rows:
        named = [
            dict(zip(("what", "median", "worst", "allowed"), row, strict=True)) for row in rows
        ]
        Runs("million_panels").put(size, named)


def page() -> str:
    """Return the page as Markdown, of all sizes that were measured."""
    parts = [
        "# Very many samples and classes",
        machine(),
        "`python benchmarks/million.py`: synthetic features, and a head that is trained on them. "
        "Each step is a fresh process; its memory is the peak of the resident pages, what it "
        "imports and pages of mapped files included, which the system takes back when it needs "
        "them. Load is the average of the last minute at its end; above the number of cores, other "
        "programs ran, and the seconds of the processor say more than those of the clock. A head "
        "of an audit has 18 epochs, and its look-alikes are searched among 20,000 samples; with "
        "fewer of these compared, scores and save take less time.",
    ]
    panels = Runs("million_panels").table
    for (n, classes), found in Runs("million").table.groupby(["samples", "classes"]):
        parts += [f"## {n:,} samples, {classes:,} classes", markdown(steps_table(found))]
        if len(panels) and len(
            some := panels[(panels["samples"] == n) & (panels["classes"] == classes)]
        ):
            table = some[["what", "median", "worst", "allowed"]].fillna("").set_index("what")
            parts += [
                "The panel, in seconds of the processor. It draws only the tab that is open; for "
                "each change of the review, the slowest tab is shown:",
                markdown(table),
            ]
    return "\n\n".join(parts) + "\n"


def steps_table(found: pd.DataFrame) -> pd.DataFrame:
    """Return the steps of one size as they are shown, in their order."""
    found = found.set_index("step").loc[lambda rows: [name for name in STEPS if name in rows.index]]
    return pd.DataFrame(
        {
            "numbers in a row": found["width"],
            "epochs": found["epochs"],
            "compared": found["compared"],
            "seconds": found["seconds"].round().astype(int),
            "of the processor": found["processor"].round().astype(int),
            "peak memory": [f"{MB / 1000:.1f} GB" for MB in found["MB"]],
            "load": found["load"].round(1),
            "what it does": [first_line(STEPS[name]) for name in found.index],
        },
        index=found.index,
    )


def first_line(function) -> str:
    """Return what a step does, without its full stop."""
    return function.__doc__.splitlines()[0].rstrip(".")


if __name__ == "__main__":
    main()
