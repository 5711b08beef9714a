"""Measure the search for copies among very many pictures, with cells and by comparing all.

    python -m benchmarks.copies_of_many --data DIR [--counts 10000 50000 100000]

The pictures are those of CIFAR-10; beyond its 60,000, means of two of them, which are copies of
neither. Into each set 1,000 copies are planted, as `benchmarks/duplicates.py` does it.
"""

import argparse
import resource
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks.common import write_table
from benchmarks.duplicates import PLANTED, contents, planted
from o2u_nb.data import cells, duplicates
from o2u_nb.data.images import load_image
from o2u_nb.data.readers.folders import from_folder

SEED = 7
COMPARED = 50_000  # pictures up to which all are compared, too


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 50_000, 100_000])
    options = parser.parse_args()
    rows = [row for n in options.counts for row in measured(pictures(options.data, n))]
    notes = (
        f"Pictures of CIFAR-10 (beyond 60,000, means of two of them), and {PLANTED:,} planted "
        f"copies, seed {SEED}. Recall is that of the planted ones. Seconds are those of the whole "
        "search; decoding takes a part of it that grows with the number of pictures. Memory is the "
        "largest that the process has had until then."
    )
    table = pd.DataFrame(rows).set_index("pictures")
    print(write_table("copies_of_many", "Copies among very many pictures", table, notes))


def pictures(data: Path, n: int) -> pd.DataFrame:
    """Return `n` pictures, and planted copies of them with their `original`."""
    random = np.random.default_rng(SEED)
    parts = [from_folder(data / "cifar10" / part).samples for part in ("train", "test")]
    every = pd.concat([part.set_axis(part.index.map(f"{k}/{{}}".format)) for k, part in
                       enumerate(parts)])  # fmt: skip
    own = every.iloc[random.permutation(len(every))[:n]]
    table = pd.DataFrame({"image": contents(own)}, index=own.index)
    copies = planted(own, SEED)
    pixels = [np.asarray(load_image(path)) for path in own["path"]] if n > len(own) else []
    pairs = random.integers(0, len(own), (n - len(own), 2))
    means = [((pixels[a].astype(int) + pixels[b]) // 2).astype(np.uint8) for a, b in pairs]
    mixed = pd.DataFrame({"image": means}, index=[f"mean/{k:05d}" for k in range(len(means))])
    return pd.concat([table, mixed, copies[["image", "original"]]]).rename_axis("sample_id")


def measured(table: pd.DataFrame):
    """Yield a row for each way to search."""
    n = len(table) - PLANTED
    for is_exact in (False, True) if cells.EXACT_UP_TO < n <= COMPARED else (False,):
        limit = len(table) if is_exact else cells.EXACT_UP_TO
        with mock.patch.object(cells, "EXACT_UP_TO", limit):
            began = time.perf_counter()
            found = duplicates.find(table)
            seconds = time.perf_counter() - began
        group = found["group"].reindex(table.index)
        copies = table["original"].dropna()
        is_found = group[copies.index].to_numpy() == group[copies].to_numpy()
        yield {
            "pictures": f"{n:,}",
            "compared": "all" if len(table) <= limit else "by cells",
            "seconds": f"{seconds:.0f}",
            "groups": f"{found['group'].nunique():,}",
            "recall": f"{is_found.mean():.3f}",
            "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB",
        }


if __name__ == "__main__":
    main()
