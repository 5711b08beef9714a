"""Progress of a long job, shown to people: bars in a terminal, or a panel where widgets run.

In come lines to print, counts of the steps that are done, and finished epochs. `Silence` names the
calls and does nothing, `Bars` prints. The panel is in `widgets/running.py`.
"""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from o2u_nb.text import on_one_line

if TYPE_CHECKING:
    import pandas as pd

    from o2u_nb.trace import Trace

OnEpoch = Callable[["Trace"], None]  # called with the trace after each finished epoch
# Called with the title of an eye and its number of epochs, before it is trained.
Begin = Callable[[str, int], OnEpoch]
Watch = Callable[["pd.DataFrame"], Begin]  # called with the samples, before anything is trained

# Seconds after which a bar appears that nobody asked for: what is done sooner needs none.
PATIENCE = 1.0


class Silence:
    """Take in what a long job tells, and show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End: nothing more will be told."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of the `total` steps of `stage` are done."""

    def say(self, line: str) -> None:
        """Show one line of text."""

    def watch(self, samples: "pd.DataFrame") -> Begin:
        """Show the training on `samples`: return what is called before each eye is trained."""
        return lambda title, n_epochs: lambda trace: None


class Bars(Silence):
    """Show one progress bar at a time; a new stage closes the bar of the stage before.

    A bar appears after `delay` seconds. Bars go to standard output, so that standard error holds
    nothing but the one line of an error.
    """

    def __init__(self, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.stage: str | None = None
        self.bar: Any = None  # a bar of tqdm, whose classes have no type annotations

    def __exit__(self, *_: object) -> None:
        """Close the bar."""
        self._close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of the `total` steps of `stage` are done."""
        from tqdm.auto import tqdm

        if stage != self.stage:
            self._close()
            # In seconds. In a log file each update is a line of its own, so there are few of them.
            interval = 0.5 if sys.stdout.isatty() else 10
            self.stage = stage
            self.bar = tqdm(
                total=total, desc=stage, mininterval=interval, file=sys.stdout, unit="",
                delay=self.delay,
            )  # fmt: skip
        self.bar.update(done - self.bar.n)

    def say(self, line: str) -> None:
        """Print one line, above the next bar."""
        from tqdm import tqdm

        self._close()
        tqdm.write("\n".join(map(on_one_line, line.split("\n"))), file=sys.stdout)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.stage = None
        self.bar = None


def shows_widgets() -> bool:
    """Tell whether somebody looks at this process through a front end that shows widgets.

    So it is in a kernel that JupyterLab, VS Code or another page talks to. It is not so in a
    terminal, nor where a program runs a notebook (nbclient, papermill): such programs sign their
    requests with the name of the user, as `jupyter_client` does, and pages do not.
    """
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    if kernel is None or not hasattr(kernel, "comm_manager"):
        return False
    asked = kernel.get_parent().get("header", {})
    return bool(asked) and asked.get("username") != os.environ.get("USER", "username")
