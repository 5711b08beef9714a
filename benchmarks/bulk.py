"""Bulk scoring: pictures per second of both engines and of each step, and workers that are killed.

    python -m benchmarks.bulk speed --data DIR [--rounds 5]
    python -m benchmarks.bulk kills [--runs 24]

From the repository's root, with `o2u_nb[train,fast,ray]`. `speed` scores the photographs of waste
in `DIR/trashnet`, as files whose paths are in a Parquet table. The bare loop reads, decodes and
runs the network with the same threads, and has neither tables nor heads nor output. `kills` scores
small pictures on Ray, kills one of two workers with SIGKILL at a random part, and compares all rows
with those of one process. Each writes a CSV, and the page `results/bulk.md` is made of both.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import ray

from benchmarks.common import RESULTS, Runs, machine, markdown, median_and_range
from benchmarks.detection.sets import waste_samples
from o2u_nb.audit import Audit
from o2u_nb.bulk.output import Output
from o2u_nb.bulk.parts import Part, parts_of
from o2u_nb.bulk.work import carried_out
from o2u_nb.data.images import load_image, resized
from o2u_nb.data.parallel import batches_ahead, in_threads
from o2u_nb.offline_weights import LITE0
from o2u_nb.run import run_audit
from o2u_nb.scorer import Row, Scorer, learned_by, read
from o2u_nb.training.inference import BATCH
from tests.sources import write_source

ROWS = 256  # of a part
SPEED, KILLS = "bulk_speed", "bulk_kills"
STEPS = ("read", "decode", "network", "heads and tables")
BARE, PROCESS, RAY = "bare loop", "one process", "Ray, 2 workers"


def speed(data: Path, rounds: int) -> None:
    """Measure each step and engine in turn, once a round, and keep the rates."""
    runs = Runs(SPEED)
    clean = waste_samples(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audit = Audit(run_audit(clean, folder / "audit", preset="instant", eyes=[LITE0]).folder)
        learned = learned_by(audit)
        table = write_table(clean, folder / "all.parquet")
        scorer = Scorer(learned, n=len(clean))
        _ = scorer._networks  # preparing OpenVINO is not timed
        for number in range(rounds + 1):
            rates = steps(scorer, clean, folder)
            rates[BARE] = per_second(len(clean), lambda: bare(scorer, clean))
            out = folder / f"process{number}"
            rates[PROCESS] = per_second(len(clean), lambda: job(scorer, parts_of(table, ROWS), out))  # noqa: B023
            rates |= on_ray(audit, table, folder / f"ray{number}")
            if number:  # in the first round, files are not in memory yet
                load = os.getloadavg()[0]
                runs.add(dict(seed=number, pictures=len(clean), load=load, **rates))


def write_table(samples: pd.DataFrame, path: Path) -> Path:
    """Write a table of paths and labels."""
    samples[["path", "label"]].reset_index().to_parquet(path, index=False)
    return path


def per_second(n: int, work: Callable[[], object]) -> float:
    """Return how many of `n` pictures a second `work` does."""
    started = time.perf_counter()
    work()
    return n / (time.perf_counter() - started)


def steps(scorer: Scorer, samples: pd.DataFrame, folder: Path) -> dict[str, float]:
    """Return the pictures per second of each step alone, with as many threads as there are cores.

    The network gets pixels that are in memory, and the last step features.
    """
    (side, run), n = scorer._networks[0], len(samples)
    paths = samples["path"].tolist()
    data = list(in_threads(read, paths))
    small = data[: 16 * BATCH]
    seen = [scorer.look(Row(str(k), one, "glass")) for k, one in enumerate(small)]
    pixels = np.stack([one.pixels[side] for one in seen])
    batches = [slice(k, k + BATCH) for k in range(0, len(small), BATCH)]
    rows = run(pixels[:BATCH])
    scorer.__dict__["_networks"] = [(side, lambda pixels: rows[: len(pixels)])]
    judge = lambda: [scorer.judged(seen[batch]) for batch in batches]  # noqa: E731
    found = {
        "read": per_second(n, lambda: list(in_threads(read, paths))),
        "decode": per_second(n, lambda: list(in_threads(lambda one: decoded(one, side), data))),
        "network": per_second(len(small), lambda: [run(pixels[batch]) for batch in batches]),
        "heads and tables": per_second(len(small), judge),
        "bytes of a picture": float(np.mean([len(one) for one in data])),
    }
    scorer.__dict__["_networks"] = [(side, run)]
    return found


def decoded(item: str | bytes, side: int) -> np.ndarray:
    """Return the pixels of a picture, as the scorer decodes it."""
    return np.asarray(resized(load_image(item, at_least=side), (side, side)))


def bare(scorer: Scorer, samples: pd.DataFrame) -> None:
    """Read and decode pictures and run the network, and nothing else."""
    ((side, run),) = scorer._networks
    for pixels in batches_ahead(lambda path: decoded(read(path), side), samples["path"], BATCH):
        run(np.stack(pixels))


def job(scorer: Scorer, parts: list[Part], out: Path) -> None:
    """Do what the engine of one process does, with networks that are loaded."""
    deque(carried_out(parts, scorer, Output.at(out)), maxlen=0)


def on_ray(audit: Audit, table: Path, out: Path) -> dict[str, float]:
    """Return the rate on Ray once both workers work, and the seconds until then."""
    done: list[tuple[float, int]] = []
    started = time.perf_counter()
    audit.score_in_bulk(
        table, out, engine="ray", workers=2, rows=ROWS // 4,
        progress=lambda n, total: done.append((time.perf_counter(), n)),
    )  # fmt: skip
    begun = 3  # parts: both workers have finished one, whichever began first
    (first, before), (last, n) = done[begun], done[-1]
    return {RAY: (n - before) / (last - first), "seconds to start Ray": done[0][0] - started}


def kills(count: int) -> None:
    """Kill a worker in each of `count` jobs, and compare their rows with those of one process."""
    runs = Runs(KILLS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_source(folder / "pictures", n=240)
        audit = Audit(run_audit(source, folder / "audit", preset="instant", eyes=[LITE0]).folder)
        table = write_table(audit.samples, folder / "t.parquet")
        audit.score_in_bulk(table, folder / "alone", rows=4)
        wanted = rows_of(folder / "alone")
        ray.init(num_cpus=2, log_to_driver=False)
        for seed in range(count):
            if runs.has(dict(seed=seed)):
                continue
            out = folder / f"ray{seed}"
            killed = killed_at(audit, table, out, random.Random(seed))
            runs.add(dict(seed=seed, **killed, **compared(rows_of(out), wanted)))
        ray.shutdown()


def killed_at(audit: Audit, table: Path, out: Path, draw: random.Random) -> dict[str, int]:
    """Score on two workers of which one is killed after a random share of the pictures."""
    at, kills = draw.uniform(0, 0.9), []

    def kill(done: int, total: int) -> None:
        if not kills and done >= at * total:
            time.sleep(draw.uniform(0, 0.05))  # anywhere within a part
            pids = workers()
            os.kill(draw.choice(pids), signal.SIGKILL)
            kills.append(done)

    told = audit.score_in_bulk(table, out, engine="ray", workers=2, rows=4, progress=kill)
    return {"pictures": told.pictures, "killed after": kills[0], "killed": len(kills)}


def workers() -> list[int]:
    """List the processes of the actors that score."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process.pid)
    return sorted(found)


