"""Looking at the decision log while a panel is open, for what other kernels add to it.

In comes a session; while anybody watches it, the session takes in news every two seconds. It runs
on the kernel's own event loop, so that no other thread changes traits; a cell that runs holds it
up. Where there is no loop, as in a script, nothing is watched, and each command looks by itself.
"""

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary, ref

from o2u_nb.errors import O2UError
from o2u_nb.review.session import ReviewSession

EVERY = 2.0  # seconds; a look asks for the size and date of one file. Our choice.

_WATCHES: "WeakKeyDictionary[ReviewSession, Watch]" = WeakKeyDictionary()


class Watch:
    """Look at one session's log every few seconds, as long as any panel needs it."""

    def __init__(self, session: ReviewSession):
        self._session = ref(session)  # a session that nothing else holds is not kept by its watch
        self._watchers = 0
        self._task: asyncio.Task | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the log is looked at."""
        return self._task is not None and not self._task.done()

    def add(self) -> None:
        """Count one panel more, and begin to look if there is an event loop."""
        self._watchers += 1
        with suppress(RuntimeError):  # no loop runs here
            if not self.is_running:
                self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self) -> None:
        """Count one panel less; after the last one the log is not looked at any more."""
        self._watchers -= 1
        if self._watchers <= 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            session = self._session()
            if session is None:
                return
            with suppress(O2UError):  # a log that was cut or removed: the next command says so
                session.catch_up()
            del session


def watch(session: ReviewSession) -> Watch:
    """Watch the log of `session` for one panel; call `remove` on the result when that is closed."""
    found = _WATCHES.get(session)
    if found is None:
        found = _WATCHES[session] = Watch(session)
    found.add()
    return found
