"""Bulk scoring in one process: parts, what is kept of an interrupted job, and dead letters."""

import json
import os
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2u_nb import looks
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.bulk import job, work
from o2u_nb.bulk.output import ABOUT, BEGUN, LEFTOVER_SECONDS, MOST_BEGUN, Output
from o2u_nb.bulk.parts import parts_of, rows_of_part
from o2u_nb.errors import MissingExtraError, O2UError, OutputError, SourceError
from o2u_nb.scorer import UNKNOWN_CLASS
from tests.colour_eyes import coloured_audit, colours
from tests.sources import write_source


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("bulk") / "pictures")


@pytest.fixture(scope="module")
def made(pictures, tmp_path_factory):
    return coloured_audit(pictures, tmp_path_factory.mktemp("bulk_audit") / "out")


@pytest.fixture
def audit(made, monkeypatch):
    monkeypatch.setattr(looks, "_backbone", colours)
    return Audit.open(made)


@pytest.fixture
def tables(audit, tmp_path):
    """A folder with two Parquet files of paths: 35 rows in groups of 10, and 25 in one group."""
    rows = audit.samples[["path", "label"]].reset_index()
    for name, part, size in (("a", rows[:35], 10), ("b/c", rows[35:], 100)):
        path = tmp_path / f"tables/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        part.to_parquet(path, index=False, row_group_size=size)
    return tmp_path / "tables"


def scored(out) -> pd.DataFrame:
    """Read the scores of a bulk job, by id."""
    return pd.read_parquet(f"{out}/scores").set_index("sample_id").sort_index()


def expected(audit, samples=None) -> pd.DataFrame:
    """Return what `audit.score` says, in the columns and the order of `scored`."""
    found = audit.score(audit.samples if samples is None else samples)
    return found.drop(columns="rank").sort_index()


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_like=True, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 7, 10, 1000])
def test_every_row_is_in_one_part(tables, rows):
    parts = parts_of(tables, rows)
    assert max(part.n_rows for part in parts) <= rows
    assert len({part.key for part in parts}) == len(parts)
    found = [table for part in parts for table in rows_of_part(part)]
    names = pa.concat_tables(found)["sample_id"].to_pylist()
    whole = pd.concat([pd.read_parquet(path) for path in sorted(tables.rglob("*.parquet"))])
    assert names == whole["sample_id"].tolist()


def test_the_scores_are_those_of_the_audit(audit, tables, tmp_path):
    done: list[tuple[int, int]] = []
    told = audit.score_in_bulk(
        tables, tmp_path / "out", rows=7, progress=lambda *counts: done.append(counts)
    )
    assert told[1:5] == (9, 0, 60, 0) and done[-1] == (60, 60) and len(done) == 9
    same(scored(tmp_path / "out"), expected(audit))
    assert len(list((tmp_path / "out/scores").iterdir())) == 9
    about = json.loads((tmp_path / "out" / ABOUT).read_text())
    assert about["rows"] == 7 and about["eyes"] == ["colours", "colours2"]


def test_an_interrupted_job_goes_on_and_computes_only_what_is_not_there(
    audit, tables, tmp_path, monkeypatch
):
    real, begun = work.rows_of_part, []

    def failing(part):
        begun.append(part.key)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return real(part)

    monkeypatch.setattr(work, "rows_of_part", failing)
    with pytest.raises(KeyboardInterrupt):
        audit.score_in_bulk(tables, tmp_path / "out", rows=7)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out/scores").iterdir()}
    assert len(kept) == 1  # two more were still being looked at
    told = audit.score_in_bulk(tables, tmp_path / "out", rows=7)
    assert told.kept == 1 and told.parts == 9 and len(begun) == 4 + 8
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out/scores").iterdir()}
    assert kept.items() <= again.items()
    same(scored(tmp_path / "out"), expected(audit))
    assert audit.score_in_bulk(tables, tmp_path / "out", rows=7).kept == 9


