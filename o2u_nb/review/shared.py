"""One session for each audit folder and reviewer in a kernel, so that all panels are in step.

In comes an audit; out comes the session on it that is in use already, or a new one. A session that
nothing uses any more is forgotten.
"""

import os
from weakref import WeakValueDictionary

from o2u_nb.errors import DecisionsError
from o2u_nb.folder import FACTS, SCORES, AuditFolder
from o2u_nb.review.session import ReviewSession, user
from o2u_nb.stored.tables import explained

_IN_USE: "WeakValueDictionary[tuple, ReviewSession]" = WeakValueDictionary()


def shared_session(audit: AuditFolder, *, reviewer: str | None = None) -> ReviewSession:
    """Return the session on `audit` in the name of `reviewer` (default: the user).

    It is the one that is in use in this kernel, whichever `Audit` object it was opened from, with
    what the log says now. It is a new one if the pictures are looked for in another folder
    (`images`), if the audit was made again meanwhile, since its scores are others then, and if the
    log was cut or removed, so as to go on with what is there. Sessions that are still open on what
    was there before stay as they are.

    Raises `SourceError` when the audit is no longer in its folder, and `DecisionsError` when its
    log is about another data set.
    """
    latest = type(audit).open(audit.folder, images=audit.images)
    name = user() if reviewer is None else reviewer
    images = None if audit.images is None else os.path.realpath(audit.images)
    key = (os.path.realpath(audit.folder), images, name, _stamp(latest))
    session = _IN_USE.get(key)
    if session is None or not _follows(session):
        # An object that was opened before the audit was made again may hold the earlier tables.
        current = audit if audit.facts == latest.facts else latest
        session = _IN_USE[key] = ReviewSession(current, reviewer=name)
    return session


def _follows(session: ReviewSession) -> bool:
    """Take in what the log says now; tell whether that goes on from what the session has read."""
    try:
        session.catch_up()
    except DecisionsError:
        return False
    return True


def _stamp(audit: AuditFolder) -> tuple:
    """Return what differs as soon as an audit takes the place of another one in its folder."""
    found = []
    for name in (SCORES, FACTS):
        with explained(audit.folder / name, audit.folder):
            found.append(os.stat(audit.folder / name))
    return tuple((file.st_ino, file.st_size, file.st_mtime_ns) for file in found)
