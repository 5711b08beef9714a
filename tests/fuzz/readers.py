"""Coverage-guided fuzzing of everything that is read from files, with atheris.

Run by hand, `python tests/fuzz/readers.py [folder of a corpus] -max_total_time=300`; atheris is no
dependency of the package or of its tests. In come bytes; the first one chooses the reader. A reader
may return, or raise an error of `o2u_nb.errors`; anything else is a crash, which libFuzzer writes
to a file that repeats it.
"""

import io
import json
import os
import sys
import tarfile
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["o2u_nb"]):
    from o2u_nb import embedding_file, head_file
    from o2u_nb import folder as layout
    from o2u_nb.audit import Audit
    from o2u_nb.data import samples as samples_io
    from o2u_nb.data import sealed, sources
    from o2u_nb.data.images import broken_image
    from o2u_nb.errors import O2UError
    from o2u_nb.trace import META, Trace
    from o2u_nb.training.checkpoint import FORMAT, load, save
    from o2u_nb.unfinished import Unfinished

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.damage import whole_audit

WORK = Path(tempfile.mkdtemp(prefix="fuzz-", dir=os.environ.get("TMPDIR")))
WHOLE = whole_audit(WORK / "whole", n=8, decisions=2)
TRACE = WHOLE / layout.TRACE
SAMPLES = WHOLE / layout.SAMPLES
FACTS = WHOLE / layout.FACTS
RUN = WORK / layout.RUN
Unfinished(RUN, dict(preset="quick", seed=0, eyes=None), ["a"], chosen=["network"]).write()
ARRAY = WORK / "array.npy"


def table(data: bytes, suffix: str) -> None:
    """Read a file of labels beside no picture."""
    (WORK / f"labels{suffix}").write_bytes(data)
    sources.read(WORK / f"labels{suffix}", check_images=False)


def replaced(path: Path, data: bytes, read) -> None:
    """Read with `data` in place of the content of `path`, and put that back."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        read()
    finally:
        path.write_bytes(before)


def shard(data: bytes) -> None:
    """Read a shard of pictures with their labels."""
    (WORK / "shard.tar").write_bytes(data)
    sources.read(WORK / "shard.tar")


def resealed(path: Path, data: bytes, read) -> None:
    """Read with the JSON in `data` in place of `path`, with a checksum that is right."""
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            found.pop("checksum", None)
            replaced(path, sealed.seal(found), read)


def checkpoint(data: bytes) -> None:
    """Load a checkpoint whose checksum is right."""
    head = f"{FORMAT} {zlib.crc32(data):08x}\n".encode()
    (WORK / "checkpoint.pt").write_bytes(head + data)
    load(WORK / "checkpoint.pt")


def array(data: bytes, read) -> None:
    """Read an array of embeddings or of a head."""
    ARRAY.write_bytes(data)
    read(ARRAY, 8)


def picture(data: bytes) -> None:
    """Decode a picture; the reason why it cannot be is text."""
    assert broken_image(data) is None or isinstance(broken_image(data), str)


def log(data: bytes) -> None:
    """Read a decision log."""

    def read():
        Audit.open(WHOLE).session(reviewer="ann")

    replaced(WHOLE / layout.DECISIONS, data, read)


READERS = [
    lambda data: table(data, ".csv"),
    lambda data: table(data, ".json"),
    lambda data: table(data, ".jsonl"),
    lambda data: table(b"PAR1" + data, ".parquet"),
    lambda data: table(b"\x1f\x8b" + data, ".csv.gz"),
    picture,
    log,
    lambda data: replaced(WHOLE / layout.FACTS, data, lambda: Audit.open(WHOLE)),
    lambda data: replaced(SAMPLES, data, lambda: samples_io.read(SAMPLES)),
    lambda data: replaced(TRACE / META, data, lambda: Trace.open(TRACE, in_memory=True)),
    lambda data: replaced(TRACE / "loss.npy", data, lambda: Trace.open(TRACE, in_memory=True)),
    lambda data: replaced(TRACE / "ids.npy", data, lambda: Trace.open(TRACE, in_memory=True)),
    lambda data: replaced(TRACE / "id_ends.npy", data, lambda: Trace.open(TRACE, in_memory=True)),
    shard,
    checkpoint,
    lambda data: resealed(FACTS, data, lambda: Audit.open(WHOLE).findings),
    lambda data: resealed(TRACE / META, data, lambda: Trace.open(TRACE, in_memory=True)),
    lambda data: resealed(RUN, data, lambda: Unfinished.read(RUN)),
    lambda data: array(data, embedding_file.read),
    lambda data: array(data, head_file.read),
    lambda data: replaced(WHOLE / layout.SCORES, data, lambda: Audit.open(WHOLE).scores),
]  # fmt: skip


def one_input(data: bytes) -> None:
    """Read `data[1:]` with the reader that `data[0]` chooses."""
    if not data:
        return
    with suppress(O2UError):
        READERS[data[0] % len(READERS)](data[1:])


def seeds(folder: Path) -> None:
    """Write whole files of each kind into `folder`, from which the fuzzer starts."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"path": "a.png", "label": "cat"}
    found = [
        b"path,label\na.png,cat\nb.png,dog\n", json.dumps([record, record]).encode(),
        json.dumps(record).encode() * 2, b"", b"", b"P5 2 2 255 abcd",
        (WHOLE / layout.DECISIONS).read_bytes(), (WHOLE / layout.FACTS).read_bytes(),
        (WHOLE / layout.SAMPLES).read_bytes(), (TRACE / META).read_bytes(),
        *[(TRACE / f"{name}.npy").read_bytes() for name in ("loss", "ids", "id_ends")],
        a_shard(), a_checkpoint(), FACTS.read_bytes(), (TRACE / META).read_bytes(),
        RUN.read_bytes(), (WHOLE / layout.EMBEDDINGS).read_bytes(),
        (WHOLE / layout.EMBEDDINGS).read_bytes(), (WHOLE / layout.SCORES).read_bytes(),
    ]  # fmt: skip
    for number, content in enumerate(found):
        (folder / f"seed{number}").write_bytes(bytes([number]) + content)


def a_shard() -> bytes:
    """Return a shard with one picture and its label."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for name, content in (("a.pgm", b"P5 2 2 255 abcd"), ("a.cls", b"cat")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return memory.getvalue()


def a_checkpoint() -> bytes:
    """Return the content of a checkpoint, without its first line."""
    save(WORK / "checkpoint.pt", {"epoch": 1, "settings": {"bs": 8}})
    return (WORK / "checkpoint.pt").read_bytes().partition(b"\n")[2]


if __name__ == "__main__":
    corpus = Path(next((a for a in sys.argv[1:] if not a.startswith("-")), WORK / "corpus"))
    seeds(corpus)
    options = [a for a in sys.argv if a.startswith("-")]
    atheris.Setup([sys.argv[0], str(corpus), *options], one_input)
    atheris.Fuzz()
