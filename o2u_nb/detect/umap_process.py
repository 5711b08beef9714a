"""Make a map by UMAP, as a process of its own: `python -m o2u_nb.detect.umap_process ROWS OUT`.

In comes a file of rows, float32 (n, d); out goes a file of coordinates, float32 (n, 2), and on the
standard output lines of the form `stage: done/total`. UMAP holds the interpreter for seconds at a
time, so that a kernel in which it runs does not answer.
"""

import io
import sys
import threading
import time
import warnings

import numpy as np

NEIGHBOURS = 15  # UMAP's own choice, as is all that is not said here
SEED = 0
PREPARING = "preparing"
LAYOUT = "layout"
PULSE = 1.0  # seconds between two lines while nothing can be counted


class Lines(io.StringIO):
    """Take what tqdm writes, `done/total` each time, and print it as lines."""

    def write(self, text: str) -> int:
        """Print one count."""
        counts = text.strip()
        if counts.partition("/")[0].isdecimal():
            say(f"{LAYOUT}: {counts}")
        return len(text)


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(rows: str, out: str) -> None:
    """Make the map."""
    beginning = threading.Event()
    threading.Thread(target=_pulse, args=(beginning,), daemon=True).start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap says that a seed makes it use one thread
        from umap import UMAP

        found = UMAP(
            n_neighbors=NEIGHBOURS,
            random_state=SEED,
            tqdm_kwds=dict(
                file=Lines(), bar_format="{n_fmt}/{total_fmt}", disable=False, mininterval=0.3
            ),
        ).fit_transform(np.load(rows))
    beginning.set()
    np.save(out, found.astype(np.float32))


def _pulse(stop: threading.Event) -> None:
    """Say that the work goes on, so that the reader can stop it before anything is counted."""
    while not stop.is_set():
        say(f"{PREPARING}: 0/1")
        time.sleep(PULSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
