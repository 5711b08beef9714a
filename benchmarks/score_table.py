"""Measure the score table of a large trace: seconds and memory, against reading its arrays once.

python benchmarks/score_table.py [--samples 1000000] [--epochs 50] [--classes 10] [--repeats 5]

Reading is `np.load` and `sum` of every array, file after file. Both are done in turn, each in a
fresh process, files in the disk cache. Memory is the peak of the process's resident pages (VmHWM,
what `ru_maxrss` reports, without what it inherits from the parent process) minus the resident pages
after the imports. Mapped pages of the trace's files are resident, so they count in full.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import write_table

sys.path.append(str(Path(__file__).parents[1]))
from o2u_nb.detect.counts import compare_estimators
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import score_table
from o2u_nb.trace import Trace, TraceWriter

ALLOWED_TIME = 5  # times the time of reading
ALLOWED_MEMORY = 1.5  # times the size of the arrays
STEPS = ("read", "table", "estimators")


def main() -> None:
    """Time reading, table and estimators in turn, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trace", type=Path, help="keep the trace in this folder, or use it")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measured(options.step, options.trace)))
        return
    with tempfile.TemporaryDirectory() as folder:
        trace = options.trace or Path(folder) / "trace"
        if not (trace / "meta.json").exists():
            write_trace(trace, options.samples, options.epochs, options.classes)
        report(trace, options.repeats)


def report(trace: Path, repeats: int) -> None:
    """Measure a trace folder, and write the table."""
    runs = pd.DataFrame([in_fresh_process(step, trace) for _ in range(repeats) for step in STEPS])
    size = sum(file.stat().st_size for file in arrays(trace)) / 1e6
    reading = runs[runs["step"] == "read"]["processor"].median()
    rows = []
    for step, found in runs.groupby("step", sort=False):
        seconds = found["seconds"]
        own = found["processor"].median()
        memory = found["MB"].median()
        rows.append(
            {
                "step": step,
                "seconds, median": f"{seconds.median():.2f}",
                "least and most": f"{seconds.min():.2f} to {seconds.max():.2f}",
                "of the processor": f"{own:.2f}",
                "times reading": f"{own / reading:.1f}",
                "peak memory": f"{memory:.0f} MB",
                "times the arrays": f"{memory / size:.2f}",
            }
        )
    opened = Trace.open(trace)
    notes = (
        f"{opened.n_samples:,} samples, {opened.n_epochs} epochs, {len(opened.classes)} classes: "
        f"{size:.0f} MB of arrays in {len(arrays(trace))} files, opened memory-mapped. `read` is "
        "`np.load` and `sum` of every array, file after file; `table` is `score_table(trace)`; "
        "`estimators` is `counts.compare_estimators`, the counts beside the recommended one. "
        f"Allowed for the table: {ALLOWED_TIME} times reading, {ALLOWED_MEMORY} times the arrays. "
        f"{repeats} runs of each in turn, in fresh processes, files in the disk cache; `times "
        "reading` compares the processor's seconds, which other work disturbs least; memory is "
        "the peak of the resident pages (VmHWM) over opening and computing, less those after the "
        "imports, and the mapped files' pages count in full. Load average of the last minute, "
        f"this run included: {os.getloadavg()[0]:.1f}."
    )
    table = pd.DataFrame(rows).set_index("step")
    print(write_table("score_table", "The score table", table, notes).read_text(encoding="utf-8"))


def in_fresh_process(step: str, trace: Path) -> dict:
    """Run this file for one step, and return what it measured."""
    command = [sys.executable, __file__, "--step", step, "--trace", str(trace)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout)


def measured(step: str, folder: Path) -> dict:
    """Return seconds and peak memory of one step; opening counts as memory, not as time."""
    before = status("VmRSS")
    if step == "read":
        seconds = timed(read, folder)
    else:
        trace = Trace.open(folder)
        if step == "table":
            seconds = timed(score_table, trace)
        else:
            score = -np.nanmean(trace.only("cyclic").margin, axis=0, dtype=np.float64)
            seconds = timed(compare_estimators, Evidence(trace), score)
    return dict(step=step, **seconds, MB=status("VmHWM") - before)


def read(folder: Path) -> None:
    """Read every array and add it up, one at a time."""
    for file in arrays(folder):
        np.load(file).sum()


def arrays(folder: Path) -> list[Path]:
    """List the files that grow with samples and epochs or classes, ids and labels left out."""
    return [folder / f"{name}.npy" for name in ("loss", "margin", "pred")] + sorted(
        folder.glob("mean_probs_*.npy")
    )


def write_trace(folder: Path, n: int, epochs: int, n_classes: int) -> None:
    """Write a trace in which the network contradicts a tenth of the labels in all epochs.

    Half of the epochs are warm-up, and both phases have a mean softmax. In each epoch one sample in
    a thousand is not seen.
    """
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, n)
    looks = np.where(rng.random(n) < 0.1, (labels + 1) % n_classes, labels)
    evidence = np.where(looks == labels, 2.5, -2.5) + rng.normal(0, 1, n)
    ids = [f"class_{label:03d}/{number:07d}.png" for number, label in enumerate(labels)]
    writer = TraceWriter.create(folder, ids, labels, [f"class {k}" for k in range(n_classes)])
    for epoch in range(epochs):
        phase = "warmup" if epoch < epochs // 2 else "cyclic"
        margin = (evidence + rng.normal(0, 2, n)).astype(np.float32)
        loss = np.logaddexp(0, -margin)
        pred = np.where(margin > 0, labels, (labels + 1) % n_classes)
        missed = rng.random(n) < 0.001
        loss[missed] = np.nan
        margin[missed] = np.nan
        pred[missed] = -1
        if epoch == epochs - 1:
            draws = rng.random((n, n_classes), dtype=np.float32)
            draws[np.arange(n), looks] += 4
            probs = dict.fromkeys(("warmup", "cyclic"), draws / draws.sum(1, keepdims=True))
        writer.append(loss=loss, margin=margin, pred=pred, lr=0.01, phase=phase)
    writer.keep_means(probs)


def status(key: str) -> float:
    """Read one of the memory figures that Linux keeps of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(key)


def timed(function, *args) -> dict[str, float]:
    """Return the seconds that a call takes, and the seconds of processor time in it."""
    start = time.perf_counter()
    own = time.process_time()
    function(*args)
    return dict(seconds=time.perf_counter() - start, processor=time.process_time() - own)


if __name__ == "__main__":
    main()
