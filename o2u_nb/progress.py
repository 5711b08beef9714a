"""Progress of a long job, for people: one bar at a time, with lines in between.

In come lines to say and counts of what is done; out goes text in a terminal or a bar in a notebook.
"""

import sys


class Bars:
    """Show one progress bar at a time; a new stage closes the one before.

    On standard output, so that standard error holds nothing but the one line of an error.
    """

    def __init__(self):
        self.stage, self.bar = None, None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that `done` of `total` steps of `stage` are done."""
        from tqdm.auto import tqdm

        if stage != self.stage:
            self._close()
            often = 0.5 if sys.stdout.isatty() else 10  # seconds; a log file wants few lines
            self.stage = stage
            self.bar = tqdm(total=total, desc=stage, mininterval=often, file=sys.stdout, unit="")
        self.bar.update(done - self.bar.n)

    def say(self, line: str) -> None:
        """Write one line."""
        from tqdm import tqdm

        self._close()
        tqdm.write(line, file=sys.stdout)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.stage, self.bar = None, None
