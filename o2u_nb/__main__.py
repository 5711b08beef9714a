"""The command line: `o2u-nb audit|demo|compare|doctor`, or `python -m o2u_nb ...`.

An audit made here is the same as one made in a notebook. Exit status: 0 when the command is done, 1
when the doctor found something wrong, 2 for wrong input or a missing package (with one clear line
on standard error, and nothing left half-written), 130 when interrupted (finished epochs are kept).
"""

import argparse
import shlex
import sys
from pathlib import Path

from o2u_nb import compare_command
from o2u_nb.audit import Audit
from o2u_nb.data.samples import named_problems
from o2u_nb.errors import O2UError
from o2u_nb.extras import require_training
from o2u_nb.folder import PROBLEMS
from o2u_nb.presets import PRESETS
from o2u_nb.progress import Bars
from o2u_nb.text import percent
from o2u_nb.version import __version__

SHOWN = 10  # suspects that the summary lists, so that it fits on one screen


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(argv)
    try:
        return options.command(options)
    except O2UError as error:
        print(f"o2u_nb: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\no2u_nb: interrupted; finished epochs and features are kept. The same command with "
            "--overwrite goes on with the features.",
            file=sys.stderr,
        )
        return 130


class _Parser(argparse.ArgumentParser):
    """Say what is wrong with the options in one line, as for any other wrong input."""

    def error(self, message: str):
        self.exit(2, f"o2u_nb: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=_program(), description="Find wrong labels in a folder of images.")
    parser.add_argument("--version", action="version", version=f"o2u_nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar="audit | demo | compare | doctor")

    audit = commands.add_parser(
        "audit",
        help="rank the images of a folder by how suspicious their labels are",
        epilog="presets, with the time for 10,000 pictures of 32 pixels on two cores: "
        + "; ".join(f"{p.name}: {p.does}, {p.minutes}" for p in PRESETS.values()),
    )
    audit.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="folder of class folders, or folder of images with --labels",
    )
    audit.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the results; made when missing",
    )
    audit.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="file with the columns path and label, one row per image: CSV, JSON, Parquet or Excel",
    )
    audit.add_argument(
        "--columns",
        type=_columns,
        metavar="path=NAME,label=NAME",
        help="names of these columns in the file of labels, if they are not path and label",
    )
    audit.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of the file of labels, if it is not UTF-8; such as cp1252",
    )
    _add_training_options(audit)
    audit.set_defaults(command=_audit)

    demo = commands.add_parser("demo", help="audit generated pictures with planted wrong labels")
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("o2u-demo"),
        metavar="DIR",
        help="folder for pictures and results (default: %(default)s)",
    )
    _add_training_options(demo)
    demo.set_defaults(command=_demo)

    compare_command.add_command(commands)

    doctor = commands.add_parser("doctor", help="check this environment and name cures")
    doctor.set_defaults(command=_doctor)
    return parser


def _program() -> str:
    """Name this program as it was called: by its command, or as a module of Python."""
    name = Path(sys.argv[0]).stem
    return name if name == "o2u-nb" else "python -m o2u_nb"


def _command() -> str:
    """Return what to type to call this program again, also where no environment is active."""
    program = _program()
    return program if program == "o2u-nb" else f"{shlex.quote(sys.executable)} -m o2u_nb"


def _add_training_options(parser: argparse.ArgumentParser) -> None:
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


def _columns(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(role and name for role, _, name in pairs):
        raise argparse.ArgumentTypeError(f"expected path=NAME,label=NAME, found {text!r}")
    return {role.strip(): name for role, _, name in pairs}


def _audit(options) -> int:
    table = dict(labels=options.labels, columns=options.columns, encoding=options.encoding)
    found = _run(options.source, options.out, options, **table)
    _print_summary(found)
    return 0


def _demo(options) -> int:
    from o2u_nb.data import datasets

    require_training()  # before anything is drawn
    with Bars() as bars:
        folder = datasets.coats_folder(
            options.out, seed=options.seed, progress=lambda *at: bars("drawing", *at)
        )
    found = _run(folder / "images", options.out / "audit", options)
    _print_summary(found)
    truth = datasets.load("coats", root=options.out, seed=options.seed).truth
    assert truth is not None, "the generator of coats keeps the truth"
    planted = found.scores["label"] != truth.reindex(found.scores.index)
    suspects = found.scores["suspect"]
    print(
        f"\nThe truth is known here: {planted.sum()} labels were planted wrong, and "
        f"{(planted & suspects).sum()} of the {suspects.sum()} suspects are among them.\n"
        "Then audit your own pictures, or open the notebook in a clone of the project:\n"
        f"  {_command()} audit YOUR_FOLDER --out YOUR_AUDIT\n"
        "  make lab"
    )
    return 0


def _doctor(_) -> int:
    from o2u_nb import doctor

    return doctor.main()


def _run(source: Path, out: Path, options, **more) -> Audit:
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


def _print_summary(found: Audit) -> None:
    facts = found.facts
    scores = found.scores
    stability = found.findings.stability
    print(f"\n{_how_many(facts)}. The most suspicious, given -> looks like:\n")
    top = scores.head(SHOWN)
    width = min(60, max(len(id) for id in top.index))
    for rank, (id, row) in enumerate(top.iterrows(), start=1):
        name = id if len(id) <= width else f"...{id[-width + 3 :]}"
        print(f"{rank:>4}  {name:<{width}}  {row['label']}  ->  {row['suggested_label']}")
    if stability is not None:
        print(f"\nHow settled the ranking is: {stability}.")
    if len(found.problems):
        print(f"\n{len(found.problems):,} problems in the source:\n")
        for line in named_problems(found.problems):
            print(f"  {_on_one_line(line)}")
        print(f"\nAll of them: {found.folder / PROBLEMS}")
    print(
        f"\nAll samples, ranked: {found.folder / 'scores.csv'}\n"
        f"Next: open the report, {found.report}"
    )


def _on_one_line(text: str) -> str:
    """Return text in which characters that would move the cursor or colour the line are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _how_many(facts: dict) -> str:
    """Say how many labels look wrong: a number, or a range where the audit doubts it."""
    total = facts["n_samples"]
    if facts["warnings"]:
        low, high = facts["estimated_range"]
        return f"Between {low:,} and {high:,} of {total:,} labels may be wrong, with doubts"
    count = facts["estimated_wrong"]
    return f"About {count:,} of {total:,} labels look wrong ({percent(count / total)})"


if __name__ == "__main__":
    sys.exit(main())
