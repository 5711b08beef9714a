"""The command `reviewers`: how good the reviewers of an audit are, and how far they agree.

In comes an audit folder; out go the mistakes in hidden checks, and Cohen's kappa of each pair of
reviewers with the pairs of classes on which they differ.
"""

import argparse

from o2u_nb.commands.options import place
from o2u_nb.text import on_one_line


def add_command(commands) -> None:
    """Add `reviewers` to the parsers of the command line."""
    parser = commands.add_parser(
        "reviewers",
        help="say how many mistakes reviewers make in hidden checks, and how far they agree",
        epilog="A check is answered in a notebook: Audit.open(DIR).check(reviewer=NAME).",
    )
    parser.add_argument("folder", type=place, metavar="DIR", help="folder of an audit")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and return its exit status."""
    from o2u_nb.folder import AuditFolder
    from o2u_nb.review import checking
    from o2u_nb.review import checking_text as words

    audit = AuditFolder.open(options.folder)
    said = []
    for name in checking.checked_reviewers(audit):
        found = checking.result_of(audit, name)
        said += [] if found is None else [*words.result_lines(name, found), ""]
    for pair in checking.agreements_of(audit):
        said += [words.agreement_line(pair), *words.differing_lines(pair), ""]
    if not said:
        said = [
            "No reviewer has answered a hidden check yet.",
            f"Next: in a notebook, Audit.open({str(options.folder)!r}).check()",
        ]
    print("\n".join(map(on_one_line, said)).rstrip())
    return 0