def rows_of(out: Path) -> pd.DataFrame:
    """Read the rows of a job by id."""
    tables = [pd.read_parquet(out / name) for name in ("scores", "unreadable")]
    return pd.concat(tables).sort_values("sample_id").set_index("sample_id")


def compared(found: pd.DataFrame, wanted: pd.DataFrame) -> dict[str, int]:
    """Count the rows that are lost, doubled, or not equal to the bit."""
    twice = found.index.duplicated()
    both = found[~twice].reindex(wanted.index)
    same = (both == wanted) | (both.isna() & wanted.isna())
    return {
        "lost": int((~wanted.index.isin(found.index)).sum()),
        "doubled": int(twice.sum()),
        "different": int((~same.all(axis=1)).sum()),
    }


def page() -> str:
    """Return the page on both measurements as Markdown."""
    rates, killed = Runs(SPEED).table, Runs(KILLS).table
    table = pd.DataFrame(
        [
            {
                "": name,
                "pictures per second": median_and_range(rates[name], 0),
                "beside the bare loop": median_and_range(rates[name] / rates[BARE], 2),
            }
            for name in (*STEPS, BARE, PROCESS, RAY)
        ]
    ).set_index("")
    return "\n\n".join(
        [
            "# Bulk scoring",
            machine(),
            "## Speed",
            f"`python -m benchmarks.bulk speed`: {rates['pictures'].iloc[0]:,} photographs of "
            f"waste, JPEG files of {rates['bytes of a picture'].mean() / 1000:.0f} kB on average "
            "and 224 x 298 pixels, EfficientNet-Lite0 at 224 pixels by OpenVINO in float32; "
            f"{len(rates)} rounds, everything once in each, median (least to most). Steps are "
            "measured alone, with a thread for each core; files are in the memory of the system. "
            "The bare loop reads, decodes and runs the network, with the same threads ahead as the "
            "engines. The engines also read tables, apply heads, and write parts to the disk for "
            "good. Ray's rate is that from the fourth part on; before, it took "
            f"{rates['seconds to start Ray'].median():.0f} s to start Ray, two workers and their "
            f"networks. Load average of the last minute: {median_and_range(rates['load'])}; on two "
            "cores without other programs it is about 2.4, and above that all rates are too low.",
            markdown(table),
            "Overhead of the engine of one process, the share of the bare loop's speed that is "
            f"lost within a round: {median_and_range(100 * (1 - rates[PROCESS] / rates[BARE]))} %. "
            "Ray's two workers have one thread each for the network, where the bare loop has one "
            "network with two threads.",
            "## Killed workers",
            f"`python -m benchmarks.bulk kills`: {killed['pictures'].iloc[0]:,} small pictures in "
            "parts of 4 rows, two workers on Ray, of which one is killed by SIGKILL after a random "
            f"share of the parts. In {len(killed)} runs with {killed['killed'].sum()} killed "
            f"workers: {killed['lost'].sum()} rows lost, {killed['doubled'].sum()} rows doubled, "
            f"{killed['different'].sum()} of {killed['pictures'].sum():,} rows that differ in any "
            "bit from those of one process. Where rows differ, it is by the threads: so few "
            "pictures are looked at by torch, which has one thread in a worker and two in the one "
            "process. On an Intel processor this changed no bit, on an AMD EPYC scores differed by "
            "up to 0.0001 nats, also without any kill.",
        ]
    )


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="what")
    fast = commands.add_parser("speed")
    fast.add_argument("--data", type=Path, required=True)
    fast.add_argument("--rounds", type=int, default=5)
    commands.add_parser("kills").add_argument("--runs", type=int, default=24)
    options = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if options.what == "speed":
        speed(options.data, options.rounds)
    else:
        kills(options.runs)
    if len(Runs(SPEED).table) and len(Runs(KILLS).table):
        (RESULTS / "bulk.md").write_text(page() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
