"""Read the annotations that Label Studio exports as JSON: choices, one for each picture.

In comes the content of the file, a list of tasks; out comes a table with the column path and a
column for each control of choices, called label if there is one. Where annotations of a task
differ, it has a row for each label, which the checks list as labels in conflict; a task without an
annotation has an empty label.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd

from o2u_nb.data.images import suffixes
from o2u_nb.data.readers.places import below

LOCAL = "/data/local-files/"  # under which Label Studio serves files of its own machine
SERVED = "/data/"  # and those that were uploaded to it, as upload/PROJECT/NAME
PATH, SAMPLE_ID, LABEL = "path", "sample_id", "label"


def is_tasks(value: Any) -> bool:
    """Return whether the content of a JSON file are tasks with annotations of Label Studio."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and {"data", "annotations"} <= set(first)


def from_tasks(tasks: Sequence[Mapping]) -> pd.DataFrame:
    """Return the table of paths and choices in exported tasks.

    Its index is sample_id if the data of all tasks have one, as in tasks that this package wrote.
    Raises `ValueError`, which says why, for missing keys, ids that are there twice, tasks without
    choices, and pictures on the web or outside of their folder.
    """
    read = [_task(task, f"task {number}") for number, task in enumerate(tasks, start=1)]
    _require_own_ids(tasks)
    controls = list(dict.fromkeys(name for _, chosen in read for name in chosen))
    if not controls:
        raise ValueError(
            "it holds tasks of Label Studio without any choice: annotate them with Choices, and "
            "export the project as JSON"
        )
    if PATH in controls:
        raise ValueError(f"a control of its labelling interface is called {PATH!r}: rename it")
    rows, ids = [], []
    for task, (place, chosen) in zip(tasks, read, strict=True):
        for row in range(max([1, *map(len, chosen.values())])):
            cells = (chosen.get(name) or [""] for name in controls)
            rows.append([place, *(cell[row % len(cell)] for cell in cells)])
            ids.append(task["data"].get(SAMPLE_ID))
    names = controls if len(controls) > 1 else [LABEL]
    table = pd.DataFrame(rows, columns=[PATH, *names], dtype="str")
    if all(isinstance(id, str) and id for id in ids):
        table.index = pd.Index(ids, name=SAMPLE_ID, dtype="str")
    return table


def _require_own_ids(tasks: Sequence[Mapping]) -> None:
    ids = Counter(task["id"] for task in tasks if isinstance(task.get("id"), (int, str)))
    if repeated := [id for id, count in ids.items() if count > 1]:
        raise ValueError(f"two of its tasks have the id {repeated[0]!r}: export the project again")


def _task(task: Mapping, where: str) -> tuple[str, dict[str, list[str]]]:
    """Return the place of the picture of a task, and the labels of each control, without repeats.

    Annotations that were skipped do not count.
    """
    if not isinstance(task.get("data"), Mapping) or not isinstance(task.get("annotations"), list):
        raise ValueError(f"{where} has no data or no annotations, as tasks of Label Studio have")
    chosen: dict[str, list[str]] = {}
    for annotation in task["annotations"]:
        for name, labels in _choices(annotation, where):
            known = chosen.setdefault(name, [])
            known += [label for label in labels if label not in known]
    return _place(_address(task["data"], where), where), chosen


def _choices(annotation: Any, where: str) -> list[tuple[str, list[str]]]:
    if not isinstance(annotation, Mapping) or not isinstance(annotation.get("result"), list):
        raise ValueError(f"{where} has an annotation without a result")
    if annotation.get("was_cancelled"):
        return []
    found = []
    for part in annotation["result"]:
        if not isinstance(part, Mapping) or "type" not in part:
            raise ValueError(f"{where} has an annotation with a result without a type")
        if part["type"] == "choices":
            found.append((_text(part.get("from_name"), where), _labels(part.get("value"), where)))
    return found


def _labels(value: Any, where: str) -> list[str]:
    labels = value.get("choices") if isinstance(value, Mapping) else None
    if not isinstance(labels, list):
        raise ValueError(f"{where} has choices without a list of them")
    return [_text(label, where) for label in labels]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where} has a choice that is not text: {value!r:.80}")
    return value


def _address(data: Mapping, where: str) -> str:
    """Return the value of the data that is the address of the picture."""
    if isinstance(data.get("image"), str):
        return data["image"]
    ends = tuple(suffixes())
    found = [
        value
        for value in data.values()
        if isinstance(value, str) and unquote(value).casefold().endswith(ends)
    ]
    if len(found) != 1:
        raise ValueError(
            f"{where} has no data called 'image', and of {', '.join(map(repr, data)) or 'nothing'} "
            f"{len(found)} look like the name of a picture"
        )
    return found[0]


def _place(address: str, where: str) -> str:
    """Return the path of a picture below the folder that Label Studio serves or keeps uploads in.

    >>> _place("/data/local-files/?d=cats/a%20b.png", "")
    'cats/a b.png'
    >>> _place("/data/upload/3/5f2a-b.png", "")
    'upload/3/5f2a-b.png'
    """
    parts = urlsplit(address)
    if parts.path == LOCAL:
        return below(parse_qs(parts.query).get("d", [""])[0])
    if parts.path.startswith(SERVED):
        return below(unquote(parts.path.removeprefix(SERVED)))
    if parts.netloc or parts.scheme in ("data", "s3", "gs"):
        raise ValueError(
            f"{where} has its picture at {address[:120]!r}, and nothing is fetched: download the "
            "pictures, and give a table of their paths and labels"
        )
    return below(address)