def test_a_part_without_its_scores_is_done_again(audit, tables, tmp_path):
    """So it is after a kill between the two files of a part, and while one is written."""
    out = tmp_path / "out"
    audit.score_in_bulk(tables, out, rows=20)
    path = sorted((out / "scores").iterdir())[0]
    path.rename(path.with_name(f".o2u_nb-{32 * 'a'}.partial"))
    assert audit.score_in_bulk(tables, out, rows=20).kept == 3
    same(scored(out), expected(audit))
    (left,) = (out / "scores").glob(".*")  # it may be that of another job
    assert LEFTOVER_SECONDS > 60
    old = left.stat().st_mtime - 2 * LEFTOVER_SECONDS
    os.utime(left, (old, old))
    audit.score_in_bulk(tables, out, rows=20)
    assert not list((out / "scores").glob(".*"))


def test_dead_letters_are_in_a_table_of_their_own(audit, tmp_path):
    rows = audit.samples[["path", "label"]].reset_index()[:12].astype(object)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows.loc[3, "path"] = str(tmp_path / "broken.png")
    rows.loc[7, "path"] = None
    rows.loc[8, "label"] = "unicorn"
    rows.loc[9, "label"] = None
    rows.to_parquet(tmp_path / "t.parquet", index=False)
    told = audit.score_in_bulk(tmp_path / "t.parquet", tmp_path / "out", rows=5)
    assert told.pictures == 12 and told.unreadable == 2
    lost = pd.read_parquet(tmp_path / "out/unreadable").sort_values("row")
    assert lost["row"].tolist() == [3, 7] and set(lost["file"]) == {"t.parquet"}
    assert lost["sample_id"].tolist() == rows["sample_id"].iloc[[3, 7]].tolist()
    assert lost["problem"].iloc[0].startswith("unreadable image: ")
    found = scored(tmp_path / "out")
    assert sorted([*found.index, *lost["sample_id"]]) == sorted(rows["sample_id"])
    assert found.loc[rows["sample_id"][8], "problem"] == UNKNOWN_CLASS
    assert np.isnan(found.loc[rows["sample_id"][9], "score"])
    assert found["predicted_label"].notna().all()


def test_bytes_structs_relative_paths_and_ids(audit, pictures, tmp_path):
    samples = audit.samples.iloc[:6]
    data = [Path(path).read_bytes() for path in samples["path"]]
    wanted = expected(audit, samples.drop(columns="label"))["predicted_label"].tolist()
    kinds = {
        "bytes": {"image": data},
        "structs": {"image": [{"bytes": data[0], "path": "x"}]
                    + [{"bytes": None, "path": name} for name in samples.index[1:]]},
        "relative": {"path": list(samples.index)},
    }  # fmt: skip
    folder = tmp_path / "copy"
    shutil.copytree(pictures, folder)
    for name, columns in kinds.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
        audit.score_in_bulk(folder / f"{name}.parquet", tmp_path / name, rows=4)
        found = scored(tmp_path / name)
        by_path = name == "relative"
        assert list(found.index) == (
            list(samples.index.sort_values())
            if by_path
            else [f"{name}.parquet:{number}" for number in range(6)]
        )
        assert sorted(found["predicted_label"]) == sorted(wanted)


def test_source_pictures_and_output_in_an_object_store(audit, tmp_path):
    store = fsspec.filesystem("memory")
    rows = audit.samples[["path", "label"]].reset_index()[:9]
    for number, path in enumerate(rows["path"]):
        store.pipe_file(f"/bucket/pictures/{number}.png", Path(path).read_bytes())
    rows["path"] = [
        f"pictures/{k}.png" if k % 2 else f"memory://bucket/pictures/{k}.png" for k in range(9)
    ]
    with store.open("/bucket/t.parquet", "wb") as file:
        rows.to_parquet(file, index=False)
    told = audit.score_in_bulk("memory://bucket/t.parquet", "memory://bucket/out", rows=4)
    assert told[1:5] == (3, 0, 9, 0) and told.out == "memory:///bucket/out"
    names = store.find("/bucket/out")
    assert len(names) == 7 and not [name for name in names if "partial" in name]
    parts = [pd.read_parquet(store.open(n)) for n in names if "/scores/" in n]
    found = pd.concat(parts).set_index("sample_id").sort_index()
    wanted = expected(audit, audit.samples.loc[rows["sample_id"]])
    same(found, wanted)
    assert audit.score_in_bulk("memory://bucket/t.parquet", "memory://bucket/out", rows=4).kept == 3


