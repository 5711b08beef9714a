"""The command `certify`: how many labels are right at least, and what to do to say so.

In come an audit folder and options; out go the state of its certificate, what to do next, and the
statement. With `--draw` the random sample is drawn and recorded in the decision log.
"""

import argparse
from pathlib import Path

from o2u_nb.commands.options import count, place, seed
from o2u_nb.commands.program import command
from o2u_nb.errors import O2UError
from o2u_nb.text import on_one_line

PER_CLASS = 60  # labels of each class, where --per-class names no number


def add_command(commands) -> None:
    """Add `certify` to the parsers of the command line."""
    parser = commands.add_parser(
        "certify",
        help="say what share of the labels is right at least, from the review and a random sample",
        epilog="First decide on the suspects, then draw a random sample of all other samples "
        "(--draw), look at it in a notebook (Audit.open(DIR).certify()), and ask again.",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.add_argument(
        "--standard",
        type=_share,
        metavar="SHARE",
        help="share of right labels to show (default: 0.95)",
    )
    parser.add_argument(
        "--confidence",
        type=_share,
        metavar="SHARE",
        help="confidence of all statements (default: 0.95)",
    )
    parser.add_argument(
        "--per-class",
        type=count(0),
        nargs="?",
        const=PER_CLASS,
        metavar="N",
        help=f"a statement on each class, from at least N labels of each (default: {PER_CLASS})",
    )
    parser.add_argument(
        "--sequential",
        action="store_true",
        help="draw an order in which one may stop at any time, instead of a fixed number",
    )
    parser.add_argument(
        "--draw",
        type=count(0),
        nargs="?",
        const=0,
        metavar="N",
        help="draw the sample now: N labels, or as many as are probably enough",
    )
    parser.add_argument(
        "--cut-here",
        action="store_true",
        help="draw although suspects are undecided: set the threshold where the review stopped",
    )
    parser.add_argument(
        "--anew", action="store_true", help="draw a new sample, and give up the earlier one"
    )
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="seed of the random order (default: drawn)"
    )
    parser.add_argument(
        "--report", action="store_true", help="write the certificate into report.html, too"
    )
    parser.add_argument("--reviewer", metavar="NAME", help="who draws (default: the user name)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb.audit import Audit
    from o2u_nb.review.certifying import Certification
    from o2u_nb.review.session import ReviewSession

    certification = Certification(ReviewSession(options.folder, reviewer=options.reviewer))
    if options.draw is None:
        _require_recorded(options, certification)
    else:
        _draw(options, certification)
    _print_state(options, certification)
    if options.report:
        print(f"Written: {Audit.open(options.folder).write_report()}")
    return 0


def _draw(options: argparse.Namespace, certification) -> None:
    from o2u_nb.review.certifying import CONFIDENCE, STANDARD

    if options.cut_here and certification.undecided:
        certification.cut_here()
    certification.draw(
        options.draw or None,
        standard=options.standard or STANDARD,
        confidence=options.confidence or CONFIDENCE,
        sequential=options.sequential,
        per_class=options.per_class or 0,
        seed=options.seed,
        anew=options.anew,
    )


def _require_recorded(options: argparse.Namespace, certification) -> None:
    """Raise `O2UError` where an option is not what was recorded when the sample was drawn."""
    drawn = certification.drawn
    if drawn is None:
        return
    for name in ("standard", "confidence", "per_class", "sequential"):
        asked, recorded = getattr(options, name), getattr(drawn.draw, name)
        if asked not in (None, False) and asked != recorded:
            raise O2UError(
                f"The sample was drawn with {name.replace('_', ' ')} {recorded}, and {asked} is "
                "asked for: leave the option out, since it was fixed with the draw, or draw a new "
                "sample with --draw --anew."
            )


def _print_state(options: argparse.Namespace, certification) -> None:
    from o2u_nb.review import certificate_text as words
    from o2u_nb.review.certifying import CUT, LOOK, REFUSED, REVIEW

    step = certification.step()
    if step.name == REFUSED:
        raise O2UError(step.words)
    if step.name in (REVIEW, CUT):
        print(step.words)
        print(f"Next: {_next(options, certification, step.name)}")
        return
    found = certification.statement()
    said = [words.promise(found), "", *words.lines(found), words.goal(found)]
    said.append(words.delivered(found))
    said += [words.class_line(row) for row in found.classes]
    if found.classes:
        said.append("All statements on classes together hold with this confidence.")
    print("\n".join(map(on_one_line, said)))
    if step.name == LOOK:
        print(f"\n{step.words}\nNext: in a notebook, {_notebook(options.folder)}")
    else:
        print(f"\nNext: {command()} certify {options.folder} --report writes it into report.html.")


def _next(options: argparse.Namespace, certification, name: str) -> str:
    from o2u_nb.review.certifying import CUT

    draw = f"{command()} certify {options.folder} --draw"
    if name == CUT:
        return f"{draw}  ({certification.suggested():,} labels are probably enough)"
    return f"decide in a notebook, {_notebook(options.folder, 'panel')}; or {draw} --cut-here"


def _notebook(folder: Path, what: str = "certify") -> str:
    return f"Audit.open({str(folder)!r}).{what}()"


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, found {text!r}")
    return share
