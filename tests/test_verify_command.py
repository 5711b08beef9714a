"""The commands `verify` and `rebuild`: what is damaged, and whole again."""

import shutil

import pytest

from o2u_nb import folder as layout
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.review.checking import CHECKS
from tests.damage import told, whole_audit


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_audit(tmp_path_factory.mktemp("verify") / "audit")


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "audit")


def call(capsys, *words) -> tuple[int, str, str]:
    status = main(list(map(str, words)))
    return status, *capsys.readouterr()


def test_an_audit_as_it_was_written(copy, capsys):
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    assert call(capsys, "verify", copy) == (0, f"{copy} is as it was written.\n", "")
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before


def test_damage_is_told_and_mended(whole, copy, capsys):
    (copy / layout.SCORES).write_bytes(b"x")
    status, said, errors = call(capsys, "verify", copy)
    assert status == 1 and errors == ""
    assert str(copy / layout.SCORES) in said and f"rebuild {copy} makes again" in said
    status, said, _ = call(capsys, "rebuild", copy)
    assert status == 0 and "Made again" in said
    assert call(capsys, "verify", copy)[0] == 0
    assert told(copy)["scores"] == told(whole)["scores"]
    assert told(copy)["decisions"] == told(whole)["decisions"]


@pytest.mark.parametrize("name", [layout.DECISIONS, f"{CHECKS}/ann.jsonl"])
def test_what_cannot_be_made_again_is_told_and_left(copy, capsys, name):
    log = copy / name
    log.parent.mkdir(exist_ok=True)
    lines = (copy / layout.DECISIONS).read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    before = log.read_bytes()
    status, said, _ = call(capsys, "verify", copy)
    assert status == 1 and f"{log}, line 4 does not follow" in said and "Next:" not in said
    status, said, _ = call(capsys, "rebuild", copy)
    assert status == 1 and "Careful: " in said and "line 4 does not follow" in said
    assert log.read_bytes() == before and len(Audit.open(copy).session().decisions.table()) >= 11


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_where_no_audit_is_nothing_is_done(tmp_path, capsys, command):
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "notes.txt"):
        status, said, errors = call(capsys, command, place)
        assert status == 2 and said == "" and "No audit in" in errors and errors.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_damage_that_keeps_it_from_being_made_again_is_one_line(copy, capsys):
    (copy / layout.SAMPLES).write_bytes(b"x")
    status, said, errors = call(capsys, "rebuild", copy)
    assert status == 2 and "samples.parquet" in errors and said == ""
    assert call(capsys, "verify", copy)[0] == 1


def test_an_audit_that_does_not_open_is_told_as_one_damage(copy):
    audit = Audit.open(copy)
    (copy / layout.FACTS).write_bytes(b"[")
    (said,) = audit.verify()
    assert str(copy / layout.FACTS) in said and "rebuild" in said.lower()