def test_folders_that_hold_something_else_are_refused(audit, made, tables, tmp_path):
    out = tmp_path / "out"
    for other in (made, tables):
        with pytest.raises(OutputError, match="Choose another folder"):
            audit.score_in_bulk(tables, other)
    with pytest.raises(OutputError, match="found a file"):
        audit.score_in_bulk(tables, tables / "a.parquet")
    audit.score_in_bulk(tables, out, rows=30)
    with pytest.raises(OutputError, match="with rows 7; found 30"):
        audit.score_in_bulk(tables, out, rows=7)
    with pytest.raises(OutputError, match="the source has changed"):
        audit.score_in_bulk(tables / "b", out, rows=30)
    about = json.loads((out / ABOUT).read_text())
    (out / ABOUT).write_text(json.dumps(about | {"audit": "another"}))
    with pytest.raises(OutputError, match=r"with audit .*; found 'another'"):
        audit.score_in_bulk(tables, out, rows=30)
    (out / ABOUT).write_text("{")
    with pytest.raises(OutputError, match="of the same job"):
        audit.score_in_bulk(tables, out, rows=30)


def test_more_tables_are_added_to_what_is_there(audit, tables, tmp_path):
    shutil.move(tables / "b/c.parquet", tmp_path / "later.parquet")
    assert audit.score_in_bulk(tables, tmp_path / "out", rows=10).pictures == 35
    shutil.move(tmp_path / "later.parquet", tables / "b/c.parquet")
    told = audit.score_in_bulk(tables, tmp_path / "out", rows=10)
    assert told.kept == 4 and told.pictures == 25
    same(scored(tmp_path / "out"), expected(audit))


