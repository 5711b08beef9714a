"""Arrays in plain `.npy` files that are checked when they are opened.

In comes an array; out goes a file that `numpy.load` reads. Behind the array stands a line with the
CRC-32 of all bytes before it, which numpy passes over. In comes such a file; out comes the array,
memory-mapped, when it has the type and shape that are expected and the bytes that were written.
Files without that line, such as those of earlier versions, are read without their checksum.
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from o2u_nb.data import atomic

END = re.compile(rb"\no2u_nb crc32 ([0-9a-f]{8})\n")
END_BYTES = 23
# Files up to this size, in bytes, are compared with their checksum, and arrays searched for values
# out of range, each time they are opened: it takes 0.1 s. Larger ones are by `verify`. Our choice.
AT_ONCE = 64 << 20
BLOCK = 1 << 22  # bytes that are read at a time


class Damage(Exception):
    """What is wrong with a file, for the error of whoever reads it; it never leaves the package."""


def write(path: str | os.PathLike, array: np.ndarray, *, durable: bool = True) -> None:
    """Write `array` to `path`, whole or not at all; raises `OutputError` where that fails."""
    array = np.ascontiguousarray(array)
    header = dict(
        descr=np.lib.format.dtype_to_descr(array.dtype), fortran_order=False, shape=array.shape
    )
    write_blocks(path, header, [array], durable=durable)


def write_blocks(
    path: str | os.PathLike, header: dict[str, Any], blocks: Iterable[np.ndarray], *,
    durable: bool = True,
) -> None:  # fmt: skip
    """Write an array with this header of `.npy`, given in pieces along its first axis."""
    with atomic.replacing(path, durable=durable) as file:
        summed = _Summed(file)
        np.lib.format.write_array_header_2_0(summed, header)
        for block in blocks:
            summed.write(block.tobytes())
        file.write(b"\no2u_nb crc32 %08x\n" % summed.crc)


class _Summed:
    """Pass bytes on to `file`, and keep their CRC-32."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.crc = 0

    def write(self, data: bytes) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self.file.write(data)


def read(path: str | os.PathLike, *, mode: str = "r", whole: bool = False) -> np.ndarray:
    """Open the array in `path`, memory-mapped in `mode` of `numpy.memmap`.

    It is compared with its checksum if the file is small (see `AT_ONCE`) or with `whole`. Raises
    `Damage` for anything that is not such an array.
    """
    array, start = _opened(Path(path), mode)
    _check_end(Path(path), start + array.nbytes, whole)
    return array


def read_rows(path: str | os.PathLike, n_rows: int, dtype: type) -> np.ndarray:
    """Open the first `n_rows` of an array of rows to which others append; see `trace.TraceWriter`.

    Its header may count fewer rows, since it is written after the rows; or more, after a crash.
    """
    array, start = _opened(Path(path), "r")
    if array.ndim != 2 or array.dtype != np.dtype(dtype):
        raise Damage(f"expected rows of {np.dtype(dtype)}, found {_what(array)}")
    shape = n_rows, array.shape[1]
    size = start + n_rows * array.shape[1] * array.dtype.itemsize
    if os.path.getsize(path) < size:
        raise Damage(f"expected {n_rows:,} rows, found {_what(array)} in a shorter file")
    if not n_rows or not array.shape[1]:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape)


def expect(array: np.ndarray, dtypes: Iterable[type], shape: tuple[int | None, ...]) -> None:
    """Raise `Damage` unless `array` has one of the types and the shape; None: any length."""
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, found) for found, wanted in zip(array.shape, shape, strict=True)
    )
    names = [np.dtype(dtype) for dtype in dtypes]
    if not fits or array.dtype not in names:
        asked = " or ".join(map(str, names))
        sizes = ", ".join("any" if n is None else str(n) for n in shape)
        raise Damage(f"expected {asked} of shape ({sizes}), found {_what(array)}")


def _opened(path: Path, mode: str) -> tuple[np.ndarray, int]:
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read_header(file)
            start = file.tell()
        if fortran and len(shape) > 1:
            raise Damage("its rows and columns are exchanged")
        if dtype.hasobject:
            raise Damage("it holds Python objects, which are not read")
        if 0 in shape:
            return np.empty(shape, dtype), start
        return np.memmap(path, dtype=dtype, mode=mode, offset=start, shape=shape), start  # type: ignore[call-overload]
    except (Damage, FileNotFoundError):
        raise
    except Exception as error:  # bytes that are no header can raise nearly anything from numpy
        raise Damage(f"it is not an array that can be read: {error}") from error


def _check_end(path: Path, end: int, whole: bool) -> None:
    size = os.path.getsize(path)
    if size == end:
        return  # without a checksum
    with open(path, "rb") as file:
        file.seek(end)
        found = END.fullmatch(file.read(END_BYTES + 1))
    if found is None:
        raise Damage(f"it is {size - end:,} bytes longer than its array")
    if (whole or size <= AT_ONCE) and checksum(path, end) != int(found[1], 16):
        raise Damage("its bytes are not those that were written, by their checksum")


def checksum(path: str | os.PathLike, n_bytes: int | None = None) -> int:
    """Return the CRC-32 of the first `n_bytes` of a file; of all of them by default."""
    crc = 0
    for block in _blocks(path, os.path.getsize(path) if n_bytes is None else n_bytes):
        crc = zlib.crc32(block, crc)
    return crc


def _blocks(path: str | os.PathLike, n_bytes: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while n_bytes > 0 and (block := file.read(min(BLOCK, n_bytes))):
            n_bytes -= len(block)
            yield block


def _what(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
