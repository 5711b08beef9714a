"""A finished audit as a scorer: how suspicious the labels of new pictures are.

In come an audit and new pictures, labelled or not; out goes a table with a row for each picture.
Nothing is trained: the audit's frozen networks look at the pictures, and the heads that the audit
trained on their features say what they see. torch is imported when that is done, and only then.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from o2u_nb.data import samples as samples_io
from o2u_nb.data.images import GREY_COLUMNS, broken_image, image_items, suffixes
from o2u_nb.data.parallel import Progress, in_threads
from o2u_nb.data.samples import Checked
from o2u_nb.detect.confident import scaled
from o2u_nb.detect.evidence import over_eyes
from o2u_nb.detect.odds import log_odds_against
from o2u_nb.errors import O2UError, SourceError
from o2u_nb.extras import require_training
from o2u_nb.folder import AuditFolder
from o2u_nb.head_file import Head
from o2u_nb.looks import frozen_eyes, network_of

UNKNOWN_CLASS = "class unknown to the audit"  # in the column `problem`
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

    `source` is a samples table, that is a DataFrame with the index `sample_id`, a column `path` or
    `image` and, if the pictures are labelled, `label`; a label of None or NaN is none. Or it is
    what `load` and `from_folder` return, a folder without class folders, whose pictures are not
    labelled, or anything that `sources.read` takes. `progress(done, total)` counts pictures.

    Returns a table with the index `sample_id`, most suspicious first, pictures without a score
    last, ties in the order of their ids:

    | column | |
    |---|---|
    | `label` | the given label, missing without one |
    | `score` | nats, higher = more suspicious: the log-odds of the best other class against the |
    | | label (`detect.odds.log_odds_against`), the mean over the eyes; NaN without a known label |
    | `rank` | Int64, 1 = most suspicious; NA without a score |
    | `predicted_label` | the class with the largest probability, the mean over the eyes; missing |
    | | for a picture that cannot be decoded |
    | `doubt` | 1 minus that probability, 0 to 1, higher = less sure; also without a label |
    | `problem` | why a picture could not be looked at or its label not be judged; "" if nothing |

    The score is the head's margin on pictures that it has not seen. It is not that of
    `audit.scores`, which also averages over epochs and look-alikes; compare it only with itself.
    The eyes are the audit's frozen networks, listed in `attrs["eyes"]`; one that was trained on the
    pictures keeps no weights, and is left out. The order of the pictures changes nothing.

    A label that the audit does not know gives a row with the problem `UNKNOWN_CLASS`; a picture
    that cannot be decoded gives one with the reason. Raises `O2UError` when the audit has no frozen
    eye or keeps no heads, when an id is there twice, and when no label is known; `TraceError` for a
    damaged head, `SourceError` when `source` cannot be read, `FeaturesError` and `WeightsError`
    when a network is not the one that the audit used or cannot be had, and `MissingExtraError`
    without torch.
    """
    heads = _heads(audit)
    require_training()
    samples, problems = _read(source)
    classes = list(audit.trace.classes)
    samples = _in_same_grey(audit, samples)
    codes = _codes(audit, samples, classes)
    problem = _broken(samples)
    whole = np.flatnonzero(problem == "")
    found = _judged(audit, heads, samples.iloc[whole], codes[whole], progress, say)
    table = pd.DataFrame({"label": _labels(samples)}, index=samples.index)
    table["score"] = _spread(found[0], whole, len(samples))
    predicted = np.full(len(samples), None, dtype=object)
    predicted[whole] = np.array(classes, dtype=object)[found[1].argmax(1)]
    table["predicted_label"] = predicted
    table["doubt"] = _spread(1 - found[1].max(1), whole, len(samples))
    is_unknown = (codes < 0) & table["label"].notna().to_numpy()
    table["problem"] = np.where((problem == "") & is_unknown, UNKNOWN_CLASS, problem)
    table = _ranked(pd.concat([table, problems]) if len(problems) else table)
    table.attrs["eyes"] = list(heads)
    return table


