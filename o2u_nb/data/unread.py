"""Advice for files that hold pictures, or tables of labels, but are not read as pictures.

In comes the name of a file; out comes what to do with it, by its suffix.
"""

import os
from collections import Counter
from collections.abc import Iterable

PHONES_AND_WEB = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".tga", ".ico")
DRAWINGS = (".svg", ".svgz", ".eps", ".ai", ".pdf", ".psd", ".xcf")
CAMERAS = (".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".srw", ".pef")
SCIENCE = (
    *(".dcm", ".dicom", ".nii", ".mha", ".mhd", ".nrrd", ".czi", ".lif", ".nd2", ".svs", ".ndpi"),
    *(".exr", ".hdr", ".npy", ".npz", ".mat"),
)
CONVERT = frozenset(PHONES_AND_WEB + DRAWINGS + CAMERAS + SCIENCE)
TABLES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".json", ".xlsx"})
ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
FILMS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"})


def advice_for(name: str) -> str | None:
    """Return what to do so that the file `name` can be read; None for an unknown suffix.

    >>> advice_for("IMG_0001.HEIC"), advice_for("notes.md")
    ('convert .heic files to JPEG or PNG', None)
    """
    suffix = os.path.splitext(name)[1].casefold()
    if suffix in CONVERT:
        return f"convert {suffix} files to JPEG or PNG"
    if suffix in ARCHIVES:
        return f"unpack {suffix} files first"
    return f"take single pictures out of {suffix} files" if suffix in FILMS else None


def summary(names: Iterable[str]) -> str | None:
    """Return advice for the most frequent kind of the files `names`; None if there is none.

    >>> summary(["a/1.heic", "a/2.HEIC", "a/notes.txt"])
    '2 files end in .heic: convert .heic files to JPEG or PNG'
    """
    endings = Counter(os.path.splitext(name)[1].casefold() for name in names)
    for suffix, count in endings.most_common():
        files = "1 file" if count == 1 else f"{count:,} files"
        if not suffix:
            return f"{files} without a suffix: name them after their format, as in picture.jpg"
        ends = f"{files} {'ends' if count == 1 else 'end'} in {suffix}"
        if suffix in TABLES:
            return f"{ends}: give such a table as the source, or beside the folder as the labels"
        advice = advice_for(f"x{suffix}")
        if advice:
            return f"{ends}: {advice}"
    return None
