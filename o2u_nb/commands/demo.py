"""The command `demo`: audit generated pictures with planted wrong labels."""

import argparse
from pathlib import Path

from o2u_nb.commands.options import place
from o2u_nb.commands.program import command
from o2u_nb.commands.summary import print_summary
from o2u_nb.commands.training_options import add_training_options, run_audit
from o2u_nb.extras import require_training
from o2u_nb.progress import Bars


def add_command(commands) -> None:
    """Add `demo` to the parsers of the command line."""
    parser = commands.add_parser("demo", help="audit generated pictures with planted wrong labels")
    parser.add_argument(
        "--out",
        type=place,
        default=Path("o2u-demo"),
        metavar="DIR",
        help="folder for pictures and results (default: %(default)s)",
    )
    add_training_options(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb.data import datasets

    require_training()  # before anything is drawn
    with Bars() as bars:
        folder = datasets.coats_folder(
            options.out, seed=options.seed, progress=lambda *at: bars("drawing", *at)
        )
    found = run_audit(folder / "images", options.out / "audit", options)
    print_summary(found)
    truth = datasets.load("coats", root=options.out, seed=options.seed).truth
    assert truth is not None, "the generator of coats keeps the truth"
    planted = found.scores["label"] != truth.reindex(found.scores.index)
    suspects = found.scores["suspect"]
    print(
        f"\nThe truth is known here: {planted.sum()} labels were planted wrong, and "
        f"{(planted & suspects).sum()} of the {suspects.sum()} suspects are among them.\n"
        "Then audit your own pictures, or open the notebook in a clone of the project:\n"
        f"  {command()} audit YOUR_FOLDER --out YOUR_AUDIT\n"
        "  make lab"
    )
    return 0
