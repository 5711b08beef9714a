"""Damage of an audit folder by hand: each is one sentence with the file and a cure.

Each is tried twice: on an audit with its checksums, and on one without any, as earlier versions
wrote them, so that the description of each file is tested by itself.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.corruption import tried
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.errors import SourceError, TraceError
from o2u_nb.trace import META
from tests.damage import told, whole_audit

N = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return whole_audit(tmp_path_factory.mktemp("whole") / "audit", n=N)


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "audit"))


def unseal(folder: Path) -> None:
    """Remove all checksums and sizes, as in audits of earlier versions."""
    with_json(layout.FACTS, lambda f: [f.pop(name, None) for name in ("checksum", "files")])(folder)
    with_json(f"{layout.TRACE}/{META}", lambda m: m.pop("checksum"))(folder)
    with_json(f"{layout.TRACE}/{META}", lambda m: [e.pop("crc32") for e in m["epochs"]])(folder)
    for path in folder.rglob("*.npy"):
        np.save(path, np.load(path))


def with_json(name: str, change):
    def damage(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        change(found)
        (folder / name).write_text(json.dumps(found))

    return damage


def with_array(name: str, change):
    def damage(folder: Path) -> None:
        path = folder / name
        np.save(path, change(np.load(path)), allow_pickle=True)

    return damage


def with_table(name: str, change):
    def damage(folder: Path) -> None:
        change(pd.read_parquet(folder / name)).to_parquet(folder / name)

    return damage


def with_bytes(name: str, change):
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def changed(array: np.ndarray, at, value) -> np.ndarray:
    array = array.copy()
    array[at] = value
    return array


def set_to(**values):
    return lambda found: found.update(values)


def renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(index={table.index[0]: "a stranger"})


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(index={table.index[0]: table.index[1]})


META_ = f"{layout.TRACE}/{META}"
ARRAY = {name: f"{layout.TRACE}/{name}.npy" for name in ("loss", "margin", "pred", "labels")}
IDS, ENDS = f"{layout.TRACE}/ids.npy", f"{layout.TRACE}/id_ends.npy"


def means(folder: Path) -> Path:
    return next((folder / layout.TRACE).glob("mean_probs_*.npy"))


def half_of_the_means(folder: Path) -> None:
    np.save(means(folder), np.load(means(folder))[: N // 2])


def means_that_are_none(folder: Path) -> None:
    np.save(means(folder), np.load(means(folder)) * 9)


DAMAGES = {
    "audit.json: cut": with_bytes(layout.FACTS, lambda d: d[: len(d) // 2]),
    "audit.json: empty": with_bytes(layout.FACTS, lambda d: b""),
    "audit.json: a list": with_bytes(layout.FACTS, lambda d: b"[1, 2]"),
    "audit.json: no text": with_bytes(layout.FACTS, lambda d: b"\xff\xfe" + d),
    "audit.json: nested": with_bytes(layout.FACTS, lambda d: b"[" * 100_000),
    "audit.json: without a count": with_json(layout.FACTS, lambda f: f.pop("n_samples")),
    "audit.json: a count as text": with_json(layout.FACTS, set_to(n_classes="four")),
    "audit.json: a range of one": with_json(layout.FACTS, set_to(estimated_range=[3])),
    "audit.json: estimators": with_json(layout.FACTS, set_to(estimators=[1])),
    "audit.json: a foreign path": with_json(
        layout.FACTS,
        set_to(eyes=[dict(name="a", title="a", frozen=True, features="../../elsewhere")]),
    ),
    "audit.json: an eye that is none": with_json(layout.FACTS, set_to(eyes=["cat"])),
    "audit.json: made at no time": with_json(layout.FACTS, set_to(created="some day")),
    "samples.parquet: cut": with_bytes(layout.SAMPLES, lambda d: d[:-9]),
    "samples.parquet: empty": with_bytes(layout.SAMPLES, lambda d: b""),
    "samples.parquet: gone": lambda folder: (folder / layout.SAMPLES).unlink(),
    "samples.parquet: one id twice": with_table(layout.SAMPLES, twice),
    "samples.parquet: no labels": with_table(layout.SAMPLES, lambda t: t.drop(columns="label")),
    "samples.parquet: numbers as labels": with_table(layout.SAMPLES, lambda t: t.assign(label=1)),
    "samples.parquet: numbers as splits": with_table(layout.SAMPLES, lambda t: t.assign(split=1)),
    "samples.parquet: no pictures": with_table(layout.SAMPLES, lambda t: t.drop(columns="image")),
    "scores.parquet: cut": with_bytes(layout.SCORES, lambda d: d[:100]),
    "scores.parquet: gone": lambda folder: (folder / layout.SCORES).unlink(),
    "scores.parquet: another sample": with_table(layout.SCORES, renamed),
    "scores.parquet: one id twice": with_table(layout.SCORES, twice),
    "scores.parquet: half of it": with_table(
        layout.SCORES, lambda t: t[: N // 2]
    ),
    "scores.parquet: not sorted": with_table(layout.SCORES, lambda t: t.iloc[::-1]),
    "scores.parquet: no probabilities": with_table(
        layout.SCORES, lambda t: t.assign(p_wrong=7.0)
    ),
    "scores.parquet: a column gone": with_table(layout.SCORES, lambda t: t.drop(columns="kind")),
    "scores.parquet: text as scores": with_table(layout.SCORES, lambda t: t.assign(score="high")),
    "scores.parquet: numbers as suspects": with_table(
        layout.SCORES, lambda t: t.assign(suspect=1)
    ),
    "scores.parquet: scores upside down": with_table(
        layout.SCORES, lambda t: t.assign(score=t["score"].to_numpy()[::-1])
    ),
    "scores.parquet: numbers as kinds": with_table(layout.SCORES, lambda t: t.assign(kind=3)),
    "scores.parquet: numbers as ids": with_table(
        layout.SCORES, lambda t: t.reset_index(drop=True).rename_axis("sample_id")
    ),
    "scores.parquet: other labels": with_table(
        layout.SCORES, lambda t: t.assign(label=t["label"].to_numpy()[::-1])
    ),
    "problems.csv: another table": with_bytes(layout.PROBLEMS, lambda d: b"a,b\n1,2\n"),
    "problems.csv: no text": with_bytes(layout.PROBLEMS, lambda d: b"\xff\xfe\x00"),
    "meta.json: cut": with_bytes(META_, lambda d: d[:-5]),
    "meta.json: gone": lambda folder: (folder / META_).unlink(),
    "meta.json: no classes": with_json(META_, lambda m: m.pop("classes")),
    "meta.json: classes twice": with_json(META_, lambda m: m["classes"].__setitem__(0, "tiger")),
    "meta.json: classes in another order": with_json(META_, lambda m: m["classes"].reverse()),
    "meta.json: one epoch more": with_json(META_, lambda m: m["epochs"].append(m["epochs"][0])),
    "meta.json: an epoch without rate": with_json(META_, lambda m: m["epochs"][0].pop("lr")),
    "meta.json: an epoch that is none": with_json(META_, lambda m: m["epochs"].__setitem__(0, 3)),
    "meta.json: a foreign path": with_json(META_, set_to(mean_probs={"cyclic": "../x.npy"})),
    "loss.npy: another type": with_array(ARRAY["loss"], lambda a: a.astype(np.float64)),
    "loss.npy: one sample less": with_array(ARRAY["loss"], lambda a: a[:, 1:]),
    "loss.npy: infinite": with_array(ARRAY["loss"], lambda a: changed(a, (0, 0), np.inf)),
    "loss.npy: objects": with_array(ARRAY["loss"], lambda a: a.astype(object)),
    "loss.npy: cut": with_bytes(ARRAY["loss"], lambda d: d[:200]),
    "loss.npy: no header": with_bytes(ARRAY["loss"], lambda d: b"x" * len(d)),
    "margin.npy: gone": lambda folder: (folder / ARRAY["margin"]).unlink(),
    "pred.npy: out of range": with_array(ARRAY["pred"], lambda a: changed(a, (0, 0), 99)),
    "labels.npy: negative": with_array(ARRAY["labels"], lambda a: changed(a, 0, -1)),
    "labels.npy: exchanged": with_array(ARRAY["labels"], lambda a: (a + 1) % 4),
    "labels.npy: one less": with_array(ARRAY["labels"], lambda a: a[1:]),
    "ids.npy: no text": with_array(IDS, lambda a: changed(a, 0, 255)),
    "ids.npy: other letters": with_array(IDS, lambda a: changed(a, 0, a[0] + 1)),
    "id_ends.npy: shifted": with_array(ENDS, lambda a: np.r_[a[:-1] + 1, a[-1]]),
    "id_ends.npy: not in order": with_array(ENDS, lambda a: a[::-1]),
    "mean_probs: half of it": half_of_the_means,
    "mean_probs: no probabilities": means_that_are_none,
    "embeddings.npy: NaN": with_array(
        layout.EMBEDDINGS, lambda a: changed(a, (0, 0), np.nan)
    ),
    "embeddings.npy: one less": with_array(layout.EMBEDDINGS, lambda a: a[1:]),
    "embeddings.npy: whole numbers": with_array(
        layout.EMBEDDINGS, lambda a: a.astype(np.int16)
    ),
}  # fmt: skip
TOLD_ELSEWHERE = ("meta.json: one epoch more",)  # then a row is missing in the arrays
CURES = ("restore", "rebuild", "audit again", "audit.run(", "with the version")


def test_an_audit_that_nobody_damaged_is_told_the_same_without_checksums(whole, copy):
    before = told(whole)
    unseal(copy)
    assert {**told(copy), "facts": 0} == {**before, "facts": 0}
    assert Audit.open(copy).verify() == Audit.open(whole).verify() == []


@pytest.mark.parametrize("sealed", [True, False], ids=["checksums", "none"])
@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_one_error_with_the_file_and_a_cure(copy, what, sealed):
    if not sealed:
        unseal(copy)
    DAMAGES[what](copy)
    with pytest.raises((SourceError, TraceError)) as caught:
        told(copy)
    said = str(caught.value)
    assert "\n" not in said and len(said) < 700
    assert str(copy) in said
    assert any(cure in said.lower() for cure in CURES)
    # ids, labels and classes of the trace are compared with the samples, as the trace as a whole
    name = what.partition(":")[0]
    assert name in said or f"{os.sep}{layout.TRACE} is damaged" in said or what in TOLD_ELSEWHERE


@pytest.mark.parametrize("name", [layout.SCORES, layout.FACTS, layout.PROBLEMS])
@pytest.mark.parametrize("way", ["gone", "cut"])
def test_what_can_be_computed_is_made_again(whole, copy, name, way):
    before = told(whole)
    log = (copy / layout.DECISIONS).read_bytes()
    if way == "gone":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:20])
    with pytest.raises(SourceError):
        told(copy)
    again = Audit.rebuild(copy, quiet=True)
    assert again.verify() == []
    now = told(copy)
    kept = {*before} - {"facts", "problems", "findings"}  # those say what was lost
    assert {k: now[k] for k in kept} == {k: before[k] for k in kept}
    assert (copy / layout.DECISIONS).read_bytes() == log
    lost = [line for line in again.facts["warnings"] if "damaged" in line]
    assert len(lost) == (0 if name == layout.SCORES else 1)


def test_without_embeddings_an_audit_is_ranked_again_when_asked(copy):
    (copy / layout.EMBEDDINGS).unlink()
    with pytest.raises(SourceError, match=r"remove the file and call Audit\.rebuild"):
        Audit.open(copy)
    assert Audit.rebuild(copy, quiet=True).embeddings is None


def test_rebuilding_refuses_damage_of_what_cannot_be_made_again(copy):
    with_table(layout.SAMPLES, lambda t: t.iloc[::-1])(copy)
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    with pytest.raises(SourceError, match=r"samples\.parquet is damaged"):
        Audit.rebuild(copy)
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before


def test_rebuilding_leaves_other_folders_alone(tmp_path):
    (tmp_path / layout.SAMPLES).write_bytes(b"mine")
    with pytest.raises(SourceError, match="No audit"):
        Audit.rebuild(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [layout.SAMPLES]


@pytest.mark.parametrize("what", ["audit.json: cut", "samples.parquet: empty", "meta.json: gone"])
def test_a_damaged_audit_can_be_replaced(whole, copy, what):
    """It was refused at the end, after the training, since its decisions could not be looked at."""
    DAMAGES[what](copy)
    good = Audit.open(whole)
    again = Audit.save(copy, good.samples, good.trace, quiet=True, overwrite=True)
    assert again.verify() == []
    assert len(again.session(reviewer="ann").decisions.table()) == 12


def test_verify_reads_what_opening_an_audit_does_not(copy, monkeypatch):
    """Large arrays are compared with their checksums only when asked."""
    from o2u_nb.data import array_file
    from o2u_nb.stored import trace_file

    for module in (array_file, trace_file):
        monkeypatch.setattr(module, "AT_ONCE", 0)
    path = means(copy)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    audit = Audit.open(copy)
    assert audit.trace.mean_probs
    (said,) = audit.verify()
    assert path.name in said and "checksum" in said


def test_random_damage_is_noticed_or_has_no_effect(tmp_path):
    outcomes, missed = tried(tmp_path, 60, seed=0)
    assert missed == [] and sum(outcomes.values()) == 60
