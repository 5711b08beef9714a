"""Read Clothing1M and WebVision, two large sets from the web with wrong labels.

In comes the folder that holds the set as its makers lay it out, which the user has to obtain; out
comes `Checked`, as from any other source. Only the files named in the lists are looked at.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from o2u_nb.data.parallel import Progress
from o2u_nb.data.readers.tables import from_frame
from o2u_nb.data.samples import Checked
from o2u_nb.errors import SourceError

# The lists of Clothing1M: for each split, which pictures are in it, and where their labels are.
CLOTHING_SPLITS = {
    "noisy_train": ("noisy_train_key_list.txt", "noisy_label_kv.txt"),
    "clean_train": ("clean_train_key_list.txt", "clean_label_kv.txt"),
    "clean_val": ("clean_val_key_list.txt", "clean_label_kv.txt"),
    "clean_test": ("clean_test_key_list.txt", "clean_label_kv.txt"),
}
CLOTHING_CLASSES = "category_names_eng.txt"
# The lists of WebVision 1.0, each with the folders below the root that its pictures may be in.
WEBVISION_SPLITS = {
    "google": ("train_filelist_google.txt", ("", "resized_images")),
    "flickr": ("train_filelist_flickr.txt", ("", "resized_images")),
    "val": ("val_filelist.txt", ("val_images_256", "val_images_resized", "val_images")),
}
WEBVISION_CLASSES = "synsets.txt"
MINI_WEBVISION = 50  # the first classes of "google", as Jiang et al. (ICML 2018) began to use


def from_clothing1m(
    root: str | os.PathLike,
    *,
    split: str = "noisy_train",
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read one of the splits of Clothing1M (Xiao et al., CVPR 2015), `CLOTHING_SPLITS`.

    `root` holds `images/`, and the lists of pictures and labels, in itself or in `annotations/`.
    Ids are the paths in these lists, such as "images/0/00/1.jpg". Raises `SourceError` for an
    unknown split, or lists that are missing or cannot be read.
    """
    keys, labels = _known(split, CLOTHING_SPLITS)
    lists = _lists(Path(root), "annotations", keys)
    names = _lines(lists / CLOTHING_CLASSES)
    code_of = _codes(lists / labels)
    paths = _lines(lists / keys)
    if unlabelled := [path for path in paths if path not in code_of]:
        raise SourceError(
            f"{lists / labels} has no label for {len(unlabelled):,} of the {len(paths):,} pictures "
            f"of {keys}, such as {unlabelled[0]}: take both lists from the same release."
        )
    table = _table(paths, [code_of[path] for path in paths], names, split, lists / labels)
    return from_frame(table, root=root, check_images=check_images, progress=progress,
                      source=str(lists / keys))  # fmt: skip


def clothing1m_truth(root: str | os.PathLike) -> pd.Series:
    """Return the labels that experts gave to some pictures of Clothing1M, by `sample_id`.

    `root` is the folder with the lists. Returns class names as text. Some 25,000 pictures of the
    noisy split are among them; the labels say whether theirs are right. Raises `SourceError` when
    the lists are missing.
    """
    labels = CLOTHING_SPLITS["clean_test"][1]
    lists = _lists(Path(root), "annotations", labels)
    code_of = _codes(lists / labels)
    table = _table(
        list(code_of), list(code_of.values()), _lines(lists / CLOTHING_CLASSES), "", lists / labels
    )
    return table.set_index("path")["label"].rename_axis("sample_id").rename("true_label")


def from_webvision(
    root: str | os.PathLike,
    *,
    split: str = "google",
    n_classes: int | None = None,
    check_images: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Read one of the splits of WebVision 1.0 (Li et al., arXiv 1708.02862), `WEBVISION_SPLITS`.

    `root` holds `info/` with the lists, and the pictures as they were unpacked. `n_classes` takes
    the first classes only; 50 of "google" are what papers call mini-WebVision. Raises `SourceError`
    for an unknown split, or lists that are missing or cannot be read.
    """
    listed, places = _known(split, WEBVISION_SPLITS)
    lists = _lists(Path(root), "info", listed)
    names = [line.partition(" ")[2].partition(",")[0] for line in _lines(lists / WEBVISION_CLASSES)]
    code_of = _codes(lists / listed)
    if n_classes is not None:
        code_of = {path: code for path, code in code_of.items() if code < n_classes}
    place = _place(Path(root), places, next(iter(code_of), ""))
    paths = [f"{place}/{path}" if place else path for path in code_of]
    table = _table(paths, list(code_of.values()), _told_apart(names), split, lists / listed)
    return from_frame(table, root=root, check_images=check_images, progress=progress,
                      source=str(lists / listed))  # fmt: skip


def _known(split: str, splits: Mapping[str, tuple]) -> tuple:
    if split not in splits:
        raise SourceError(f"no split {split!r}: expected one of {', '.join(splits)}")
    return splits[split]


def _lists(root: Path, folder: str, name: str) -> Path:
    """Return the folder of the lists: `root` itself or the folder in it, whichever has `name`."""
    for place in (root / folder, root):
        if (place / name).is_file():
            return place
    raise SourceError(
        f"expected {name} in {root / folder} or in {root}: pass the folder into which the data set "
        "was unpacked, with its lists"
    )


def _lines(path: Path) -> list[str]:
    """Return the lines of a list that are not empty."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read the list {path}: {error}") from error


def _codes(path: Path) -> dict[str, int]:
    """Read lines of a path, which may hold spaces, and a number."""
    found = {}
    for number, line in enumerate(_lines(path), start=1):
        name, _, code = line.rpartition(" ")
        if not name or not code.isdecimal():
            raise SourceError(
                f"{path}, line {number}: expected a path and the number of a class, found "
                f"{line[:80]!r}"
            )
        found[name.strip()] = int(code)
    return found


def _table(
    paths: list[str], codes: list[int], names: list[str], split: str, source: Path
) -> pd.DataFrame:
    if beyond := [code for code in codes if code >= len(names)]:
        raise SourceError(
            f"{source} has the class {beyond[0]}, but only {len(names)} classes have names"
        )
    return pd.DataFrame({"path": paths, "label": [names[code] for code in codes], "split": split})


def _place(root: Path, places: tuple[str, ...], path: str) -> str:
    """Return in which of the folders below `root` the picture `path` is; else the first."""
    return next((place for place in places if (root / place / path).is_file()), places[0])


def _told_apart(names: list[str]) -> list[str]:
    """Add the number of the class to names that several classes have, such as the two cranes."""
    return [
        f"{name} ({code})" if names.count(name) > 1 else name for code, name in enumerate(names)
    ]
