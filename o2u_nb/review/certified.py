"""The certificate of an audit folder, without a session: for the report.

In comes an audit folder; out comes the statement that its decision log allows now, or why there is
none.
"""

from typing import NamedTuple

from o2u_nb.errors import CertificateError
from o2u_nb.folder import AuditFolder
from o2u_nb.review import drawing
from o2u_nb.review.apply import sorted_log
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
    return Certified(state(audit.given, ledger, drawn))
