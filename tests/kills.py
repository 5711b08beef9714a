"""Audits that are killed at any point, and go on: `python -m tests.kills FOLDER KILLS SEED [WAY]`.

One process imports everything once. Each run is a fork of it that counts what it does to files and
batches, and at a given count is killed, finds the disk full, or is asked to stop. Then it goes on
with `--resume`, is killed again, and so on until it is finished. Out comes one line of JSON: how
often that was, in which phases, and what differs from an audit that nobody disturbed.
"""

import errno
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import torch

from o2u_nb import folder as layout
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.eye_names import NETWORK
from o2u_nb.presets import PRESETS
from o2u_nb.stored.claim import LOCK
from o2u_nb.training import eyes, job
from o2u_nb.training.backbones import Backbone
from tests.sources import TINY, snapshot, write_source

FROZEN = "colours"
IMPORTED = "modules.txt"  # what an audit imports
# How a run is disturbed, and how it must end: killed before something is done, or after some time,
# even in the middle of it; asked to stop; with a full disk from then on.
WAYS = {"kill": -signal.SIGKILL, "clock": -signal.SIGALRM, "stop": 128 + signal.SIGTERM, "full": 2}
MOST = 8  # faults in one audit; then it may go on to its end
PER_SECOND = 700  # things that are counted in a second, about: so much time has the clock
UNSTEADY = ("created", "seconds", "resumed", "checksum", "files")  # of `audit.json`


class Colours(torch.nn.Module):
    """A frozen network of sorts: the mean colour of each quarter of a picture."""

    def forward(self, pictures):
        """Pictures (n, 3, 8, 8) in, rows (n, 12) out."""
        return torch.nn.functional.avg_pool2d(pictures, 4).flatten(1) + 1


class Fault:
    """Count what this process does to the files below `root` and to batches; strike at one."""

    CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")

    def __init__(self, root: Path, way: str, at: int):
        self.root, self.way, self.at = str(root), way, at
        self.count = 0
        self.phase = "reading"

    def install(self) -> None:
        """Begin to count."""
        sync, step = os.fsync, torch.Tensor.backward

        def fsync(descriptor):
            self.happens("fsync", writes=True)
            sync(descriptor)

        def backward(tensor, *args, **options):
            self.happens("batch")
            return step(tensor, *args, **options)

        os.fsync, torch.Tensor.backward = fsync, backward
        sys.addaudithook(self.hook)
        if self.way == "clock" and self.at:
            signal.setitimer(signal.ITIMER_REAL, self.at / PER_SECOND)

    def hook(self, event: str, args: tuple) -> None:
        """Take in what Python is about to do."""
        if event == "open" and isinstance(args[0], str) and args[0].startswith(self.root):
            self.happens(args[0], writes=bool((args[2] or 0) & (os.O_WRONLY | os.O_RDWR)))
        elif event in self.CHANGES and str(args[0]).startswith(self.root):
            self.happens(str(args[0]), writes=event in ("os.mkdir", "os.rename"))

    def happens(self, what: str, *, writes: bool = False) -> None:
        """Count one more thing; `writes` are those that a full disk refuses."""
        self.count += 1
        self._look(what)
        if self.count < self.at or not self.at:
            return
        if self.way == "full" and writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.count == self.at and self.way in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if self.way == "kill" else signal.SIGTERM)

    def _look(self, what: str) -> None:
        """Tell the phase by the files that are touched."""
        for part, phase in PHASES.items():
            if part in what:
                self.phase = phase


PHASES = {"batch": "training", f"/{layout.FEATURES}/": "features",
          layout.EMBEDDINGS: "embeddings", layout.SCORES: "finishing"}  # fmt: skip


def run(argv: list[str], root: Path, way: str = "kill", at: int = 0) -> tuple[int, list[str]]:
    """Run the command line in a fork, as `disturbed` does."""
    return disturbed(partial(main, argv), root, way, at)


def disturbed(
    act: Callable[[], int], root: Path, way: str = "kill", at: int = 0
) -> tuple[int, list[str]]:
    """Run `act` in a fork; return its status, and the phase of each thing it counted.

    The status of a process that a signal has ended is negative. Where `act` raises what a user
    would see as a traceback, the status is 1 and the last line is the traceback.
    """
    came, sent = os.pipe()
    child = os.fork()
    if child:
        os.close(sent)
        with os.fdopen(came) as pipe:
            phases = pipe.read().splitlines()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), phases or ["reading"]
    fault = Fault(root, way, at)
    real = fault.happens

    def happens(what: str, *, writes: bool = False) -> None:
        fault._look(what)
        os.write(sent, f"{fault.phase}\n".encode())
        real(what, writes=writes)

    fault.happens = happens
    fault.install()
    try:
        with open(os.devnull, "w") as nothing:
            sys.stdout = sys.stderr = nothing
            os.dup2(nothing.fileno(), 2)
            status = act()
            if not at:
                (root / IMPORTED).write_text("\n".join(sys.modules))
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException as error:  # what a user would see as a traceback
        told = " | ".join("".join(traceback.format_exception(error)).splitlines())
        os.write(sent, f"{told}\n".encode())
        status = 1
    os._exit(status)


