"""Everything that writes, to be done to the folders of a home.

`python -m tests.home_acts ROOT SEED TIMES all|quick`; `quick` leaves out what trains. In come a
folder with `home`, `good` (an audit with embeddings) and `source` (pictures), and a seed;
each act is done in a process of its own, to places in a random order, some of them killed, stopped
or with a full disk. Out comes a line for each: status, act, place, and what a user would see.
"""

import contextlib
import random
import re
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from o2u_nb import exchange
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.course import editions
from o2u_nb.data import datasets
from o2u_nb.errors import O2UError
from o2u_nb.review.apply import plan
from tests import kills

Act = Callable[[Path, Path], object]  # of the root and the place
IMPORTED = (
    "o2u_nb.all", "o2u_nb.run", "o2u_nb.learner_audit", "o2u_nb.training.compare",
    "o2u_nb.training.verbs", "o2u_nb.report", "o2u_nb.detect.recommended", "plotly.graph_objects",
    "sklearn.mixture", "sklearn.neighbors", "fastai.vision.all", "pyarrow.parquet",
)  # fmt: skip
MOST = 150  # things that an act does to files before it is disturbed
TRAINING = re.compile(r"audit |demo|compare|fit_|learn\.")
SHARE = 0.4  # of the acts that are disturbed


def good(root: Path) -> Audit:
    """Open the audit that is there to be exported and saved again."""
    return Audit.open(root / "good")


def commands(*words: str) -> Act:
    """Return the act of a command, in whose words PLACE, SOURCE and GOOD stand for folders."""

    def act(root: Path, place: Path) -> int:
        there = {"PLACE": place, "SOURCE": root / "source", "GOOD": root / "good"}
        new = {"NEW.csv": place / "new.csv"}
        return main([str({**there, **new}.get(word, word)) for word in words])

    return act


def learner(root: Path):
    """Return a Learner on the pictures of `source`."""
    from fastai.basics import Learner
    from fastai.callback.progress import ProgressCallback  # noqa: F401  patches Learner.no_bar
    from torch import nn

    import o2u_nb.learner_audit
    import o2u_nb.training.learner
    import o2u_nb.training.verbs  # noqa: F401  patches Learner
    from o2u_nb.data import sources
    from o2u_nb.training.loaders import dataloaders
    from o2u_nb.training.models import CompactResNet

    samples = sources.read(root / "source").samples
    dls = dataloaders(samples, bs=8, size=8, device="cpu")
    model = CompactResNet(samples["label"].nunique(), widths=(4, 8))
    return Learner(dls, model, loss_func=nn.CrossEntropyLoss())


def trains(verb: str, **options) -> Act:
    """Return the act of a Learner's verb with `out`, the place."""

    def act(root: Path, place: Path) -> None:
        learn = learner(root)
        with learn.no_bar(), learn.no_logging():
            getattr(learn, verb)(out=place, **options)

    return act


def exports(name: str, ending: str = "") -> Act:
    """Return the act of one of the exports; with an `ending`, to a new file in the place."""

    def act(root: Path, place: Path) -> None:
        audit = good(root)
        what = audit if name == "write_cleanlab" else plan(audit)
        getattr(exchange, name)(what, place / f"new{ending}" if ending else place)

    return act


def saves(**options) -> Act:
    """Return the act of saving an audit in the place."""

    def act(root: Path, place: Path) -> None:
        audit = good(root)
        Audit.save(place, audit.samples, audit.trace, quiet=True, **options)

    return act


NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SHORT = dict(warmup=1, cycles=1, cycle=2)
ACTS: dict[str, Act] = {
    "audit --overwrite": commands(
        "audit", "SOURCE", "--out", "PLACE", "--preset", "quick", "--eyes", "network", "--overwrite"
    ),
    "audit --resume": commands(
        "audit", "SOURCE", "--out", "PLACE", "--preset", "quick", "--eyes", "network", "--resume"
    ),
    "audit --processes": commands(
        "audit", "SOURCE", "--out", "PLACE", "--preset", "quick", "--eyes", "network",
        "--processes", "2", "--overwrite",
    ),
    "audit of the place": commands(
        "audit", "PLACE", "--out", "PLACE", "--preset", "quick", "--overwrite"
    ),
    "demo": commands("demo", "--out", "PLACE", "--preset", "quick", "--eyes", "network"),
    "certify": commands("certify", "PLACE", "--draw", "--cut-here", "--report"),
    "reviewers": commands("reviewers", "PLACE"),
    "compare": commands(
        "compare", "SOURCE", "--out", "PLACE", "--methods", "plain", "--detectors", "loss",
        "--seeds", "0", "--epochs", "1", "--eye", "network",
    ),
    "similar": commands("similar", "GOOD", "PLACE", "--out", "PLACE"),
    "similar, new file": commands("similar", "GOOD", "PLACE", "--out", "NEW.csv"),
    "score": commands("score", "GOOD", "SOURCE", "--out", "PLACE"),
    "score, new file": commands("score", "GOOD", "SOURCE", "--out", "NEW.csv"),
    "score, in bulk": commands(
        "score", "GOOD", "GOOD", "--out", "PLACE", "--engine", "process"
    ),
    "duplicates": commands("duplicates", "PLACE", "--out", "PLACE"),
    "duplicates, new file": commands("duplicates", "GOOD", "--out", "NEW.csv"),
    "verify": commands("verify", "PLACE"),
    "rebuild": commands("rebuild", "PLACE"),
    "Audit.save": saves(),
    "Audit.save, overwrite": saves(overwrite=True),
    "Audit.rebuild": lambda root, place: Audit.rebuild(place, quiet=True),
    "write_report": lambda root, place: Audit.open(place).write_report(),
    "session": lambda root, place: Audit.open(place).session(reviewer="ann").keep(),
    "trace.save": lambda root, place: good(root).trace.save(place),
    "trace.save, overwrite": lambda root, place: good(root).trace.save(place, overwrite=True),
    "fit_o2u": trains("fit_o2u", **SHORT),
    "fit_o2u, overwrite": trains("fit_o2u", overwrite=True, **SHORT),
    "fit_o2u, resume": trains("fit_o2u", resume=True, **SHORT),
    "fit_odd, overwrite": trains("fit_odd", epochs=3, high=2, overwrite=True),
    "fit_plain, overwrite": trains("fit_plain", epochs=1, overwrite=True),
    "learn.audit, overwrite": trains("audit", overwrite=True, **SHORT),
    "to_folder": exports("to_folder"),
    "to_huggingface": exports("to_huggingface"),
    "to_csv": exports("to_csv"),
    "to_csv, new file": exports("to_csv", ".csv"),
    "to_parquet": exports("to_parquet"),
    "to_parquet, new file": exports("to_parquet", ".parquet"),
    "write_cleanlab": exports("write_cleanlab"),
    "write_cleanlab, new file": exports("write_cleanlab", ".npz"),
    "revert": lambda root, place: exchange.revert(place),
    "student edition": lambda root, place: editions.write_student(NOTEBOOKS, place),
    "coats_folder": lambda root, place: datasets.coats_folder(place, n=12),
}  # fmt: skip


def carried_out(act: Act, root: Path, place: Path) -> int:
    """Do it, and return 2 for an error with which the package refuses."""
    try:
        status = act(root, place)
    except (O2UError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status if isinstance(status, int) and act.__name__ == "act" else 0


def all_of(root: Path, seed: int, places: list[Path], per_act: int, which: str) -> None:
    """Do each act to `per_act` of the places, in a random order, and print what came of it."""
    kills.prepare()
    draw = random.Random(seed)
    names = [name for name in ACTS if which == "all" or not TRAINING.match(name)]
    asked = [(name, place) for name in names for place in draw.sample(places, per_act)]
    draw.shuffle(asked)
    for name in IMPORTED if which == "all" else IMPORTED[:1]:  # once, and not in each process
        import_module(name)
    for name, place in asked:
        way = draw.choice(["kill", "stop", "full"])
        at = draw.randint(1, MOST) if draw.random() < SHARE else 0
        act = partial(carried_out, ACTS[name], root, place)
        status, phases = kills.disturbed(act, root, way, at)
        what = phases[-1] if status == 1 else ""
        print(status, name, place.relative_to(root), f"{way} {at}", what, sep="\t", flush=True)


if __name__ == "__main__":
    with contextlib.chdir(sys.argv[1]):
        said = [Path(line) for line in sys.stdin.read().splitlines()]
        all_of(Path(sys.argv[1]), int(sys.argv[2]), said, int(sys.argv[3]), sys.argv[4])