def test_sources_that_cannot_be_scored_are_refused(audit, pictures, tables, tmp_path, monkeypatch):
    with pytest.raises(SourceError, match=r"Expected a Parquet file, or a folder"):
        audit.score_in_bulk(pictures, tmp_path / "out")
    (tables / "z.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(SourceError, match=r"z.parquet cannot be read as Parquet"):
        audit.score_in_bulk(tables, tmp_path / "out")
    pq.write_table(pa.table({"file": ["a"], "label": ["red"]}), tables / "z.parquet")
    with pytest.raises(SourceError, match="found file, label"):
        audit.score_in_bulk(tables, tmp_path / "out")
    pq.write_table(pa.table({"path": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    with pytest.raises(SourceError, match="Expected rows"):
        audit.score_in_bulk(tmp_path / "empty.parquet", tmp_path / "out")
    pq.write_table(pa.table({"path": ["a"], "label": [3]}), tmp_path / "codes.parquet")
    with pytest.raises(O2UError, match="found none, but '3'"):
        audit.score_in_bulk(tmp_path / "codes.parquet", tmp_path / "out")
    for name, column in {"image": [1], "label": [[{"a": 1}]]}.items():
        pq.write_table(pa.table({"path": ["a"]} | {name: column}), tmp_path / "odd.parquet")
        with pytest.raises(SourceError, match=f"in the column {name} of .*, found"):
            audit.score_in_bulk(tmp_path / "odd.parquet", tmp_path / "out")
    with pytest.raises(O2UError, match="Expected an engine, process or ray"):
        audit.score_in_bulk(tables, tmp_path / "out", engine="spark")
    with pytest.raises(O2UError, match="one process"):
        audit.score_in_bulk(tables, tmp_path / "out", workers=2)
    monkeypatch.setitem(job.require_ray.__globals__, "missing", lambda names: names)
    with pytest.raises(MissingExtraError, match=r"o2u_nb\[train\]|o2u_nb\[ray\]"):
        audit.score_in_bulk(tables, tmp_path / "out", engine="ray")
    assert not (tmp_path / "out").exists()


def test_a_part_at_which_workers_are_killed_is_given_up(tables, tmp_path):
    output, (part, *_) = Output.at(tmp_path / "out"), parts_of(tables, 7)
    folder = tmp_path / "out" / BEGUN
    for number in range(MOST_BEGUN - 1):
        (output.place.under(BEGUN, f"{part.key}-{number}")).write(b"")
    with pytest.raises(SourceError), output.begun(part):
        assert len(list(folder.iterdir())) == MOST_BEGUN
        raise SourceError("an error is no kill")
    assert len(list(folder.iterdir())) == MOST_BEGUN - 1
    (output.place.under(BEGUN, f"{part.key}-last")).write(b"")
    with pytest.raises(O2UError, match="5 workers were killed at it"), output.begun(part):
        pass
    (folder / f"{part.key}-last").unlink()
    with output.begun(part):
        pass
    assert list(folder.iterdir()) == []


def test_a_table_that_changes_meanwhile_is_told(audit, tables, tmp_path, monkeypatch):
    real = work.rows_of_part
    monkeypatch.setattr(work, "rows_of_part", lambda part: list(real(part))[:0])
    with pytest.raises(OutputError, match="the file has changed"):
        audit.score_in_bulk(tables, tmp_path / "out")
    assert not (tmp_path / "out/scores").exists()


def test_parts_before_one_that_cannot_be_read_are_written(audit, tables, tmp_path, monkeypatch):
    real, begun = work.rows_of_part, []

    def failing(part):
        begun.append(part)
        rows = list(real(part))
        yield rows[0][:3]
        if len(begun) == 4:
            raise SourceError("The disk is broken.")
        yield rows[0][3:]

    monkeypatch.setattr(work, "rows_of_part", failing)
    with pytest.raises(SourceError, match="The disk is broken"):
        audit.score_in_bulk(tables, tmp_path / "out", rows=7)
    found = {path.name for path in (tmp_path / "out/scores").iterdir()}
    assert found == {f"part-{part.key}.parquet" for part in begun[:3]} and len(begun) == 4
    wanted = expected(audit)
    same(scored(tmp_path / "out"), wanted[wanted.index.isin(scored(tmp_path / "out").index)])


def test_the_next_part_is_read_while_one_is_written(audit, tables, tmp_path, monkeypatch):
    happened = []
    read, write = work.rows_of_part, Output.write
    monkeypatch.setattr(work, "rows_of_part", lambda part: happened.append(part.key) or read(part))
    monkeypatch.setattr(
        Output, "write", lambda *args: happened.append(f"wrote {args[1].key}") or write(*args)
    )
    audit.score_in_bulk(tables, tmp_path / "out", rows=20)
    first, second, third, fourth = (part.key for part in parts_of(tables, 20))
    assert happened.index(second) < happened.index(f"wrote {first}")
    assert happened.index(fourth) < happened.index(f"wrote {third}")
    assert happened[-1] == f"wrote {fourth}" and len(happened) == 8


def test_the_command(audit, made, tables, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["score", str(made), str(tables), "--out", str(out), "--engine", "process"]
    assert main([*words, "--rows", "20"]) == 0
    said = capsys.readouterr().out
    assert "60 pictures, 0 of them unreadable" in said and f"The tables: {out}" in said
    same(scored(out), expected(audit))
    assert main([*words, "--rows", "20"]) == 0
    assert "4 of 4 parts were there" in capsys.readouterr().out
    for wrong, reason in {
        ("--labels", "x.csv"): "--labels",
        ("--workers", "2"): "one process",
    }.items():
        assert main([*words, *wrong]) == 2
        assert reason in capsys.readouterr().err
    assert main([*words[:-2], "--rows", "20"]) == 2
    assert "--engine" in capsys.readouterr().err
    assert main(["score", str(made), "memory://x", "--out", str(tmp_path / "t.csv")]) == 2
    assert "--engine" in capsys.readouterr().err
