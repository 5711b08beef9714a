"""Work in the background of a panel, of which only what was asked for last matters.

In comes a job; it runs in a thread, so that the kernel goes on listening to the panel. A newer job
cancels the one that runs, and begins when that has ended.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from o2u_nb.errors import O2UError

T = TypeVar("T")
Job = Callable[[Callable[[], bool]], None]


class Latest:
    """Run the newest job; each job is given a function that tells whether it is cancelled."""

    def __init__(self) -> None:
        self._asked = 0
        self._thread: threading.Thread | None = None
        self._home = threading.current_thread()
        self._news = threading.Event()  # set whenever something newer is asked for
        try:
            self._loop = asyncio.get_running_loop()  # the kernel's, in a notebook
        except RuntimeError:
            self._loop = None

    def ask(self, job: Job, *, delay: float = 0.0) -> None:
        """Run `job` after `delay` seconds, unless a newer one is asked for until then."""
        self.cancel()
        mine, before, news = self._asked, self._thread, threading.Event()
        self._news = news

        def run() -> None:
            if before is not None:
                before.join()
            if not news.wait(delay):
                job(lambda: mine != self._asked)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the job that runs or waits, if any."""
        self._asked += 1
        self._news.set()

    def wait(self) -> None:
        """Wait until the newest job has ended."""
        if self._thread is not None:
            self._thread.join()

    def show(self, draw: Callable[[], None]) -> None:
        """Call `draw` where widgets may be changed: in the thread of the kernel's loop, if any."""
        at_home = threading.current_thread() is self._home
        if at_home or self._loop is None or not self._loop.is_running():
            draw()
        else:
            self._loop.call_soon_threadsafe(draw)


def tried(work: Callable[[], T]) -> tuple[T | None, str]:
    """Return what `work` returns and "", or None and a sentence that says why it failed."""
    try:
        return work(), ""
    except O2UError as error:
        return None, error.message
    except Exception as error:  # in a thread, nobody would see it otherwise
        return None, f"{type(error).__name__}: {error}"


class InBackground:
    """What panels have in common that work in the background; it stands before `Panel`.

    A panel makes `_latest` before anything else.
    """

    _latest: Latest

    def wait(self) -> None:
        """Wait until the background has nothing to do."""
        self._latest.wait()

    def close(self) -> None:
        """Forget what the background does, and close the panel."""
        self._latest.cancel()
        super().close()

    def _in_background(
        self,
        work: Callable[[Callable[[], bool]], T | None],
        end: Callable[[T | None, str], None],
    ) -> None:
        """Do `work` in the background, and call `end` where widgets may be changed.

        `work` is given a function that tells whether it is cancelled; then `end` is not called. It
        gets what `work` returned, or None and a sentence that says why it failed.
        """

        def job(cancelled: Callable[[], bool]) -> None:
            found, said = tried(lambda: work(cancelled))
            if not cancelled():
                self._latest.show(lambda: end(found, said))

        self._latest.ask(job)
