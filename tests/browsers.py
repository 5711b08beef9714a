"""The browser's side of a grid, without a browser."""

from o2u_nb.review.session import ReviewSession
from o2u_nb.widgets.grid import SuspectGrid


class Browser:
    """The other side of a grid: sends messages, and keeps what comes back."""

    def __init__(self, session: ReviewSession, monkeypatch):
        self.grid, self.heard, self.seq = SuspectGrid(session), [], 0
        monkeypatch.setattr(self.grid, "send", lambda *sent, **more: self.hear(*sent, **more))

    def hear(self, content, buffers=None):
        self.heard.append((content, buffers))

    def say(self, kind: str, **fields) -> dict:
        """Send a message; return the last answer, which must be to it."""
        self.heard, self.seq = [], self.seq + 1
        message = dict(kind=kind, view="a", seq=self.seq, order=self.grid.order) | fields
        self.grid._handle_custom_msg(message, [])
        answer = self.heard[-1][0]
        assert (answer["kind"], answer["view"], answer["seq"]) == ("done", "a", self.seq)
        return answer

    def decide(self, action: str, *ranges, **fields) -> dict:
        return self.say("decide", action=action, ranges=[list(r) for r in ranges], **fields)