def _heads(audit: AuditFolder) -> dict[str, Head]:
    """Read the head of each frozen eye; raise `O2UError` where one is missing."""
    eyes = frozen_eyes(audit)
    if not eyes:
        raise O2UError(
            f"Expected an audit with a pretrained eye, whose head can score new pictures; the one "
            f"in {audit.folder} has none, and keeps no weights of a network that was trained on "
            "the pictures. Audit with --eye efficientnet_lite0, or with --preset instant."
        )
    heads = {name: audit.head_of(name) for name in eyes}
    for name, head in heads.items():
        if head is None:
            raise O2UError(
                f"Expected the head on {name} in {audit.file_of_head(name)}, found none: the audit "
                "was made by an earlier version, which kept no heads. Audit again with "
                "overwrite=True (--overwrite); the features and the decisions are kept."
            )
    return {name: head for name, head in heads.items() if head is not None}


def _read(source: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pictures, and rows for those that a reader has left out."""
    if isinstance(source, pd.DataFrame) and source.index.name == "sample_id":
        return _unique(source), _left_out(samples_io.problems_table([]), source.index)
    if not isinstance(source, Checked):
        source = _flat(source) or _by_reader(source)
    return _unique(source.samples), _left_out(source.problems, source.samples.index)


def _by_reader(source: Any) -> Checked:
    from o2u_nb.data import sources

    return sources.read(source)


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


def _in_same_grey(audit: AuditFolder, samples: pd.DataFrame) -> pd.DataFrame:
    """Give deep grey pictures the range of grey with which the audit looked, if there is one."""
    if not set(GREY_COLUMNS) <= set(audit.samples.columns):
        return samples
    known = audit.samples[list(GREY_COLUMNS)].dropna()
    return samples.assign(**known.iloc[0].to_dict()) if len(known) else samples


def _labels(samples: pd.DataFrame) -> np.ndarray:
    if "label" not in samples:
        return np.full(len(samples), None, dtype=object)
    labels = samples["label"].astype(object)
    return labels.where(labels.notna(), None).to_numpy(dtype=object)


def _codes(audit: AuditFolder, samples: pd.DataFrame, classes: list[str]) -> np.ndarray:
    """Return the positions of the labels in `classes`, int (n,); -1 for none and unknown ones."""
    labels = pd.Index(_labels(samples), dtype=object)
    codes = pd.Index(classes, dtype=object).get_indexer(labels)
    given = labels.notna()
    if given.any() and (codes[given] < 0).all():
        raise O2UError(
            f"Expected labels among the {len(classes)} classes of {audit.folder}, such as "
            f"{classes[0]!r}; found none, but {labels[given][0]!r}. Rename the labels, or leave "
            "the column label out to have them predicted."
        )
    return codes


def _broken(samples: pd.DataFrame) -> np.ndarray:
    """Return why each picture cannot be decoded, object (n,); "" where it can."""
    found = list(in_threads(_reason, image_items(samples)))
    return np.array(found, dtype=object)


def _reason(item: Any) -> str:
    if isinstance(item, np.ndarray):
        return ""
    said = broken_image(item)
    return f"{samples_io.UNREADABLE_IMAGE}: {said}" if said else ""


def _judged(
    audit: AuditFolder,
    heads: dict[str, Head],
    samples: pd.DataFrame,
    codes: np.ndarray,
    progress: Progress | None,
    say: Callable[[str], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores, float (n,), and the probabilities, float (n, n_classes)."""
    if not len(samples):
        return np.empty(0), np.empty((0, len(audit.trace.classes)))
    from o2u_nb.training.probe.features import features  # imports torch, which takes seconds

    probs = [
        probabilities(features(samples, network_of(audit, name), progress=progress, say=say), head)
        for name, head in heads.items()
    ]
    margins = over_eyes([log_odds_against(of_eye, np.maximum(codes, 0)) for of_eye in probs])
    return np.where(codes >= 0, margins, np.nan), over_eyes(probs)


def probabilities(features: np.ndarray, head: Head) -> np.ndarray:
    """Return the softmax of `head` for `features` (n, d): float64 (n, n_classes)."""
    from scipy.special import softmax

    rows = scaled(features.astype(np.float32) - head.mean)
    return softmax((rows @ head.weight.T + head.bias).astype(np.float64), axis=1)


def _spread(values: np.ndarray, positions: np.ndarray, n: int) -> np.ndarray:
    found = np.full(n, np.nan)
    found[positions] = values
    return found


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