def contents(out: Path) -> dict:
    """Return what an audit holds, without times: bytes of each file, and its facts."""
    # A kill at the very end leaves the lock, which nobody holds, and the state of the run.
    volatile = {layout.FACTS, layout.REPORT, layout.MARKER, layout.RUN, LOCK}
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    facts = json.loads(files[layout.FACTS])
    held = {name: data for name, data in files.items() if name not in volatile}
    held["marker"] = set(json.loads(files[layout.MARKER])["made"]) - {layout.RUN}
    return {**held, "facts": {k: v for k, v in facts.items() if k not in UNSTEADY}}


def tried(folder: Path, kills: int, seed: int, ways: list[str], *, replace: bool = False) -> dict:
    """Disturb audits in `folder` until there were `kills` faults; return what was found.

    The first fault of each audit is a kill in the next phase in turn, so that no phase is left out
    by chance; the others come anywhere. With `replace`, each audit is to replace a finished one of
    another seed, which must stay whole until it does.
    """
    draw = random.Random(seed)
    source = write_source(folder / "source", n=24, wrong=1, side=8)
    pictures = snapshot(source)
    command = ["audit", str(source), "--preset", "quick", "--eyes", f"{NETWORK},{FROZEN}", "--seed"]
    argv = [*command, "1", "--out"]
    status, passed = run([*argv, str(folder / "whole")], folder)
    whole = contents(folder / "whole")
    for name in (folder / IMPORTED).read_text().splitlines():  # once, and not in each fork
        if name.partition(".")[0] in ("o2u_nb", "plotly", "sklearn", "pyarrow", "jinja2"):
            with suppress(ImportError):
                import_module(name)
    if replace:
        run([*command, "2", "--out", str(folder / "old")], folder)
    total, chain = len(passed), 0
    found: dict = dict(events=total, whole=status, faults=Counter(), phases=Counter(), wrong=[])
    while sum(found["faults"].values()) < kills:
        chain += 1
        out, more = folder / f"out{chain}", []
        if replace:
            os.system(f"cp -r {folder / 'old'} {out}")
            more = ["--overwrite"]
        for k in range(MOST + 1):
            latest = total * (k + 2) // (MOST + 1)  # later ones may be in a later phase
            way, at = draw.choice(ways), draw.randint(1, latest) if k < MOST else 0
            if k == 0:
                phase = list(dict.fromkeys(passed))[chain % len(set(passed))]
                way, at = "kill", draw.choice([i for i, p in enumerate(passed, 1) if p == phase])
            status, phases = run([*argv, str(out), *more], folder, way, at)
            phase = phases[-1]
            if status == 0:
                break
            found["faults"][way] += 1
            found["phases"][phase] += 1
            if status != WAYS[way]:
                found["wrong"].append(f"{way} at {at} in {phase}: status {status}")
            if replace and Audit.open(out).facts["seed"] not in (1, 2):
                found["wrong"].append(f"{way} at {at}: neither the old audit nor the new one")
            more = ["--overwrite" if not layout.unfinished_in(out) and replace else "--resume"]
        now = contents(out)
        found["wrong"] += [
            f"chain {chain}: {name}" for name in {*whole, *now} if whole.get(name) != now.get(name)
        ]
    if snapshot(source) != pictures:
        found["wrong"].append("the source was changed")
    return {**found, "chains": chain}


def prepare() -> None:
    """Make training tiny, and let the name of an eye mean a small frozen network."""
    torch.set_num_threads(1)
    PRESETS["quick"] = TINY
    job.HEAD_EPOCHS = dict(warmup=1, cycles=1, cycle=2)
    made = lambda name: Backbone(name, Colours(), 8, (0.5,) * 3, (0.5,) * 3, f"{name}-8")  # noqa: E731
    eyes.backbone = made


if __name__ == "__main__":
    started = time.monotonic()
    prepare()
    place, kills, seed, way = (*sys.argv[1:], ",".join(WAYS))[:4]
    said = tried(Path(place), int(kills), int(seed), way.split(","), replace="replace" in sys.argv)
    print(json.dumps({**said, "seconds": round(time.monotonic() - started)}))
