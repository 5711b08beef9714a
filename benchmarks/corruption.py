"""How damage of an audit folder is noticed: `python -m benchmarks.corruption [COUNT] [SEED]`.

A random file of a small audit is changed at random: bits, zeros, noise, cut, longer, pieces
exchanged, a line removed. Then everything is read. Out comes how often that gave an error of the
package, had no effect, was told as damage of the decision log, ended in another error, or in
other values that nobody told of. The last is only expected where the last lines of the decision log
are removed, which cannot be told from decisions that were never made.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.damage import outcome, told, whole_audit

LEFT_OUT = ("report.html", "scores.csv")  # people may change them, and nothing reads them


def flip(data: bytes, draw: random.Random) -> bytes:
    """Change one bit."""
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def zeros(data: bytes, draw: random.Random) -> bytes:
    """Put zeros over up to 64 bytes, as a lost block would."""
    at, n = draw.randrange(len(data)), draw.randint(1, 64)
    return (data[:at] + bytes(n) + data[at + n :])[: len(data)]


def noise(data: bytes, draw: random.Random) -> bytes:
    """Put random bytes over up to 64 bytes."""
    at, n = draw.randrange(len(data)), draw.randint(1, 64)
    return (data[:at] + draw.randbytes(n) + data[at + n :])[: len(data)]


def cut(data: bytes, draw: random.Random) -> bytes:
    """Keep only the beginning."""
    return data[: draw.randrange(len(data))]


def longer(data: bytes, draw: random.Random) -> bytes:
    """Write more at the end."""
    return data + draw.randbytes(draw.randint(1, 64))


def exchanged(data: bytes, draw: random.Random) -> bytes:
    """Exchange two pieces of the same length."""
    n = draw.randint(1, max(1, len(data) // 4))
    a, b = sorted((draw.randrange(len(data) - n + 1), draw.randrange(len(data) - n + 1)))
    if a + n > b:
        return flip(data, draw)
    return data[:a] + data[b : b + n] + data[a + n : b] + data[a : a + n] + data[b + n :]


def without_line(data: bytes, draw: random.Random) -> bytes:
    """Remove one line, as an editor does."""
    lines = data.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


WAYS = (flip, zeros, noise, cut, longer, exchanged, without_line)


def tried(place: Path, count: int, seed: int) -> tuple[Counter, list[str]]:
    """Damage an audit in `place` `count` times; return the outcomes, and what was not noticed."""
    draw = random.Random(seed)
    whole = whole_audit(place / "whole")
    before = told(whole)
    files = sorted(
        p.relative_to(whole)
        for p in whole.rglob("*")
        if p.is_file() and p.name not in LEFT_OUT and not p.name.startswith(".")
    )
    found: Counter = Counter()
    missed = []
    for number in range(count):
        folder = place / f"copy{number}"
        shutil.copytree(whole, folder)
        name, way = draw.choice(files), draw.choice(WAYS)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(way(data, draw) if data else b"x")
        said = outcome(folder, before)
        found[said.partition(":")[0]] += 1
        if said.startswith(("raw", "silent")):
            missed.append(f"{number}: {way.__name__} of {name}: {said}")
        shutil.rmtree(folder)
    return found, missed


if __name__ == "__main__":
    asked = [int(text) for text in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as temporary:
        outcomes, missed = tried(Path(temporary), *[*asked, *(330, 1)[len(asked) :]])
    print(*(f"{n:5} {said}" for said, n in outcomes.most_common()), *missed, sep="\n")
