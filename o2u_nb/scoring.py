"""A finished audit as a scorer: how suspicious the labels of new pictures are.

In come an audit and new pictures, labelled or not; out goes a table with a row for each picture.
Nothing is trained: the audit's frozen networks look at the pictures, and the heads that the audit
trained on their features say what they see. torch is imported when that is done, and only then.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from o2u_nb.data import samples as samples_io
from o2u_nb.data.images import Item, image_items, png_bytes, suffixes
from o2u_nb.data.parallel import Progress
from o2u_nb.data.samples import Checked
from o2u_nb.errors import O2UError, SourceError
from o2u_nb.extras import require_training
from o2u_nb.folder import AuditFolder
from o2u_nb.scorer import SCORED, Learned, Scorer, learned_by

BLOCK = 1024  # pictures of a samples table that become Arrow data at a time; our choice
EITHER = pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])
# What a reader finds wrong with a single picture, which then has a row in the table.
OF_PICTURES = {
    samples_io.UNREADABLE_IMAGE,
    samples_io.ZERO_BYTE_FILE,
    samples_io.FILE_NOT_FOUND,
    samples_io.MISSING_LABEL,
}


def score(
    audit: AuditFolder,
    source: Any,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Score new pictures by what `audit` learned; nothing is trained or written.

    Each picture is read and decoded once, by a `Scorer`. `source` is a samples table, that is a
    DataFrame with the index `sample_id`, a column `path` or `image` and, if the pictures are
    labelled, `label`; a label of None or NaN is none. Or it is what `load` and `from_folder`
    return, a folder without class folders, whose pictures are not labelled, or anything that
    `sources.read` takes. `progress(done, total)` counts pictures.

    Returns a table with the index `sample_id`, most suspicious first, pictures without a score
    last, ties in the order of their ids:

    | column | |
    |---|---|
    | `label` | the given label, missing without one |
    | `score` | nats, higher = more suspicious: log-odds against the label (`scorer.against`), the |
    | | mean over the eyes; NaN without a known label |
    | `rank` | Int64, 1 = most suspicious; NA without a score |
    | `predicted_label` | the class with the largest probability, the mean over the eyes; missing |
    | | for a picture that cannot be decoded |
    | `doubt` | 1 minus that probability, 0 to 1, higher = less sure; also without a label |
    | `problem` | why a picture could not be looked at or its label not be judged; "" if nothing |

    The score is made as that of `audit.scores`: what the heads say of the picture, and of its look-
    alikes among the audit's samples, and how common the confusion is. But the heads have not seen
    the picture, and look at it once instead of over the epochs, so that the two are not on one
    scale. The eyes are the audit's frozen networks, listed in `attrs["eyes"]`; one that was trained
    on the pictures keeps no weights, and is left out. The order of the pictures changes nothing.

    A label that the audit does not know gives a row with the problem `scorer.UNKNOWN_CLASS`; a
    picture that cannot be decoded gives one with the reason. Raises `O2UError` when the audit
    has no frozen eye or keeps no heads, when an id is there twice, and when no label is known;
    `TraceError` for a damaged head, `SourceError` when `source` cannot be read, `FeaturesError`
    and `WeightsError` when a network is not the one that the audit used or cannot be had, and
    `MissingExtraError` without torch.
    """
    learned = learned_by(audit)
    require_training()
    samples, problems = _read(source)
    require_known(learned, list(_labels(samples)), audit.folder)
    scorer = Scorer(learned, n=len(samples), say=say)
    found, done = [SCORED.empty_table()], 0
    for part in scorer.stream(_batches(samples)) if len(samples) else ():
        found.append(part)
        done += len(part)
        if progress:
            progress(done, len(samples))
    table = pa.concat_tables(found).to_pandas().set_index("sample_id")
    table = _ranked(pd.concat([table, problems]) if len(problems) else table)
    table.attrs["eyes"] = [eye.name for eye in learned.eyes]
    return table


def require_known(learned: Learned, labels: Sequence[str | None], where: Any) -> None:
    """Raise `O2UError` when there are labels, and the audit in `where` knows none of them."""
    given = [label for label in labels if label is not None]
    if given and not set(given) & set(learned.classes):
        raise O2UError(
            f"Expected labels among the {len(learned.classes)} classes of {where}, such as "
            f"{learned.classes[0]!r}; found none, but {given[0]!r}. Rename the labels, or leave "
            "the column label out to have them predicted."
        )


