"""The certificate of an audit folder, without a session: for the report.

In comes an audit folder; out comes the statement that its decision log allows now, or why there is
none.
"""

from typing import NamedTuple

from o2u_nb.errors import CertificateError
from o2u_nb.folder import AuditFolder
from o2u_nb.review import drawing
from o2u_nb.review.apply import sorted_log
from o2u_nb.review.checking import checks_of
from o2u_nb.review.drawing import Drawn
from o2u_nb.review.events import Ledger
from o2u_nb.review.statement import Statement, state


class Certified(NamedTuple):
    """What is certain of an audit's labels: the `statement`; None where it was `refused`, and why.

    `refused` is a sentence, "" where there is a statement.
    """

    statement: Statement | None
    refused: str = ""


def certified(audit: AuditFolder) -> Certified | None:
    """Return the certificate by the random sample that was drawn last; None where none was.

    The cut is the one that was recorded with the sample. Raises `DecisionsError` when the log is
    about another data set.
    """
    events, aside = sorted_log(audit)
    try:
        drawn = drawing.find(audit.given, events, aside)
        if drawn is None:
            return None
        ledger = Ledger(events)
        drawing.require_valid(drawn, ledger)
    except CertificateError as error:
        return Certified(None, error.message)
    return Certified(with_checks(audit, ledger, drawn))


def with_checks(audit: AuditFolder, ledger: Ledger, drawn: Drawn) -> Statement:
    """Return what is certain by the sample `drawn`, with the checks of those who reviewed it.

    There is nothing of the reviewers' mistakes in it unless all of them have finished a check.
    """
    decided = {event.reviewer for event in ledger.in_force()}
    return state(audit.given, ledger, drawn, checks_of(audit, tuple(sorted(decided))))
