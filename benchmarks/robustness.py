"""Kills, full disks, any bytes and coverage: what was tried, and what was lost.

    python -m benchmarks.robustness kills [--count N] [--seed S]
    python -m benchmarks.robustness bytes --seconds N
    python -m benchmarks.robustness coverage FILE --seconds N [--without TESTS]

`kills` disturbs audits `N` times in each way of `tests.kills`, and compares them with one that
nobody disturbed. `bytes` runs the coverage-guided fuzzer of `tests/fuzz`, which needs `pip install
atheris`. `coverage` takes the JSON report of `coverage json` for a run of the suite. Each command
adds its rows to `results/robustness.csv`, and writes the page.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import Runs, write_table

NAME = "robustness"
ROOT = Path(__file__).parents[1]
WAYS = {
    "kill": "killed before something is written, read or trained",
    "clock": "killed after some time, in the middle of whatever it does",
    "stop": "asked to stop (SIGTERM)",
    "full": "the disk is full from some write on",
    "replace": "killed while the audit is to replace a finished one",
}


def main(argv: list[str] | None = None) -> None:
    """Do what is asked for, and write the page."""
    options = _options(argv)
    runs = Runs(NAME)
    for row in options.measure(options):
        runs.add({**row, "seed": options.seed})
    write_table(
        NAME,
        "What was tried, and what was lost",
        runs.table.set_index("what"),
        "`tried`: faults or inputs. `lost`: audits that differ from one that nobody "
        "disturbed, outcomes that are neither right nor one clear error, crashes and hangs. "
        "Of coverage, `tried` is the number of lines, or of branches, and `lost` those that no "
        "test runs. What runs in processes that tests start counts where `coverage` was told to "
        'follow them (`patch = ["subprocess"]`).',
    )


def kills(options: argparse.Namespace) -> list[dict]:
    """Disturb audits in each way; every one is taken up again until it is finished."""
    return [_killed(way, options.count, options.seed) for way in WAYS]


def _killed(way: str, count: int, seed: int) -> dict:
    given = ["kill", "replace"] if way == "replace" else [way]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.kills", folder, str(count), str(seed), *given]
        said = json.loads(_output(command).splitlines()[-1])
    phases = ", ".join(sorted(said["phases"]))
    return dict(
        what=f"audits: {WAYS[way]}",
        tried=sum(said["faults"].values()),
        lost=len(said["wrong"]),
        seconds=said["seconds"],
        notes="; ".join(said["wrong"]) or f"{said['chains']} audits, faults in: {phases}",
    )


def fuzz(options: argparse.Namespace) -> list[dict]:
    """Run the fuzzer for some time; it ends at the first crash."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "tests/fuzz/readers.py", f"{folder}/corpus"]
        limits = [f"-max_total_time={options.seconds}", "-print_final_stats=1", "-timeout=60"]
        found = subprocess.run(
            [*command, *limits, f"-artifact_prefix={folder}/", f"-seed={options.seed + 1}"],
            cwd=ROOT, env=_env(), capture_output=True, text=True,
        )  # fmt: skip
    executed = re.search(r"number_of_executed_units:\s*(\d+)", found.stderr)
    reached = re.findall(r"cov: (\d+)", found.stderr)
    if executed is None:
        raise SystemExit(f"The fuzzer did not run:\n{found.stderr[-2000:]}")
    if found.returncode:  # with the input that repeats it, in base 64
        print(found.stderr[-6000:], file=sys.stderr)
    return [
        dict(
            what="any bytes to every reader, guided by coverage",
            tried=int(executed[1]),
            lost=int(found.returncode != 0),
            seconds=options.seconds,
            notes=f"{reached[-1]} places in the code reached"
            if found.returncode == 0
            else found.stderr[-300:].replace("\n", " "),
        )
    ]


def coverage(options: argparse.Namespace) -> list[dict]:
    """Read the totals of a coverage report."""
    totals = json.loads(options.file.read_text(encoding="utf-8"))["totals"]
    lines, branches = totals["num_statements"], totals["num_branches"]
    return [
        _covered("lines", lines, totals["missing_lines"], options),
        _covered("branches", branches, totals["missing_branches"], options),
    ]


def _covered(what: str, total: int, missing: int, options: argparse.Namespace) -> dict:
    notes = f"{100 * (1 - missing / total):.1f} % run by a test"
    if options.without:
        notes = f"{notes}; not among these tests: {options.without}"
    what = f"coverage of {what}"
    return dict(what=what, tried=total, lost=missing, seconds=options.seconds, notes=notes)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=_env(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        )
    return done.stdout


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("kills")
    command.add_argument("--count", type=int, default=50, help="faults of each kind")
    command.set_defaults(measure=kills)
    command = commands.add_parser("bytes")
    command.add_argument("--seconds", type=int, required=True)
    command.set_defaults(measure=fuzz)
    command = commands.add_parser("coverage")
    command.add_argument("file", type=Path, help="what `coverage json` wrote")
    command.add_argument("--seconds", type=int, required=True, help="that the tests took")
    command.add_argument("--without", default="", help="which tests of the suite were not run")
    command.set_defaults(measure=coverage)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
