"""The cleaned data set as a Hugging Face repository of Parquet files, with the pictures in them."""

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data.images import Item, image_items, png_bytes
from o2u_nb.data.manifest import safe_name
from o2u_nb.data.parallel import Progress
from o2u_nb.data.samples import printable
from o2u_nb.exchange import tree
from o2u_nb.exchange.class_folders import write_tree
from o2u_nb.exchange.cleaned import remarked, warn_of_stale
from o2u_nb.review.apply import Plan

# The names of splits by which `datasets` finds them in the names of files.
SPLIT_NAMES = {"valid": "validation"}
GROUP = 100  # pictures that are in memory at once, and in a row group; our choice
TEXTS = ("sample_id", "decision", "note", "tags")


def to_huggingface_parquet(
    plan: Plan, folder: str | os.PathLike, *, progress: Progress | None = None
) -> Path:
    """Write the cleaned data set as Parquet files, `data/SPLIT-00000-of-00001.parquet`.

    `load_dataset(folder)` reads them: image, label and original_label as ClassLabel, sample_id,
    decision ("" where there is none), note and tags. The pictures are in the files, encoded as they
    were. `plan` is what `plan(audit)` returned, and `folder` must be new or empty. `progress(done,
    total)` counts files.

    Returns the folder. Warns of decisions that are not applied. Raises `ApplyError` when `folder`
    cannot be used or pictures cannot be found, and `OutputError` when a file cannot be written;
    then nothing is left behind.
    """
    warn_of_stale(plan)
    table = remarked(plan)
    decided = plan.decided.drop(plan.stale.index)["action"]
    table = table.assign(decision=decided.reindex(table.index).fillna(""), item=image_items(table))
    names = sorted({*table["label"], *table["original_label"]})
    files = [
        tree.Entry(
            f"data/{SPLIT_NAMES.get(split, safe_name(split))}-00000-of-00001.parquet",
            partial(_write, rows, names),
            dict(split=split, rows=len(rows)),
        )
        for split, rows in table.groupby("split")
    ]
    return write_tree(plan, folder, files, mode="copy", progress=progress)


def features(names: Sequence[str]) -> dict[str, Any]:
    """Return the types of the columns, as Hugging Face keeps them with a table."""
    label = {"names": list(names), "_type": "ClassLabel"}
    texts = {name: {"dtype": "string", "_type": "Value"} for name in TEXTS}
    return {"image": {"_type": "Image"}, "label": label, "original_label": label, **texts}


def _write(rows: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", picture), ("label", pa.int64()), ("original_label", pa.int64())]
        + [(name, pa.string()) for name in TEXTS],
        metadata={"huggingface": json.dumps({"info": {"features": features(names)}})},
    )
    code_of = {name: code for code, name in enumerate(names)}
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), GROUP):
            part = rows.iloc[start : start + GROUP]
            columns = {
                "image": [_cell(id, item) for id, item in part["item"].items()],
                **{name: part[name].map(code_of).astype(np.int64).tolist()
                   for name in ("label", "original_label")},
                "sample_id": part.index.tolist(),
                **{name: part[name].tolist() for name in TEXTS[1:]},
            }  # fmt: skip
            writer.write_table(pa.table(columns, schema=schema))


def _cell(id: str, item: Item) -> dict:
    if isinstance(item, (str, os.PathLike)):
        return dict(bytes=Path(item).read_bytes(), path=printable(id))
    return dict(bytes=png_bytes(item), path=printable(id))
