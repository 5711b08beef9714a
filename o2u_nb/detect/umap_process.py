"""Make a map by UMAP, as a process of its own: `python umap_process.py ROWS OUT`.

In comes a file of rows, float32 (n, d); out goes a file of coordinates, float32 (n, 2), and on the
standard output lines of the form `stage: done/total`. UMAP holds the interpreter for seconds at a
time, so that a kernel in which it runs does not answer.
"""

import io
import sys
import threading
import warnings

import numpy as np

NEIGHBOURS = 15  # UMAP's own choice, as is all that is not said here
SEED = 0
PREPARING = "preparing"
LAYOUT = "layout"
PULSE = 1.0  # seconds between two lines while nothing can be counted


class Lines(io.StringIO):
    """Take what tqdm writes, `done/total` each time, and print it as lines; `begun` is set then."""

    def __init__(self, begun: threading.Event):
        super().__init__()
        self.begun = begun

    def write(self, text: str) -> int:
        """Print one count."""
        counts = text.strip()
        if counts.partition("/")[0].isdecimal():
            self.begun.set()
            say(f"{LAYOUT}: {counts}")
        return len(text)


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(rows: str, out: str) -> None:
    """Make the map."""
    begun = threading.Event()
    threading.Thread(target=_pulse, args=(begun,), daemon=True).start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap says that a seed makes it use one thread
        from umap import UMAP

        found = UMAP(
            n_neighbors=NEIGHBOURS,
            random_state=SEED,
            tqdm_kwds=dict(
                file=Lines(begun), bar_format="{n_fmt}/{total_fmt}", disable=False, mininterval=0.3
            ),
        ).fit_transform(np.load(rows))
    np.save(out, found.astype(np.float32))


def _pulse(begun: threading.Event) -> None:
    """Say that the work goes on, so that the reader can stop it before anything is counted."""
    while not begun.wait(PULSE):
        say(f"{PREPARING}: 0/1")


if __name__ == "__main__":
    main(*sys.argv[1:])
