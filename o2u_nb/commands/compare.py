"""The command `compare`: training methods and detectors on the user's own pictures.

In come the options of the command line; out go tables on the screen, and a folder with the rows,
the settings and a page with two figures.
"""

import argparse
from pathlib import Path

from o2u_nb.commands.options import count, place, seed
from o2u_nb.comparison import FIGURES, Comparison
from o2u_nb.data import atomic
from o2u_nb.errors import O2UError
from o2u_nb.extras import require_training
from o2u_nb.progress import Bars

PAGE = "comparison.html"
SHOWN = ("average_precision", "accuracy")  # the figures that are printed and drawn


def add_command(commands) -> None:
    """Add `compare` to the parsers of the command line."""
    parser = commands.add_parser(
        "compare",
        help="train by several methods on planted wrong labels, and say which finds them best",
        epilog="compare --list names every method and detector with its paper.",
    )
    parser.add_argument(
        "source",
        type=place,
        nargs="?",
        metavar="SOURCE",
        help="folder of class folders whose labels are right, or folder of pictures with --labels",
    )
    parser.add_argument("--out", type=place, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--labels",
        type=place,
        metavar="FILE",
        help="file with the columns path and label, as for audit",
    )
    parser.add_argument(
        "--methods", type=_names, metavar="NAME[,NAME]", help="training methods (default: all)"
    )
    parser.add_argument(
        "--detectors",
        type=_names,
        metavar="NAME[,NAME]",
        help="detectors (default: the usual ones)",
    )
    parser.add_argument(
        "--noise",
        type=_names,
        default=["symmetric 40 %"],
        metavar="NOISE[,NOISE]",
        help="kinds of wrong labels that are planted: 'none', 'symmetric 40 %%', 'pair flip 20 "
        "%%', 'look-alike 10 %%', 'instance 20 %%' (default: symmetric 40 %%)",
    )
    parser.add_argument(
        "--seeds", type=_seeds, default=[0, 1, 2], metavar="N[,N]", help="seeds (default: 0,1,2)"
    )
    parser.add_argument("--epochs", type=count(1), metavar="N", help="epochs of each training")
    parser.add_argument(
        "--eye",
        metavar="NAME",
        help="the network that gives the features for the heads (default: the one that works "
        "offline), or network for one that is trained on the pictures, which takes longer",
    )
    parser.add_argument(
        "--processes",
        type=count(1),
        metavar="N",
        help="trainings at the same time (default: one for each core for heads on a CPU, else 1)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list all methods and detectors, and exit"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    require_training()
    if options.list:
        print("\n".join(listed()))
        return 0
    if options.source is None or options.out is None:
        raise O2UError("compare needs SOURCE and --out DIR; compare --list names the methods.")
    try:
        found = _compare(options)
    except KeyboardInterrupt as stop:
        stop.add_note("finished rows are kept, and the same command goes on with them")
        raise
    for figure in SHOWN:
        print(f"\n{FIGURES[figure][0]}, mean ± standard deviation over seeds:\n")
        print(found.table(figure).to_string())
    print("\n" + ("\n".join(found.ahead()) or "Nothing is ahead of the recommended score."))
    page = write_page(options.out / PAGE, found)
    print(f"\nAll rows: {options.out / 'rows.csv'}\nFigures: {page}")
    return 0


def listed() -> list[str]:
    """Return a line for each training method and each detector: name, title, paper or unit."""
    from o2u_nb.detect.registry import DETECTORS
    from o2u_nb.training.catalogue import METHODS

    rows = [(m.name, f"{m.title} ({m.paper})" + " *" * m.trusted) for m in METHODS.values()]
    columns = [
        (d.name, f"{d.title}: {d.sentence}" + (f" ({d.paper})" if d.paper else ""))
        for d in DETECTORS.values()
    ]
    width = max(len(name) for name, _ in rows + columns)
    lines = [f"  {name:<{width}}  {text}" for name, text in rows]
    return [
        "training methods (* needs some verified labels):",
        *lines,
        "",
        "detectors:",
        *(f"  {name:<{width}}  {text}" for name, text in columns),
    ]


def _compare(options: argparse.Namespace) -> Comparison:
    from o2u_nb.data import noise, sources
    from o2u_nb.eye_names import NETWORK
    from o2u_nb.offline_weights import OFFLINE
    from o2u_nb.training.backbones import backbone
    from o2u_nb.training.compare import USUAL, compare, require_known
    from o2u_nb.training.probe.features import features
    from o2u_nb.training.retrain import on_pictures
    from o2u_nb.training.verbs import EPOCHS

    detectors = USUAL if options.detectors is None else options.detectors
    require_known(options.methods or (), detectors)  # before anything is read or computed
    for name in options.noise:
        noise.named(name)
    samples = sources.read(options.source, labels=options.labels).samples
    with Bars() as bars:
        way: dict = dict(learner=on_pictures)
        if options.eye != NETWORK:
            rows = features(
                samples,
                backbone(options.eye or OFFLINE),
                folder=options.out / "features",
                progress=lambda done, total: bars("features", done, total),
                say=bars.say,
            )
            way = dict(features=rows)
        return compare(
            samples,
            options.methods,
            noise=options.noise,
            seeds=options.seeds,
            detectors=detectors,
            epochs=options.epochs or EPOCHS,
            processes=options.processes or _usual_processes("features" in way),
            out=options.out,
            progress=bars,
            **way,
        )


def _usual_processes(heads: bool) -> int:
    """Return how many trainings run at the same time: a head uses one core, a network all."""
    import torch

    from o2u_nb.data.parallel import cpu_count

    return cpu_count() if heads and not torch.cuda.is_available() else 1


def write_page(path: Path, found: Comparison) -> Path:
    """Write a page with the figures of `SHOWN`, which needs no network; return its path."""
    from o2u_nb.plots.comparison import comparison

    parts = [
        comparison(found, figure).to_html(full_html=False, include_plotlyjs=k == 0)
        for k, figure in enumerate(SHOWN)
    ]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Comparison</title>'
    with atomic.replacing(path) as file:
        file.write(f"{head}<body>{''.join(parts)}</body></html>".encode())
    return path


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seeds(text: str) -> list[int]:
    return [seed(part.strip()) for part in text.split(",")]
