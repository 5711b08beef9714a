"""A home folder full of names that look like ours stays as it is, whatever is asked for, and when.

Every file, link and folder of it is compared, byte for byte, before and after; in between, every
folder is the source and the output of audits in every order, with kills at random points.
"""

import itertools
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.errors import O2UError
from o2u_nb.stored.claim import LOCK
from tests.damage import whole_audit
from tests.sources import write_source

NAMES = (
    *layout.MADE_BY_AUDIT, layout.DRAFT, layout.DECISIONS, LOCK,
    f".o2u_nb-{32 * 'g'}.partial", "scores.parquet.partial", "meta.json", "notes.txt",
)  # fmt: skip


def home(folder: Path) -> Path:
    """Make the home folder: pictures, files of others with our names, links into it and out."""
    write_source(folder / "pictures", n=12, side=8)
    write_source(folder / "trace", n=12, side=8)
    places = ("project", "project/trace", "project/eyes/network", "my_audit")
    for place in places:
        (folder / place).mkdir(parents=True, exist_ok=True)
    for place in places:
        for name in NAMES:
            if not (folder / place / name).exists():
                (folder / place / name).write_text(f"mine: {place}/{name}")
    for name in ("report.html", "audit.json", layout.MARKER):
        (folder / name).write_text(f"mine: {name}")
    (folder / "marked").mkdir()
    (folder / "marked" / layout.MARKER).write_text('{"format": "another", "made": ["trace"]}')
    (folder / "marked" / "trace").mkdir()
    (folder / "marked" / "trace" / "diary.txt").write_text("mine")
    (folder.parent / "outside").mkdir()
    (folder.parent / "outside" / "audit.json").write_text("mine, elsewhere")
    (folder / "link_out").symlink_to(folder.parent / "outside")
    (folder / "link_in").symlink_to(folder / "pictures")
    (folder / "link_broken").symlink_to(folder / "nowhere")
    return folder


def contents(folder: Path) -> dict:
    """Return what lies below `folder`: content of files, targets of links, and folders."""
    found: dict = {}
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            found[path] = os.readlink(path)
        else:
            found[path] = path.read_bytes() if path.is_file() else "folder"
    return found


def test_every_order_of_folders_is_refused_or_leaves_them_alone(tmp_path):
    """Without training: an audit is saved into each folder, rebuilt, verified and opened there."""
    mine = home(tmp_path / "home")
    good = Audit.open(whole_audit(tmp_path / "good"))
    before = contents(mine), contents(tmp_path / "outside")
    places = [path for path in before[0] if path.is_dir() or path.is_symlink()] + [
        mine / "audit.json"
    ]
    save = partial(Audit.save, samples=good.samples, trace=good.trace, quiet=True)
    acts = (save, partial(save, overwrite=True), Audit.rebuild, Audit.open)
    for place, act in itertools.product(places, acts):
        with pytest.raises(O2UError):  # only an empty folder may take an audit; there is none
            act(place)
            pytest.fail(f"{place} was taken for an audit by {act}")
    assert (contents(mine), contents(tmp_path / "outside")) == before
    assert len(places) >= 10


COMMANDS = """
import os, random, sys
from pathlib import Path
from tests import kills
from tests.sources import TINY
kills.prepare()
root, seed = Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(seed)
for line in sys.stdin.read().splitlines():
    argv = line.split("\\t")
    way, at = draw.choice(["kill", "stop", "full"]), draw.choice([0, draw.randint(1, 400)])
    status, phases = kills.run(argv, root, way, at)
    print(status, phases[-1], flush=True)
"""


@pytest.mark.slow
def test_every_order_of_arguments_with_kills_in_between(tmp_path):
    mine = home(tmp_path / "home")
    before = contents(mine), contents(tmp_path / "outside")
    out = tmp_path / "out"
    sources = [mine, mine / "pictures", mine / "trace", mine / "link_in", mine / "project"]
    outs = [*sources, mine / "my_audit", mine / "marked", mine / "link_out", out]
    lines = []
    for source, target in itertools.product(sources, outs):
        parts = [[str(source)], ["--out", str(target)], ["--preset", "quick"]]
        parts.append([random.Random(len(lines)).choice(["--overwrite", "--resume"])])
        random.Random(len(lines)).shuffle(parts)
        lines.append("\t".join(["audit", *itertools.chain(*parts), "--eyes", "network"]))
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, str(tmp_path), "0"],
        input="\n".join(lines), capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert len(said) == len(lines) and {line.split()[0] for line in said} <= {
        "0", "2", "-9", "143", "130",
    }, "\n".join(line for line in said if line[0] == "1")  # fmt: skip
    assert (contents(mine), contents(tmp_path / "outside")) == before


RAW = "Traceback"
ENDINGS = {"0", "2", "-9", "-15", "143", "130"}  # done, refused, killed, stopped


@pytest.mark.parametrize("which", ["quick", pytest.param("all", marks=pytest.mark.slow)])
def test_whatever_writes_leaves_a_home_as_it_was(tmp_path, which):
    """Every command and function that writes, to folders in random order, with kills in between.

    New files may come, such as a table that is asked for; what was there stays, byte for byte.
    """
    # A seed with which some of the quick acts are killed, too.
    told, changed = whatever_writes(tmp_path, seed=1, times=2, which=which)
    assert changed == []
    # 1 is what verify says of files of others that have an audit's names
    outcomes = [tuple(line.split("\t")[:2]) for line in told]
    fine = [end in ENDINGS or (end, act) == ("1", "verify") for end, act in outcomes]
    raw = [told[k] for k in range(len(told)) if not fine[k] or RAW in told[k]]
    assert raw == [], "\n".join(raw)
    acts = {line.split("\t")[1] for line in told}
    assert len(told) == 2 * len(acts) and len(acts) >= (34 if which == "all" else 22)
    assert {"0", "2"} < {line.split("\t")[0] for line in told}  # and some killed or stopped


def whatever_writes(root: Path, seed: int, times: int, which: str) -> tuple[list[str], list[Path]]:
    """Return what each act came to, and which files of the home are not as they were."""
    mine = home(root / "home")
    whole_audit(root / "good")
    write_source(root / "source", n=24, wrong=1, side=8)
    (mine / "arrays").mkdir()
    for name in ("loss.npy", "labels.npy", "mean_probs_mine.npy", "checkpoint.pt", "rows.csv"):
        (mine / "arrays" / name).write_text("mine")
    kept = [mine, root / "outside", root / "good-made", root / "source"]
    before = {path: what for place in kept for path, what in contents(place).items()}
    places = [path for path in contents(mine) if path.is_dir() or path.is_symlink()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.home_acts", str(root), str(seed), str(times), which],
        input="\n".join(map(str, sorted(places))), capture_output=True, text=True,
        cwd=Path(__file__).parents[1], env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    now = {path: what for place in kept for path, what in contents(place).items()}
    return done.stdout.splitlines(), [path for path in before if now.get(path) != before[path]]


if __name__ == "__main__":  # more of them: python -m tests.test_sacred FOLDER SEED TIMES all
    folder, number, times, which = sys.argv[1:]
    for line in itertools.chain(*whatever_writes(Path(folder), int(number), int(times), which)):
        print(line)
