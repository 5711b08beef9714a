"""Exports come back as they were meant, originals stay as they are, and revert takes all back."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb import exchange
from o2u_nb.audit import Audit
from o2u_nb.data import samples as samples_io
from o2u_nb.data import sources
from o2u_nb.data.manifest import MANIFEST, safe_name
from o2u_nb.errors import ApplyError, OutputError, SourceError
from o2u_nb.exchange import tree
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES, write_audit
from tests.hostile import ODD_IDS


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    audit = write_audit(tmp_path / "audit", images=tmp_path / "images")
    session = ReviewSession(audit, reviewer="ann")
    session.relabel("tiger", ["cheetah/0000000.png"])
    session.drop(["jaguar/0000001.png"])
    return session


def snapshot(folder: Path) -> dict:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_nlink) for path in files} | {
        path.name: path.read_bytes() for path in files
    }


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder by their place, the manifest apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def expected(session: ReviewSession, images: Path) -> dict[str, bytes]:
    known = {id: (images / id).read_bytes() for id in session.audit.samples.index}
    known["tiger/0000000.png"] = known.pop("cheetah/0000000.png")
    del known["jaguar/0000001.png"]
    return known


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_a_folder_of_class_folders(session, tmp_path, mode):
    before = snapshot(tmp_path / "images")
    out = exchange.to_folder(plan(session), tmp_path / "out", mode=mode)
    assert out == tmp_path / "out"
    assert contents(out) == expected(session, tmp_path / "images")
    for path in (tmp_path / "out").rglob("*.png"):
        assert path.is_symlink() == (mode == "symlink")
        assert path.stat().st_nlink == (2 if mode == "hardlink" else 1)
    found = sources.read(out)
    assert found.problems.empty
    assert found.samples["label"].value_counts().to_dict() == dict(
        cheetah=9, jaguar=9, leopard=10, tiger=11
    )
    assert exchange.revert(out) == 39 and not out.exists()
    assert snapshot(tmp_path / "images") == before
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["audit", "images"]


def test_changing_a_copy_leaves_the_original(session, tmp_path):
    original = (tmp_path / "images/cheetah/0000000.png").read_bytes()
    out = exchange.to_folder(plan(session), tmp_path / "out")
    (out / "tiger/0000000.png").write_bytes(b"changed")
    assert (tmp_path / "images/cheetah/0000000.png").read_bytes() == original


def test_the_manifest_says_where_each_file_came_from(session, tmp_path):
    out = exchange.to_folder(plan(session), tmp_path / "out")
    head, *lines = map(json.loads, (out / MANIFEST).read_text().splitlines())
    assert head["mode"] == "copy" and head["files"] == len(lines) == 39
    moved = [line for line in lines if line["label"] != line["original_label"]]
    (line,) = moved
    assert (line["file"], line["sample_id"]) == ("tiger/0000000.png", "cheetah/0000000.png")
    assert (line["label"], line["original_label"]) == ("tiger", "cheetah")
    assert len(line["sha256"]) == 64


def test_equal_names_in_different_classes_do_not_collide(tmp_path):
    ids = [f"{CLASSES[k % 4]}/{k // 4:03d}.png" for k in range(40)]
    audit = write_audit(tmp_path / "audit", ids=ids, images=tmp_path / "images")
    session = ReviewSession(audit, reviewer="ann")
    session.relabel("tiger", ["cheetah/000.png", "jaguar/000.png", "leopard/000.png"])
    session.relabel("cheetah", ["tiger/000.png"])
    out = exchange.to_folder(plan(session), tmp_path / "out")
    pictures = sorted(contents(tmp_path / "images").values())
    assert sorted(contents(out).values()) == pictures and len(set(pictures)) == 40
    tigers = sorted(path.name for path in (out / "tiger").iterdir() if "000" in path.name)
    assert len(tigers) == 3 and tigers[-1] == "000.png"
    again = exchange.to_folder(plan(session), tmp_path / "again")
    assert contents(again) == contents(out)  # the same names every time


def table(rows: list[tuple]) -> pd.DataFrame:
    ids, labels, splits, paths = zip(*rows, strict=True)
    index = pd.Index(ids, name="sample_id", dtype="str")
    return pd.DataFrame({"label": labels, "split": splits, "path": paths}, index=index)


def test_places_by_hand():
    samples = table([
        ("cat/a.png", "cat", "train", "/d/cat/a.png"),
        ("dog/a.png", "cat", "train", "/d/dog/a.png"),
        ("dog/A.PNG", "cat", "train", "/d/dog/A.PNG"),
        ("dog/deep/er/b.png", "cat", "train", "/d/dog/deep/er/b.png"),
        ("row 7", "dog", "train", "/elsewhere/cat/c.png"),
        ("images/e.png", "dog", "train", "/d/images/e.png"),
    ])  # fmt: skip
    given = samples["label"].copy()
    given.iloc[1:4] = "dog"
    found = tree.places(samples, given, split_level=False).tolist()
    assert found[0] == "cat/a.png"
    assert found[3:] == ["cat/deep/er/b.png", "dog/c.png", "dog/images/e.png"]
    assert found[1].startswith("cat/a-") and found[2].startswith("cat/A-")
    assert len({name.casefold() for name in found}) == 6


def test_the_file_that_was_there_keeps_its_name():
    samples = table([
        ("ant/a.png", "cat", "train", "/d/ant/a.png"),
        ("cat/a.png", "cat", "train", "/d/cat/a.png"),
    ])  # fmt: skip
    given = pd.Series(["ant", "cat"], index=samples.index)
    moved, stayed = tree.places(samples, given, split_level=False)
    assert stayed == "cat/a.png" and moved.startswith("cat/a-")


def test_places_with_splits():
    samples = table([
        ("train/cat/a.png", "cat", "train", "/d/train/cat/a.png"),
        ("val/cat/a.png", "dog", "valid", "/d/val/cat/a.png"),
    ])  # fmt: skip
    given = pd.Series(["cat", "cat"], index=samples.index)
    found = tree.places(samples, given, split_level=True)
    assert found.tolist() == ["train/cat/a.png", "valid/dog/a.png"]


def test_names_that_no_folder_can_have(tmp_path):
    classes = ["../../etc", "a/b", ".hidden", "%2F", "x" * 300, *ODD_IDS[:3], "line\nbreak", "\x00"]
    ids = [f"../../{k}/{ODD_IDS[k % len(ODD_IDS)]}" for k in range(40)]
    audit = write_audit(tmp_path / "in/audit", classes=classes, ids=ids)
    out = exchange.to_folder(plan(audit), tmp_path / "in/out")
    assert len(contents(out)) == 40
    assert sum(path.is_dir() for path in out.iterdir()) == len(classes)
    assert all(path.is_relative_to(out) for path in out.rglob("*.png"))
    assert sorted(path.name for path in tmp_path.rglob("in/*")) == ["audit", "out"]
    lines = list(map(json.loads, (out / MANIFEST).read_text().splitlines()))[1:]
    assert {line["label"] for line in lines} == set(classes)
    assert {line["sample_id"] for line in lines} == set(ids)
    read = sources.read(out).samples["label"]
    assert read.map(lambda label: label in classes).all() and read.nunique() == len(classes)
    assert read.value_counts().to_dict() == dict.fromkeys(classes, 4)
    assert exchange.revert(out) == 40 and not out.exists()


def test_names_come_back_without_splits_and_with_them_and_where_files_were_added(tmp_path):
    folder = write_audit(tmp_path / "audit", classes=["a/b", "c"], images=tmp_path / "images")
    audit = Audit.open(folder)
    audit.samples["split"] = np.where(np.arange(40) % 4 < 2, "valid", "train")
    out = exchange.to_folder(plan(audit), tmp_path / "out")
    Image.new("RGB", (9, 9)).save(out / "train" / "a%2Fb" / "added.png")
    read = sources.read(out).samples
    assert read["label"].value_counts().to_dict() == {"a/b": 21, "c": 20}
    assert set(read["split"]) == {"train", "valid"}
    (out / MANIFEST).write_text("damaged")
    assert set(sources.read(out).samples["label"]) == {"a%2Fb", "c"}  # all that is known then


def test_safe_names_are_distinct_and_short():
    names = ["a/b", "a%2Fb", "a%252Fb", ".", "%2E", "..", "100 %", "x" * 300, "x" * 301, "é" * 200]
    safe = [safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert all("/" not in name and len(name.encode()) <= 255 for name in safe)
    assert safe_name("x" * 300 + ".png").endswith(".png")


def test_pixels_and_encoded_images_become_files(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "audit"))
    out = exchange.to_folder(plan(audit), tmp_path / "out", mode="symlink")
    found = sources.read(out).samples
    assert len(found) == 40
    first = Image.open(out / "cheetah" / "cheetah%2F0000000.png.png")
    stored = audit.samples["image"].loc["cheetah/0000000.png"]
    assert (out / "cheetah" / "cheetah%2F0000000.png.png").read_bytes() == stored
    assert first.size == (12, 12)
    assert exchange.revert(out) == 40


@pytest.mark.parametrize("damage", ["content", "folder", "link"])
def test_revert_refuses_when_a_file_changed(session, tmp_path, damage):
    out = exchange.to_folder(plan(session), tmp_path / "out")
    target = out / "tiger" / "0000000.png"
    if damage == "content":
        target.write_bytes(target.read_bytes() + b"mine")
    else:
        target.unlink()
        target.mkdir() if damage == "folder" else target.symlink_to(tmp_path / "audit")
    before = sorted(out.rglob("*"))
    with pytest.raises(ApplyError, match=r"1 files .* changed .*'0000000\.png'"):
        exchange.revert(out)
    assert sorted(out.rglob("*")) == before


def test_revert_leaves_what_others_added(session, tmp_path):
    out = exchange.to_folder(plan(session), tmp_path / "out")
    (out / "tiger" / "mine.txt").write_text("mine")
    (out / "jaguar" / "0000005.png").unlink()
    assert exchange.revert(out) == 38
    assert [path.relative_to(out).as_posix() for path in sorted(out.rglob("*"))] == [
        "tiger",
        "tiger/mine.txt",
    ]
    with pytest.raises(ApplyError, match="expected a folder that this package has written"):
        exchange.revert(out)


def test_revert_believes_no_manifest_that_leads_elsewhere(session, tmp_path):
    out = exchange.to_folder(plan(session), tmp_path / "out")
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    manifest = (out / MANIFEST).read_text().splitlines()
    good = manifest[1]
    for place in ("../victim.txt", str(victim), "tiger/../../victim.txt"):
        manifest[1] = json.dumps(json.loads(good) | {"file": place})
        (out / MANIFEST).write_text("\n".join(manifest))
        with pytest.raises(ApplyError, match="altered"):
            exchange.revert(out)
    (out / MANIFEST).write_text("\n".join([manifest[0], good]))  # cut short
    with pytest.raises(ApplyError, match="altered"):
        exchange.revert(out)
    (out / MANIFEST).write_text("nonsense")
    with pytest.raises(ApplyError, match="Cannot read"):
        exchange.revert(out)
    assert victim.read_text() == "precious" and len(contents(out)) == 39


def test_revert_does_not_follow_a_folder_swapped_for_a_link(session, tmp_path):
    out = exchange.to_folder(plan(session), tmp_path / "out")
    shutil.rmtree(out / "leopard")
    (out / "leopard").symlink_to(tmp_path / "images" / "leopard")
    before = snapshot(tmp_path / "images")
    with pytest.raises(ApplyError, match="elsewhere"):
        exchange.revert(out)
    assert snapshot(tmp_path / "images") == before


def test_a_folder_in_use_is_refused(session, tmp_path):
    made = plan(session)
    full = tmp_path / "full"
    full.mkdir()
    exchange.to_folder(made, full)  # an empty one will do
    with pytest.raises(ApplyError, match="not an empty folder"):
        exchange.to_folder(made, full)
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplyError, match="not an empty folder"):
        exchange.to_folder(made, tmp_path / "file")
    with pytest.raises(ApplyError, match="copy, hardlink, symlink"):
        exchange.to_folder(made, tmp_path / "new", mode="move")


def test_a_folder_among_the_originals_is_refused(session, tmp_path):
    made = plan(session)
    for inside in ("images/tiger/new", "images/tiger/deep/new"):
        with pytest.raises(ApplyError, match="where the originals are"):
            exchange.to_folder(made, tmp_path / inside)
    rooted = replace(made, source=str(tmp_path / "images"))
    with pytest.raises(ApplyError, match="where the originals are"):
        exchange.to_folder(rooted, tmp_path / "images" / "new")
    (tmp_path / "way_in").symlink_to(tmp_path / "images")
    with pytest.raises(ApplyError, match="where the originals are"):
        exchange.to_folder(rooted, tmp_path / "way_in" / "new")


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_a_picture_that_is_gone_is_said_before_anything_is_written(session, tmp_path, mode):
    (tmp_path / "images" / "leopard" / "0000006.png").unlink()
    with pytest.raises(ApplyError, match=r"1 of 39 pictures .*0000006\.png.*images="):
        exchange.to_folder(plan(session), tmp_path / "out", mode=mode)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["audit", "images"]


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_a_failure_leaves_nothing_behind(session, tmp_path, mode, monkeypatch):
    def vanishes(source, target):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source))

    monkeypatch.setitem(tree.PLACERS, mode, vanishes)
    with pytest.raises(OutputError, match=r"000\d\.png"):
        exchange.to_folder(plan(session), tmp_path / "out", mode=mode)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["audit", "images"]


def moved(tmp_path) -> Audit:
    """Open the audit of `tmp_path` after its pictures went to another folder."""
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    return Audit.open(tmp_path / "audit")


def test_labels_are_exported_although_the_pictures_moved(session, tmp_path):
    made = plan(moved(tmp_path))
    assert len(made.absent) == 2
    with pytest.warns(UserWarning, match=r"39 of 39 paths lead to no file.*images="):
        exchange.to_csv(made, tmp_path / "clean.csv")
    table = pd.read_csv(tmp_path / "clean.csv", index_col="sample_id")
    assert len(table) == 39 and table.loc["cheetah/0000000.png", "label"] == "tiger"
    with pytest.raises(ApplyError, match=r"39 of 39 pictures.*images="):
        exchange.to_folder(made, tmp_path / "out")


def test_an_audit_is_told_where_its_pictures_are_now(session, tmp_path):
    before = (tmp_path / "audit" / "samples.parquet").read_bytes()
    moved(tmp_path)
    audit = Audit.open(tmp_path / "audit", images=tmp_path / "elsewhere")
    assert audit.samples["path"].iloc[0] == f"{tmp_path}/elsewhere/{audit.samples.index[0]}"
    made = plan(audit)
    assert made.absent.empty and made.stale.empty and len(made.changes) == 2
    out = exchange.to_folder(made, tmp_path / "out")
    assert len(list(out.rglob("*.png"))) == 39
    assert audit.session().image_state("cheetah/0000000.png").state == "ok"
    assert (tmp_path / "audit" / "samples.parquet").read_bytes() == before
    with pytest.raises(SourceError, match=r"None of the 40 pictures is below .*nowhere"):
        Audit.open(tmp_path / "audit", images=tmp_path / "nowhere")


def test_decisions_on_pictures_that_changed_are_left_out_with_a_warning(session, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "images" / "cheetah" / "0000000.png")
    with pytest.warns(UserWarning, match=r"1 decisions are not applied.*cheetah/0000000\.png"):
        exchange.to_csv(plan(session), tmp_path / "clean.csv")
    table = pd.read_csv(tmp_path / "clean.csv", index_col="sample_id")
    assert table.loc["cheetah/0000000.png", "label"] == "cheetah"
    for write in (exchange.to_folder, exchange.to_huggingface, exchange.to_parquet):
        with pytest.warns(UserWarning, match="1 decisions are not applied"):
            write(plan(session), tmp_path / write.__name__)


def test_huggingface_imagefolder(session, tmp_path):
    out = exchange.to_huggingface(plan(session), tmp_path / "hf")
    metadata = pd.read_csv(out / "train" / "metadata.csv")
    assert metadata.columns.tolist() == ["file_name", "label", "original_label"]
    assert len(metadata) == 39
    by_name = metadata.set_index("file_name")
    assert by_name.loc["tiger/0000000.png"].tolist() == ["tiger", "cheetah"]
    assert all((out / "train" / name).is_file() for name in metadata["file_name"])
    assert exchange.revert(out) == 40 and not out.exists()


def test_huggingface_folders_per_split(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    audit = Audit.open(folder)
    audit.samples["split"] = np.where(np.arange(40) % 4 == 0, "valid", "train")
    out = exchange.to_huggingface(plan(audit), tmp_path / "hf")
    lengths = {
        split: len(pd.read_csv(out / split / "metadata.csv")) for split in ("train", "valid")
    }
    assert lengths == dict(train=30, valid=10)
    out = exchange.to_folder(plan(audit), tmp_path / "folder")
    assert sources.read(out).samples["split"].value_counts().to_dict() == lengths


def test_csv_is_read_back_by_the_front_door(session, tmp_path):
    path = exchange.to_csv(plan(session), tmp_path / "clean.csv")
    found = sources.read(path)
    assert found.problems.empty and len(found.samples) == 39
    moved = pd.read_csv(path).query("label != original_label")
    assert moved[["sample_id", "label", "original_label"]].to_numpy().tolist() == [
        ["cheetah/0000000.png", "tiger", "cheetah"]
    ]
    with pytest.raises(OutputError, match="cannot write"):
        exchange.to_csv(plan(session), tmp_path / "nowhere" / "clean.csv")


def test_parquet_is_a_samples_table_again(session, tmp_path):
    made = plan(session)
    found = samples_io.read(exchange.to_parquet(made, tmp_path / "clean.parquet"))
    added = ["original_label", "note", "tags"]
    pd.testing.assert_frame_equal(found.drop(columns=added), made.cleaned)
    assert found.loc["cheetah/0000000.png", "original_label"] == "cheetah"


def test_pixels_need_parquet(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "audit"))
    with pytest.raises(ApplyError, match="to_parquet"):
        exchange.to_csv(plan(audit), tmp_path / "clean.csv")
    found = samples_io.read(exchange.to_parquet(plan(audit), tmp_path / "clean.parquet"))
    assert found["image"].tolist() == audit.samples["image"].tolist()


def test_cleanlab_arrays(tmp_path):
    classes = ["zebra", "Ant", "bee", "ant"]
    audit = Audit.open(write_audit(tmp_path / "audit", classes=classes))
    arrays = exchange.to_cleanlab(audit)
    assert arrays["classes"] == ["Ant", "ant", "bee", "zebra"]
    names = np.array(arrays["classes"])[arrays["labels"]]
    assert names.tolist() == audit.samples["label"].loc[arrays["ids"]].tolist()
    np.testing.assert_allclose(arrays["pred_probs"].sum(1), 1)
    k = audit.trace.ids.get_loc(arrays["ids"][7])
    stored = dict(zip(audit.trace.classes, audit.trace.mean_probs["cyclic"][k], strict=True))
    for code, name in enumerate(arrays["classes"]):
        assert arrays["pred_probs"][7, code] == pytest.approx(stored[name], abs=1e-6)


def test_cleanlab_finds_the_planted_labels(tmp_path):
    filter = pytest.importorskip("cleanlab.filter")
    arrays = exchange.to_cleanlab(Audit.open(write_audit(tmp_path / "audit", n=80)))
    issues = filter.find_label_issues(arrays["labels"], arrays["pred_probs"], n_jobs=1)
    assert set(arrays["ids"][issues]) == set(arrays["ids"][:8])


def test_a_relative_folder_is_fine(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exchange.to_folder(plan(session), "out") == tmp_path / "out"
    assert exchange.revert("out") == 39
    assert os.listdir(tmp_path).count("out") == 0


def test_decisions_made_before_and_after_a_move_apply_to_the_moved_pictures(session, tmp_path):
    session.keep(["tiger/0000003.png"])
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "audit").rename(tmp_path / "audit2")
    audit = Audit.open(tmp_path / "audit2", images=tmp_path / "elsewhere")
    again = audit.session(reviewer="ann")
    assert again.pictures_hint == "" and again.counts["relabel"] == again.counts["drop"] == 1
    again.drop(["leopard/0000002.png"])
    made = plan(again)
    assert made.stale.empty and made.absent.empty and len(made.decided) == 4
    assert len(made.changes) == 3 and "not applied" not in repr(made)
    exchange.to_folder(made, tmp_path / "out")
    table = pd.read_csv(exchange.to_csv(made, tmp_path / "clean.csv"))
    assert table["path"].str.startswith(str(tmp_path / "elsewhere")).all()


def test_a_review_says_where_missing_pictures_were_expected(session, tmp_path):
    assert session.pictures_hint == ""
    hint = moved(tmp_path).session(reviewer="ann").pictures_hint
    assert "20 of 20 that were looked for" in hint and f"expected in {tmp_path}/images." in hint
    assert f"Audit.open('{tmp_path}/audit', images=" in hint


def test_a_hint_where_ids_are_no_paths_names_the_folder_of_all(tmp_path):
    ids = [f"row {k}" for k in range(8)]
    audit = write_audit(
        tmp_path / "audit", n=8, ids=ids, images=tmp_path / "images", write_images=False
    )
    opened = Audit.open(audit)
    opened.samples["path"] = [f"{tmp_path}/gone/{k % 2}/{k}.png" for k in range(8)]
    assert f"expected in {tmp_path}/gone." in ReviewSession(opened).pictures_hint
    assert ReviewSession(write_audit(tmp_path / "pixels")).pictures_hint == ""