def _batches(samples: pd.DataFrame) -> Iterator[pa.Table]:
    """Yield a samples table as the scorer takes it, some rows at a time."""
    labels = _labels(samples)
    for start in range(0, len(samples), BLOCK):
        rows = slice(start, start + BLOCK)
        items = image_items(samples.iloc[rows])
        paths = [os.fspath(item) for item in items if isinstance(item, str | os.PathLike)]
        if are_paths := len(paths) == len(items):
            pictures = pa.array(paths, pa.string())
        else:
            pictures = pa.array([_either(item) for item in items], EITHER)
        yield pa.table(
            {
                "sample_id": pa.array(samples.index[rows], pa.string()),
                "path" if are_paths else "image": pictures,
                "label": pa.array(labels[rows], pa.string()),
            }
        )


def _read(source: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pictures, and rows for those that a reader has left out."""
    if isinstance(source, pd.DataFrame) and source.index.name == "sample_id":
        return _unique(source), _left_out(samples_io.problems_table([]), source.index)
    if not isinstance(source, Checked):
        source = _flat(source) or _by_reader(source)
    return _unique(source.samples), _left_out(source.problems, source.samples.index)


def _either(item: Item) -> dict[str, Any]:
    """Return a picture as a path or as bytes; an array becomes PNG, which is lossless.

    Both are missing for what is no picture.
    """
    if isinstance(item, str | os.PathLike):
        return {"path": os.fspath(item)}
    return {"bytes": png_bytes(item)} if isinstance(item, bytes | np.ndarray) else {}


def _by_reader(source: Any) -> Checked:
    from o2u_nb.data import sources

    if isinstance(source, tuple):  # arrays need no decoding
        return sources.read(source)
    return sources.read(source, check_images=False)  # the scorer finds what cannot be decoded


def _flat(source: Any) -> Checked | None:
    """Return the pictures of a folder without folders in it; None for anything else."""
    if not (isinstance(source, str | os.PathLike) and os.path.isdir(source)):
        return None
    entries = [path for path in Path(source).iterdir() if not path.name.startswith(".")]
    if any(path.is_dir() for path in entries):
        return None
    paths = sorted(path for path in entries if path.suffix.lower() in suffixes())
    if not paths:
        raise SourceError(f"Expected pictures in {source}, found none: choose another folder.")
    ids = pd.Index([path.name for path in paths], dtype="str", name="sample_id")
    table = pd.DataFrame({"path": [str(path.absolute()) for path in paths]}, index=ids)
    return Checked(table, samples_io.problems_table([]))


def _unique(samples: pd.DataFrame) -> pd.DataFrame:
    if not samples.index.is_unique:
        twice = samples.index[samples.index.duplicated()][0]
        raise O2UError(f"Expected each sample once, found {twice!r} twice: give each its own id.")
    return samples


def _left_out(problems: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    mine = problems[problems["problem"].isin(OF_PICTURES) & ~problems["sample_id"].isin(ids)]
    mine = mine.drop_duplicates("sample_id")
    said = [
        f"{problem}: {detail}"
        for problem, detail in zip(mine["problem"], mine["detail"], strict=True)
    ]
    empty = {"label": None, "score": np.nan, "predicted_label": None, "doubt": np.nan}
    index = pd.Index(mine["sample_id"].astype("str"), name="sample_id")
    return pd.DataFrame({**empty, "problem": said}, index=index)


def _labels(samples: pd.DataFrame) -> np.ndarray:
    if "label" not in samples:
        return np.full(len(samples), None, dtype=object)
    labels = samples["label"].astype(object)
    return labels.where(labels.notna(), None).to_numpy(dtype=object)


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Put the most suspicious first; equal scores in the order of the ids."""
    by_id = np.argsort(table.index.to_numpy(str), kind="stable")
    order = by_id[np.argsort(-table["score"].to_numpy()[by_id], kind="stable")]
    known = table["score"].notna().to_numpy()[order]
    table = table.iloc[order].astype({"label": "str", "predicted_label": "str", "problem": "str"})
    ranks = pd.array(np.where(known, np.arange(1, len(table) + 1), 0), dtype="Int64")
    ranks[~known] = pd.NA
    table.insert(2, "rank", ranks)
    return table
