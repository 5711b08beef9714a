"""The formats of a cleaned data set by name, for a panel in which people choose one.

In come a plan, an audit and a path that nothing has yet; out comes what was written there. Each
entry only calls the function that a notebook calls, and says how.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from o2u_nb.data.parallel import Progress
from o2u_nb.errors import ApplyError
from o2u_nb.exchange.class_folders import to_folder
from o2u_nb.exchange.cleanlab import write_cleanlab
from o2u_nb.exchange.croissant import to_croissant
from o2u_nb.exchange.data_card import write_data_card
from o2u_nb.exchange.fiftyone import to_fiftyone
from o2u_nb.exchange.huggingface import to_huggingface
from o2u_nb.exchange.huggingface_parquet import to_huggingface_parquet
from o2u_nb.exchange.label_studio import write_label_studio
from o2u_nb.exchange.tables import to_csv, to_parquet
from o2u_nb.exchange.weights import write_weights
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import Plan

Write = Callable[[Plan, AuditFolder, Path, Progress], Path]


class Format(NamedTuple):
    """A format: what it is in `words`, how the names of its files end, and how it is written.

    `suffix` is "" where a folder is written. `ending` is added to the audit's folder for the path
    that is suggested, and `code` is the call in a notebook, with a place for the path.
    """

    words: str
    suffix: str
    ending: str
    code: str
    write: Write


FORMATS = {
    "folder": Format(
        "class folders",
        "",
        "-cleaned",
        "exchange.to_folder(plan(audit), {!r})",
        lambda plan, audit, path, progress: to_folder(plan, path, progress=progress),
    ),
    "csv": Format(
        "CSV, a table of paths and labels",
        ".csv",
        "-labels.csv",
        "exchange.to_csv(plan(audit), {!r})",
        lambda plan, audit, path, progress: to_csv(plan, path),
    ),
    "parquet": Format(
        "Parquet, the samples table",
        ".parquet",
        "-samples.parquet",
        "exchange.to_parquet(plan(audit), {!r})",
        lambda plan, audit, path, progress: to_parquet(plan, path),
    ),
    "huggingface": Format(
        "Hugging Face imagefolder",
        "",
        "-huggingface",
        "exchange.to_huggingface(plan(audit), {!r})",
        lambda plan, audit, path, progress: to_huggingface(plan, path, progress=progress),
    ),
    "huggingface_parquet": Format(
        "Hugging Face Parquet, with the pictures in it",
        "",
        "-parquet",
        "exchange.to_huggingface_parquet(plan(audit), {!r})",
        lambda plan, audit, path, progress: to_huggingface_parquet(plan, path, progress=progress),
    ),
    "croissant": Format(
        "folder with Croissant metadata and a data card",
        "",
        "-croissant",
        "exchange.to_croissant(plan(audit), audit, {!r})",
        lambda plan, audit, path, progress: to_croissant(plan, audit, path, progress=progress),
    ),
    "fiftyone": Format(
        "FiftyOne, all samples with fields, tags and predictions",
        "",
        "-fiftyone",
        "exchange.to_fiftyone(plan(audit), audit, {!r})",
        lambda plan, audit, path, progress: to_fiftyone(plan, audit, path, progress=progress),
    ),
    "weights": Format(
        "sample weights, a CSV with how likely each label is right",
        ".csv",
        "-weights.csv",
        "exchange.write_weights(plan(audit), audit, {!r})",
        lambda plan, audit, path, progress: write_weights(plan, audit, path),
    ),
    "data_card": Format(
        "section for a data card, Markdown",
        ".md",
        "-data-card.md",
        "exchange.write_data_card(audit, {!r})",
        lambda plan, audit, path, progress: write_data_card(audit, path),
    ),
    "cleanlab": Format(
        "arrays for cleanlab, with the given labels",
        ".npz",
        "-cleanlab.npz",
        "exchange.write_cleanlab(audit, {!r})",
        lambda plan, audit, path, progress: write_cleanlab(audit, path),
    ),
    "label_studio": Format(
        "tasks of Label Studio, with the given labels and the suggestions",
        ".json",
        "-label-studio.json",
        "exchange.write_label_studio(audit, {!r})",
        lambda plan, audit, path, progress: write_label_studio(audit, path),
    ),
}


def suggested(audit: AuditFolder, format: Format) -> str:
    """Return a path beside the audit's folder at which there is nothing yet."""
    path = Path(f"{audit.folder}{format.ending}")
    free, number = path, 2
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return str(free)


def require_new(text: str, format: Format) -> Path:
    """Return the path that `text` names; raise `ApplyError` unless `format` can be written there.

    Nothing may be there yet, but an empty folder for a format that is a folder; the folder above
    must be there.
    """
    what = f"a new file that ends in {format.suffix}" if format.suffix else "a new folder"
    if not text.strip():
        raise ApplyError(f"Expected the path of {what}, found nothing: type one.")
    path = Path(text.strip()).expanduser()
    if format.suffix and path.suffix.lower() != format.suffix:
        raise ApplyError(f"Expected the path of {what}, found {path.name!r}: change its ending.")
    try:
        path.lstat()
        is_free = not format.suffix and path.is_dir() and not any(path.iterdir())
    except FileNotFoundError:
        is_free = True
    except (OSError, ValueError) as error:  # a name that the system refuses, such as one too long
        raise ApplyError(f"Cannot use this path ({error}): type another one.") from error
    if not is_free:
        raise ApplyError(f"{path} is there already and is never overwritten: type another path.")
    if not path.absolute().parent.is_dir():
        raise ApplyError(f"There is no folder {path.absolute().parent}: make it, or type another.")
    return path
