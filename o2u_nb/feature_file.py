"""Files of features: what a frozen network makes of each picture, a row of numbers each.

In come rows with the id and the content of their pictures; out go files that open memory-mapped,
without torch. Each network has a folder of its own, named by its key:

    features/KEY/about.json    what the features were made with; written first
    features/KEY/rows.npy      all rows, those of the last table of samples first, in its order
    features/KEY/part-*.npy    rows that are not in `rows.npy` yet, while they are computed

Every `.npy` file is written whole or not at all, and each of its records holds the picture's id and
content beside the row. So no record can be taken for that of another picture.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from o2u_nb.data import array_file, atomic
from o2u_nb.data.array_file import Damage
from o2u_nb.errors import FeaturesError

FORMAT = "o2u_nb features 1"
ABOUT = "about.json"
ROWS = "rows.npy"
PARTS = "part-*.npy"
DTYPE = np.float16  # has three decimal digits, which is enough for a linear layer on top
ID_BYTES = 16  # of the SHA-256 of a sample's id
CONTENT_BYTES = 32  # a whole SHA-256
BLOCK = 4096  # records that are copied at a time


class About(NamedTuple):
    """What the features in a folder were made with."""

    key: str  # equal keys mean equal features of equal pictures
    name: str  # of the network
    size: int  # side of the pictures, in pixels


def record_type(n_features: int) -> np.dtype:
    """Return the type of one record: the digest of the id, that of the picture, and the row."""
    return np.dtype(
        [
            ("sample", "u1", (ID_BYTES,)),
            ("content", "u1", (CONTENT_BYTES,)),
            ("row", np.dtype(DTYPE).newbyteorder("<"), (n_features,)),
        ]
    )


def is_feature_file(name: str) -> bool:
    """Tell whether a folder of features may hold a file of this name, whole or half-written.

    >>> is_feature_file("rows.npy"), is_feature_file("part-0a.npy"), is_feature_file("cat.png")
    (True, True, False)
    """
    return name in (ABOUT, ROWS) or fnmatch(name, PARTS) or atomic.is_partial(name)


def id_digests(ids: Iterable[str]) -> np.ndarray:
    """Return the digests of sample ids: uint8 (n, 16)."""
    encoded = (str(name).encode("utf-8", "surrogatepass") for name in ids)
    found = b"".join(hashlib.sha256(text).digest()[:ID_BYTES] for text in encoded)
    return np.frombuffer(found, np.uint8).reshape(-1, ID_BYTES)


def there(folder: Path) -> list[About]:
    """List the networks whose finished features are in `folder`, by key.

    Raises `FeaturesError` when a folder of features is damaged.
    """
    paths = sorted(Path(folder).glob(f"*/{ROWS}"))
    return [about(path.parent) for path in paths]


def about(place: Path) -> About:
    """Return what the features in `place`, a folder named by a key, were made with.

    Raises `FeaturesError` when that is not known, or when they are of another network.
    """
    try:
        facts = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        found = About(str(facts["key"]), str(facts["name"]), int(facts["size"]))
        form = facts["format"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise FeaturesError(
            f"Expected {place / ABOUT} to say what the features there were made with; it cannot be "
            f"read ({error}): delete the folder, and they are computed again."
        ) from error
    if form != FORMAT:
        raise FeaturesError(
            f"The features in {place} have the format {form!r}, and this version reads {FORMAT!r}: "
            "update o2u_nb, or delete the folder, and they are computed again."
        )
    if found.key != place.name:
        raise FeaturesError(
            f"The features in {place} are of another network: expected those of {place.name!r}, "
            f"found those of {found.key!r}. Rename the folder back, or delete it."
        )
    return found


def read(folder: Path, key: str, ids: Sequence[str]) -> np.ndarray:
    """Return the features of the samples `ids`: float16 (n, d), in their order.

    They are memory-mapped, copy-on-write, if `ids` are those of the table for which they were
    computed; otherwise the rows are copied. The pictures are not looked at. Raises `FeaturesError`
    when the features are missing, damaged, of another network, or lack a sample.
    """
    place = Path(folder) / key
    if not (place / ROWS).is_file():
        raise FeaturesError(
            f"Expected the features of {key!r} in {folder}, found none that are finished: compute "
            "them by `features(samples, backbone, folder=...)`."
        )
    about(place)
    records = records_in(place / ROWS)
    wanted = id_digests(ids)
    if len(wanted) <= len(records) and (records["sample"][: len(wanted)] == wanted).all():
        return records["row"][: len(wanted)]
    position = {name.tobytes(): k for k, name in reversed(list(enumerate(records["sample"])))}
    found = [position.get(name.tobytes(), -1) for name in wanted]
    if -1 in found:
        raise FeaturesError(
            f"The features in {place} are of other pictures: they lack the sample "
            f"{ids[found.index(-1)]!r}. Compute them by `features(samples, backbone, folder=...)`."
        )
    return records["row"][found]


def records_in(path: Path, *, whole: bool = False) -> np.ndarray:
    """Open the records of one file, memory-mapped and copy-on-write.

    A small file is compared with its checksum, a large one with `whole`.
    Raises `FeaturesError` when the file is damaged or holds something else.
    """
    try:
        found = array_file.read(path, mode="c", whole=whole)
        shape = found.dtype["row"].shape
        fits = found.ndim == 1 and len(shape) == 1 and found.dtype == record_type(*shape)
    except (OSError, Damage, LookupError, TypeError, AttributeError) as error:
        raise FeaturesError(
            f"The features in {path} are damaged ({error}): delete the file, and they are computed "
            "again."
        ) from error
    if not fits:
        raise FeaturesError(
            f"Expected records of features in {path}, found an array of type {found.dtype} and "
            f"shape {found.shape}: delete the file, and they are computed again."
        )
    return found


def begin(place: Path, facts: About) -> None:
    """Make the folder `place` for features, or check that it is for these.

    Raises `FeaturesError` when it holds those of another network, and `OutputError` when it cannot
    be written.
    """
    if (place / ABOUT).exists():
        about(place)
        return
    with suppress(OSError):  # then writing into it fails, and says so
        atomic.make_folder(place)
    text = json.dumps({"format": FORMAT, **facts._asdict()}, indent=1)
    with atomic.replacing(place / ABOUT) as file:
        file.write(text.encode())


def write(path: Path, blocks: Iterable[np.ndarray], n: int, dtype: np.dtype) -> None:
    """Write `blocks` of records, `n` in all, to `path`, whole or not at all.

    Raises `OutputError` when the disk refuses.
    """
    header = np.lib.format.dtype_to_descr(dtype)
    array_file.write_blocks(path, dict(descr=header, fortran_order=False, shape=(n,)), blocks)


def new_part(place: Path) -> Path:
    """Return the path of a part that no other process writes."""
    return place / PARTS.replace("*", uuid.uuid4().hex)


def parts(place: Path) -> Iterator[Path]:
    """Yield the files of records in `place`, the finished one first."""
    if (place / ROWS).is_file():
        yield place / ROWS
    yield from sorted(place.glob(PARTS))
