"""Progress of a long job, shown to people: one bar at a time, with lines of text in between.

In come lines to print and counts of the steps that are done. Out goes text in a terminal, or a bar
in a notebook.
"""

import sys
from typing import Any


class Bars:
    """Show one progress bar at a time; a new stage closes the bar of the stage before.

    Bars go to standard output, so that standard error holds nothing but the one line of an error.
    """

    def __init__(self) -> None:
        self.stage: str | None = None
        self.bar: Any = None  # a bar of tqdm, whose classes have no type annotations

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of the `total` steps of `stage` are done."""
        from tqdm.auto import tqdm

        if stage != self.stage:
            self._close()
            # In seconds. In a log file each update is a line of its own, so there are few of them.
            interval = 0.5 if sys.stdout.isatty() else 10
            self.stage = stage
            self.bar = tqdm(total=total, desc=stage, mininterval=interval, file=sys.stdout, unit="")
        self.bar.update(done - self.bar.n)

    def say(self, line: str) -> None:
        """Print one line, above the next bar."""
        from tqdm import tqdm

        self._close()
        tqdm.write(line, file=sys.stdout)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.stage = None
        self.bar = None
