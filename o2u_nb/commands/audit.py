"""The command `audit`: rank the images of a folder by how suspicious their labels are."""

import argparse

from o2u_nb.commands.options import place
from o2u_nb.commands.summary import print_summary
from o2u_nb.commands.training_options import add_training_options, run_audit
from o2u_nb.presets import PRESETS


def add_command(commands) -> None:
    """Add `audit` to the parsers of the command line."""
    parser = commands.add_parser(
        "audit",
        help="rank the pictures of a folder by how suspicious their labels are",
        epilog="presets, with the time for 10,000 pictures of 32 pixels on two cores: "
        + "; ".join(f"{p.name}: {p.does}, {p.minutes}" for p in PRESETS.values()),
    )
    parser.add_argument(
        "source",
        type=place,
        metavar="SOURCE",
        help="folder of class folders, or folder of pictures with --labels",
    )
    parser.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="DIR",
        help="folder for the results; made when missing",
    )
    parser.add_argument(
        "--labels",
        type=place,
        metavar="FILE",
        help="file with the columns path and label, one row per picture: CSV, JSON, Parquet or "
        "Excel",
    )
    parser.add_argument(
        "--columns",
        type=_columns,
        metavar="path=NAME,label=NAME",
        help="names of these columns in the file of labels, if they are not path and label",
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of the file of labels, if it is not UTF-8; such as cp1252",
    )
    add_training_options(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    table = dict(labels=options.labels, columns=options.columns, encoding=options.encoding)
    print_summary(run_audit(options.source, options.out, options, **table))
    return 0


def _columns(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(role and name for role, _, name in pairs):
        raise argparse.ArgumentTypeError(f"expected path=NAME,label=NAME, found {text!r}")
    return {role.strip(): name for role, _, name in pairs}
