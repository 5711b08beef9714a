"""The options that every command has which makes an audit, and the call that makes it.

In come a parser, or its options; out comes the parser with more options, or an `Audit`.
"""

import argparse
from pathlib import Path

from o2u_nb.audit import Audit
from o2u_nb.presets import PRESETS


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the preset, the eyes, the seed and `--overwrite`."""
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="standard",
        help="how many networks look at the pictures, and how long (default: %(default)s)",
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
        type=_seed,
        default=0,
        metavar="N",
        help="makes a run repeatable (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier audit in DIR; decisions are kept",
    )


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, found {text}")
    return seed


def _eyes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"expected different names like a,b, found {text!r}")
    return names


def run_audit(source: Path, out: Path, options, **more) -> Audit:
    """Make an audit with the `options` that `add_training_options` has added."""
    return Audit.run(
        source,
        out,
        preset=options.preset,
        eyes=options.eyes,
        seed=options.seed,
        overwrite=options.overwrite,
        reopen=False,
        **more,
    )
