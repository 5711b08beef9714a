"""The options that every command has which makes an audit, and the call that makes it.

In come a parser, or its options; out comes the parser with more options, or an `Audit`.
"""

import argparse
import shlex
from pathlib import Path

from o2u_nb.audit import Audit
from o2u_nb.commands import options as values
from o2u_nb.commands.program import command
from o2u_nb.folder import unfinished_in
from o2u_nb.presets import PRESETS


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the preset, eyes, seed, `--processes`, `--no-copies`, `--overwrite` and `--resume`."""
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="standard",
        help="how many networks look at the pictures, and for how long they are trained "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--eye",
        "--eyes",
        dest="eyes",
        type=_eyes,
        metavar="NAME[,NAME]",
        help="the networks that look at the pictures, instead of the preset's: efficientnet_lite0 "
        "(works offline), any name of timm, torchvision/NAME, or network for one that is trained "
        "on the pictures",
    )
    parser.add_argument(
        "--seed",
        type=values.seed,
        default=0,
        metavar="N",
        help="makes a run repeatable (default: %(default)s)",
    )
    parser.add_argument(
        "--processes",
        type=values.count(1),
        metavar="N",
        help="in how many processes a network is trained on the pictures (default: one for each "
        "GPU, or one)",
    )
    parser.add_argument(
        "--no-copies",
        dest="copies",
        action="store_false",
        help="do not search for copies of pictures, which takes a sixth to two fifths of the time "
        "of an instant audit; identical files are still found",
    )
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier audit in DIR; decisions are kept",
    )
    earlier.add_argument(
        "--resume",
        action="store_true",
        help="go on with an audit in DIR that was interrupted, after its last finished epoch",
    )


def _eyes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"expected different names like a,b, found {text!r}")
    return names


def run_audit(source: Path, out: Path, options, **more) -> Audit:
    """Make an audit with the `options` that `add_training_options` has added."""
    try:
        return Audit.run(
            source,
            out,
            preset=options.preset,
            eyes=options.eyes,
            seed=options.seed,
            copies=options.copies,
            overwrite=options.overwrite,
            resume=options.resume,
            processes=options.processes,
            reopen=False,
            **more,
        )
    except KeyboardInterrupt as stop:
        stop.add_note(_how_to_go_on(out, options.argv))
        raise


def _how_to_go_on(out: Path, argv: list[str]) -> str:
    """Say what to type to go on with an audit that was interrupted."""
    if unfinished_in(out) is None:
        return f"nothing was started. To try again: {command()} {shlex.join(argv)}"
    words = [word for word in argv if word not in ("--overwrite", "--resume")]
    again = shlex.join([*words, "--resume"])
    return f"finished epochs and features are kept. To go on: {command()} {again}"
