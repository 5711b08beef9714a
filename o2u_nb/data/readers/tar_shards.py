"""Read tar files in which the parts of a sample lie together, as WebDataset has them.

In come the shards, such as `train-0000.tar`, or the folder that holds them; out comes `Checked`.
Members `0001.jpg` and `0001.cls` belong to one sample, `0001`. Nothing is unpacked: where a picture
lies in its shard is remembered, and its bytes are read from there.
"""

import json
import os
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.data import samples as table
from o2u_nb.data.checks import check, raw_rows
from o2u_nb.data.images import suffixes
from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.arrays import label_names
from o2u_nb.data.readers.fetching import fetch
from o2u_nb.data.readers.folders import SPLITS, subfolders
from o2u_nb.data.readers.huggingface import LABEL_NAMES
from o2u_nb.data.samples import Checked, Problem, printable
from o2u_nb.errors import SourceError

SHARD = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
CLASSES = "classes.txt"  # beside the shards: the names of the classes, one a line, from number 0 on
# What WebDataset takes for the end of a member's name: all that follows the first dot of the file.
NAME = re.compile(r"^((?:.*/)?[^./]+)\.([^/]+)$")
MOST_LABEL = 10**6  # bytes of a member with a label; our choice


class _Member(NamedTuple):
    """Where in the file `shard` the content of a member lies: from `offset` on, `size` bytes."""

    shard: str
    offset: int
    size: int

    def content(self) -> bytes:
        with open(self.shard, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


class _Sample(NamedTuple):
    id: str
    split: str
    members: dict[str, _Member]  # by the ends of their names, in lower case


def shards_in(root: str | os.PathLike) -> list[str]:
    """Return the shards in the folder `root`, or in its folders of splits; none otherwise.

    A folder that also holds other folders is no folder of shards: its tar files are archives.
    """
    inner = subfolders(os.fspath(root))
    if not all(name.casefold() in SPLITS for name in inner):
        return []
    folders = [os.path.join(root, name) for name in inner] or [os.fspath(root)]
    if any(subfolders(folder) for folder in folders if inner):
        return []
    return sorted(
        os.path.join(folder, name) for folder in folders for name in os.listdir(folder)
        if is_shard(name)
    )  # fmt: skip


def is_shard(name: str | os.PathLike) -> bool:
    """Return whether a file is a shard by its name, also a packed one."""
    return os.fspath(name).casefold().endswith((SHARD, *PACKED))


def from_shards(
    shards: Sequence[str | os.PathLike],
    *,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read the samples in tar files of WebDataset.

    A sample is its picture, the member with the suffix of an image file, and its label: the member
    `cls`, text or a number; else the label in a member `json`, under one of the usual names; else
    the member `txt`. `columns` names others, such as `{"image": "left.png", "label": "species"}`,
    where a label is the end of a member's name or a key of `json`. `classes` are the names of the
    classes by number; by default they are the lines of `classes.txt` beside the shards, if it is
    there. The split is that in the name of the shard or its folder, such as `train-0000.tar`, else
    train, unless `split` is given. Ids are those of the shard and the sample, `train-0000/0001`.
    Pictures are kept in memory, after a warning if they are many. With `check_images` every image
    is decoded once; `progress(done, total)` is called while images are read.

    Raises `SourceError` for a shard that is packed or damaged, for two members of one name, and for
    numbers that have no name.
    """
    asked = dict(columns or {})
    samples, problems = [], []
    for shard in map(os.fspath, shards):
        found, left_out = _index(shard, split or _split(shard))
        samples += found
        problems += left_out
    source = _source(shards)
    if not samples:
        raise SourceError(f"no samples in {source}: expected members such as 0001.jpg and 0001.cls")
    names = list(classes) if classes is not None else _class_names(Path(shards[0]).parent)
    labels = [_label(sample, asked.get("label"), names) for sample in samples]
    pictures = [_picture(sample, asked.get("image")) for sample in samples]
    fetched = fetch(
        lambda row: (pictures[row] and pictures[row].content(), row),
        [sample.id for sample in samples],
        source=source,
        progress=progress,
    )
    rows, unnameable = raw_rows(
        fetched.ids,
        [labels[row] for row in fetched.labels],
        [samples[row].split for row in fetched.labels],
        "image",
        [cell.item or None for cell in fetched.cells],
    )
    return check(
        rows,
        problems + fetched.problems + unnameable,
        source=source,
        classes=None,
        check_images=check_images,
        progress=progress,
    )


def _source(shards: Sequence[str | os.PathLike]) -> str:
    more = f" and {len(shards) - 1:,} more shards" if len(shards) > 1 else ""
    return f"{printable(os.fspath(shards[0]))}{more}"


def _split(shard: str) -> str:
    """Return the split that the name of a shard or its folder tells, else train."""
    words = [*re.split(r"[-_.]", Path(shard).name), Path(shard).absolute().parent.name]
    return next((SPLITS[word.casefold()] for word in words if word.casefold() in SPLITS), "train")


def _index(shard: str, split: str) -> tuple[list[_Sample], list[Problem]]:
    """Return the samples in a shard in their order, and problems for what is no plain file."""
    if shard.casefold().endswith(PACKED):
        raise SourceError(f"{printable(shard)} is packed: unpack it to a .tar file first")
    stem = Path(shard).name[: -len(SHARD)]
    samples: dict[str, _Sample] = {}
    problems: list[Problem] = []
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                name = f"{stem}/{member.name}"
                if member.isdir() or os.path.basename(member.name).startswith("."):
                    continue
                if not member.isreg() or member.issparse():
                    fate = "left out: only plain files in a shard are read"
                    problems.append(Problem(name, table.NOT_AN_IMAGE, "a link or device", fate))
                elif (parts := NAME.match(member.name)) is None:
                    detail = "a name without a suffix"
                    problems.append(Problem(name, table.NOT_AN_IMAGE, detail, "left out"))
                else:
                    key, end = f"{stem}/{parts[1]}", parts[2].casefold()
                    sample = samples.setdefault(key, _Sample(key, split, {}))
                    if end in sample.members:
                        raise SourceError(f"{printable(shard)} holds {member.name!r} twice")
                    where = _Member(shard, member.offset_data, member.size)
                    sample.members[end] = where
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"cannot read the shard {printable(shard)}: {reason}") from error
    _require_whole(shard, samples)
    return list(samples.values()), problems


def _require_whole(shard: str, samples: Mapping[str, _Sample]) -> None:
    size = os.path.getsize(shard)
    ends = [member.offset + member.size
            for sample in samples.values() for member in sample.members.values()]  # fmt: skip
    if max(ends, default=0) > size:
        raise SourceError(f"cannot read the shard {printable(shard)}: its end is missing")


def _class_names(folder: Path) -> list[str] | None:
    try:
        lines = (folder / CLASSES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {printable(str(folder / CLASSES))}: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _picture(sample: _Sample, asked: str | None) -> _Member | None:
    """Return the picture of a sample; None where it has none, which the checks list."""
    if asked is not None:
        return sample.members.get(asked.casefold())
    ends = [end for end in sample.members if f".{end.rpartition('.')[2]}" in suffixes()]
    if len(ends) > 1:
        raise SourceError(
            f"the sample {printable(sample.id)} has several pictures, {' and '.join(ends)}: name "
            f"one with columns={{'image': {ends[0]!r}}}"
        )
    return sample.members[ends[0]] if ends else None


def _label(sample: _Sample, asked: str | None, classes: Sequence[str] | None) -> str:
    """Return the label of a sample as text, "" where it has none, which the checks list."""
    ends = [asked.casefold()] if asked else ["cls"]
    found = next((_read(sample, end) for end in ends if end in sample.members), None)
    if found is None and "json" in sample.members:
        found = _in_json(sample, [asked] if asked else LABEL_NAMES)
    if found is None and asked is None and "txt" in sample.members:
        found = _read(sample, "txt")
    if found is None:
        return ""
    number = _number(found)
    if number is None or classes is None:
        return table.text(found).strip()
    if not 0 <= number < len(classes):
        raise SourceError(
            f"the sample {printable(sample.id)} has the class number {number}, and there are "
            f"{len(classes)} names of classes"
        )
    return label_names(np.asarray([number]), classes)[0]


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = value.strip() if isinstance(value, str) else ""
    return int(written) if re.fullmatch(r"-?[0-9]{1,9}", written) else None


def _read(sample: _Sample, end: str) -> str:
    member = sample.members[end]
    if member.size > MOST_LABEL:
        raise SourceError(
            f"the label of {printable(sample.id)}, the member .{end}, has {member.size:,} bytes"
        )
    try:
        return member.content().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"the label of {printable(sample.id)}, the member .{end}, is not UTF-8 text"
        ) from error


def _in_json(sample: _Sample, keys: Sequence[str]) -> str | int | None:
    try:
        value = json.loads(_read(sample, "json"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"the member .json of {printable(sample.id)} is not JSON") from error
    named = value if isinstance(value, Mapping) else {}
    found = next((named[key] for key in keys if named.get(key) is not None), None)
    if found is not None and not isinstance(found, (str, int, float)):
        raise SourceError(
            f"expected one class for {printable(sample.id)}, found {found!r:.80} in its .json: "
            "only classification data can be audited"
        )
    return found
