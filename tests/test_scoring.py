"""A finished audit as a scorer: heads are kept, and new pictures are ranked by them."""

import pickle
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from o2u_nb import folder as layout
from o2u_nb import head_file, looks, scorer
from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.data import images, sources
from o2u_nb.detect.dynamics import class_probs
from o2u_nb.detect.neighbours import Known
from o2u_nb.errors import MissingExtraError, O2UError, SourceError, TraceError
from o2u_nb.head_file import Head
from o2u_nb.scorer import (
    NO_PICTURE,
    NOT_FINITE,
    SCORED,
    UNKNOWN_CLASS,
    Scorer,
    learned_by,
    probabilities,
)
from o2u_nb.training.heads import numbers_of
from tests.audits import write_audit
from tests.colour_eyes import EYES, coloured_audit, colours
from tests.features import blobs, head
from tests.sources import write_source


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("scoring") / "source")


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    """The folder of an audit with a network of its own and two frozen eyes."""
    out = tmp_path_factory.mktemp("scoring_audit") / "out"
    return coloured_audit(source, out)


@pytest.fixture
def audit(made, monkeypatch):
    monkeypatch.setattr(looks, "_backbone", colours)
    return Audit.open(made)


def test_probabilities_are_those_of_the_trained_head():
    points = blobs(60)
    learn = head(points)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, 0.01)
    learn.model.eval()
    with torch.no_grad():
        wanted = learn.model(torch.from_numpy(points.features)).softmax(1).numpy()
    found = probabilities(points.features, numbers_of(learn))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_probabilities_by_hand():
    # (3, 4) less the mean (0, 4) is (3, 0), of length sqrt(2) after scaling.
    known = Head(np.eye(2, dtype=np.float32), np.zeros(2, np.float32), np.array([0, 4], np.float32))
    found = probabilities(np.array([[3, 4]], np.float16), known)
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp(-np.sqrt(2))), abs=1e-6)


def test_a_head_comes_back_from_its_file_and_damage_is_told(tmp_path):
    path = tmp_path / head_file.NAME
    rng = np.random.default_rng(0)
    kept = Head(*(rng.normal(size=shape).astype(np.float32) for shape in ((3, 5), 3, 5)))
    assert head_file.read(path, 3) is None
    head_file.write(path, kept)
    for one, other in zip(head_file.read(path, 3), kept, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(TraceError, match=r"expected float32 of shape \(5, any\)"):
        head_file.read(path, 4)
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.write_bytes(data)
    with pytest.raises(TraceError, match="checksum"):
        head_file.read(path, 3)


def test_the_score_is_that_of_heads_look_alikes_and_mix_ups_on_average(audit):
    found = audit.score(audit.samples)
    classes, codes = list(audit.trace.classes), audit.trace.labels
    n = np.arange(len(codes))
    own, alike = [], []
    for name in EYES:
        rows = audit.features[name].astype(np.float64)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        near = np.argsort(-np.round(unit @ unit.T, 6), axis=1, kind="stable")[:, :50]
        own.append(probabilities(audit.features[name], audit.head_of(name)))
        alike.append(class_probs(audit.eyes[name])[near].mean(1))
    pooled = np.mean([(a + b) / 2 for a, b in zip(own, alike, strict=True)], axis=0)
    pooled[n, codes] = 0
    swaps = learned_by(audit).swaps[codes, pooled.argmax(1)]
    expected = []
    for a, b in zip(own, alike, strict=True):
        margins = []
        for probs in (a, b + 0.001):
            others = probs.copy()
            others[n, codes] = 0
            margins.append(np.log(others.max(1)) - np.log(probs[n, codes]))
        mean = np.mean(margins, axis=0)
        expected.append(np.where(mean > 0, mean * np.exp(swaps), mean))
    scores = found["score"].loc[audit.trace.ids]
    np.testing.assert_allclose(scores, np.mean(expected, axis=0), atol=1e-3)
    assert found["rank"].tolist() == list(range(1, len(found) + 1))
    assert (np.diff(found["score"]) <= 0).all() and found.attrs["eyes"] == list(EYES)
    contradicted = found["score"] > 0
    # With a positive margin, the label is not the class that at least one head prefers.
    assert (found["predicted_label"][~contradicted] == found["label"][~contradicted]).mean() > 0.9
    assert set(found["predicted_label"]) <= set(classes)


def test_another_order_and_a_part_give_the_same_rows(audit):
    whole = audit.score(audit.samples)
    shuffled = audit.score(audit.samples.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(whole, shuffled, rtol=1e-4)
    part = audit.score(audit.samples.iloc[7:19])
    again = whole.loc[part.index]
    np.testing.assert_allclose(part["score"], again["score"], rtol=1e-4)
    assert part["rank"].tolist() == list(range(1, 13))


def test_a_wrong_label_raises_its_score_and_changes_no_other_row(audit):
    table = audit.samples.copy()
    before = audit.score(table)
    name = before.index[-1]  # the label that the heads are surest of
    others = [one for one in audit.trace.classes if one != table.loc[name, "label"]]
    table.loc[name, "label"] = others[0]
    after = audit.score(table)
    assert after.loc[name, "score"] > 0 > before.loc[name, "score"]
    others = table.index.drop(name)
    np.testing.assert_allclose(after["score"][others], before["score"][others], rtol=1e-4)
    assert after.loc[name, "predicted_label"] == before.loc[name, "label"]


def test_pictures_without_a_label_get_one_and_a_doubt(audit):
    labelled = audit.score(audit.samples)
    found = audit.score(audit.samples.drop(columns="label"))
    assert found["score"].isna().all() and found["rank"].isna().all()
    assert found["label"].isna().all() and found["doubt"].between(0, 1).all()
    pd.testing.assert_series_equal(
        found["predicted_label"].sort_index(), labelled["predicted_label"].sort_index()
    )


def test_unknown_classes_and_damaged_pictures_are_rows_with_a_problem(audit, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    table = audit.samples.iloc[:5].copy()
    names = table.index
    table.loc[names[0], "label"] = "unicorn"
    table.loc[names[1], "path"] = str(broken)
    table.loc[names[2], "path"] = str(tmp_path / "gone.png")
    found = audit.score(table)
    assert found.loc[names[0], "problem"] == UNKNOWN_CLASS
    assert found.loc[names[0], "predicted_label"] in audit.trace.classes
    for name in names[1:3]:
        assert found.loc[name, "problem"].startswith("unreadable image: ")
        assert np.isnan(found.loc[name, "doubt"]) and pd.isna(found.loc[name, "predicted_label"])
    assert found["score"].notna().sum() == 2 == found["rank"].notna().sum()
    assert found["problem"].eq("").sum() == 2
    with pytest.raises(O2UError, match=r"found none, but 'unicorn'"):
        audit.score(table.assign(label="unicorn"))
    nothing = audit.score(table.iloc[1:3])
    assert len(nothing) == 2 and nothing["score"].isna().all()


def test_a_folder_and_what_a_reader_returns(audit, source, tmp_path):
    by_table = audit.score(audit.samples)
    pd.testing.assert_frame_equal(audit.score(source), by_table, rtol=1e-4)
    checked = sources.read(source)
    pd.testing.assert_frame_equal(audit.score(checked), by_table, rtol=1e-4)
    flat = tmp_path / "flat"
    flat.mkdir()
    with pytest.raises(SourceError, match="Expected pictures"):
        audit.score(flat)
    one = by_table.index[0]
    (flat / "new.png").write_bytes(Path(audit.samples.loc[one, "path"]).read_bytes())
    (flat / "half.png").write_bytes(b"\x89PNG")
    found = audit.score(str(flat))
    assert found.loc["new.png", "predicted_label"] == by_table.loc[one, "predicted_label"]
    assert found.loc["half.png", "problem"].startswith("unreadable image: ")


def test_a_picture_that_a_reader_left_out_has_a_row(audit, source, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    folder = sorted(path for path in copy.iterdir() if path.is_dir())[0]
    (folder / "damaged.png").write_bytes(b"no picture")
    found = audit.score(copy)
    row = found.loc[f"{folder.name}/damaged.png"]
    assert row["problem"].startswith("unreadable image") and np.isnan(row["score"])
    assert found["rank"].notna().sum() == len(found) - 1


def test_an_id_that_is_there_twice_is_refused(audit):
    table = audit.samples.iloc[[0, 0]]
    with pytest.raises(O2UError, match="twice"):
        audit.score(table)


def test_audits_without_heads_say_what_to_do(audit, made, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(made, old)
    assert Audit.open(old).verify() == []
    path = Audit.open(old).file_of_head(EYES[0])
    assert path.relative_to(old).as_posix() == f"eyes/colours/{layout.HEAD}"
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    assert any("The head in" in said for said in Audit.open(old).verify())
    path.unlink()
    with pytest.raises(SourceError, match="found none"):  # the facts promise it
        Audit.open(old)
    Audit.rebuild(old, quiet=True)  # now they do not, as those of an earlier version
    with pytest.raises(O2UError, match=r"kept no heads.*overwrite=True"):
        Audit.open(old).score(audit.samples)
    alone = Audit.open(write_audit(tmp_path / "alone"))
    with pytest.raises(O2UError, match=r"has none.*--eye efficientnet_lite0"):
        alone.score(audit.samples)


def test_the_command_writes_the_table(audit, made, source, tmp_path, capsys):
    for name in ("t.parquet", "t.csv"):
        assert main(["score", str(made), str(source), "--out", str(tmp_path / name)]) == 0
    said = capsys.readouterr().out
    assert "60 pictures, 60 of them with a score, 0 with a problem" in said
    table = pd.read_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(table, audit.score(source), rtol=1e-4)
    assert pd.read_csv(tmp_path / "t.csv")["sample_id"].tolist() == table.index.tolist()
    assert main(["score", str(made), str(source), "--out", str(tmp_path / "t.png")]) == 2
    assert "must end in .parquet or .csv" in capsys.readouterr().err


def test_each_picture_is_decoded_once(audit, source, monkeypatch):
    decoded = []
    real = images.load_image

    def counted(item, **options):
        decoded.append(item)
        return real(item, **options)

    for module in (images, scorer):
        monkeypatch.setattr(module, "load_image", counted)
    assert audit.score(source)["problem"].eq("").sum() == 60 == len(decoded)


def test_what_was_learned_can_be_sent_to_another_process(audit, monkeypatch):
    learned = learned_by(audit)
    sent = pickle.loads(pickle.dumps(learned))
    assert sent.digest() == learned.digest()
    other = learned._replace(classes=learned.classes[::-1])
    assert other.digest() != learned.digest()
    rows = pa.Table.from_pandas(audit.samples[["path", "label"]].reset_index())
    found = Scorer(sent, n=60)(rows)
    assert found.schema == SCORED and found["sample_id"].to_pylist() == list(audit.samples.index)
    whole = audit.score(audit.samples).loc[audit.samples.index]
    np.testing.assert_allclose(found["score"], whole["score"], rtol=1e-4)
    parts = [Scorer(sent, n=60)(part) for part in rows.to_batches(max_chunksize=7)]
    np.testing.assert_allclose(pa.concat_tables(parts)["score"], found["score"], rtol=1e-4)


def test_pictures_as_bytes_as_arrays_and_by_url_are_the_same(audit, source):
    by_path = audit.score(audit.samples.iloc[:9])
    paths = audit.samples["path"].iloc[:9]
    data = [Path(path).read_bytes() for path in paths]
    names = list(paths.index)
    columns = {
        "bytes": pa.table({"sample_id": names, "image": data}),
        "structs": pa.table(
            {"sample_id": names, "image": [{"bytes": b, "path": "?"} for b in data]}
        ),
        "urls": pa.table({"sample_id": names, "path": [f"file://{path}" for path in paths]}),
    }
    for table in columns.values():
        found = Scorer(learned_by(audit), n=9)(table)
        doubts = by_path["doubt"].loc[names]
        np.testing.assert_allclose(found["doubt"], doubts, rtol=1e-4)
        assert found["label"].null_count == 9 == found["score"].null_count
    pixels: list = [np.asarray(Image.open(path)) for path in paths]
    pixels[0] = paths.iloc[0]  # a table may mix them
    arrays = pd.DataFrame({"image": pixels}, index=pd.Index(names, name="sample_id"))
    np.testing.assert_allclose(
        audit.score(arrays)["doubt"], by_path["doubt"].sort_index(), rtol=1e-4
    )


def test_products_of_numpy_keep_no_other_thread_waiting(audit, monkeypatch):
    """Threads of BLAS that waited took a fifth of the speed where a network used all cores."""
    seen = []
    real = Known.probs_of

    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    def watched(*args):
        seen.append(threads())
        return real(*args)

    monkeypatch.setattr(Known, "probs_of", watched)
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        audit.score(audit.samples.iloc[:3])
        assert threads() == before and set(before) == {2}
    assert seen and {number for found in seen for number in found} == {1}


def test_a_row_without_a_picture_or_with_odd_features_has_a_problem(audit, monkeypatch):
    rows = audit.samples["path"].iloc[:3].tolist()
    table = pa.table(
        {"sample_id": list("abcd"), "path": [rows[0], None, "memory://gone.png", rows[2]]}
    )
    judge = Scorer(learned_by(audit), n=4)
    side, run = judge._networks[0]

    def odd(pixels):
        found = run(pixels)
        found[-1] = np.nan
        return found

    judge.__dict__["_networks"] = [(side, odd), (side, odd)]
    found = judge(table).to_pylist()
    assert [row["problem"] for row in found[:2]] == ["", NO_PICTURE]
    assert found[2]["problem"].startswith("unreadable image: ")
    assert found[3]["problem"] == NOT_FINITE and found[3]["doubt"] is None
    assert found[0]["predicted_label"] in audit.trace.classes


def test_a_missing_package_is_an_error_and_not_a_problem_of_each_row(audit, monkeypatch):
    def lacking(url):
        raise ImportError("Install s3fs to access S3")

    score = Scorer(learned_by(audit), n=1)
    strange = score(pa.table({"sample_id": ["a"], "path": ["nosuch://a.png"]}))
    assert "nosuch" in strange["problem"][0].as_py()
    monkeypatch.setattr(fsspec.core, "url_to_fs", lacking)
    with pytest.raises(MissingExtraError, match="s3fs"):
        score(pa.table({"sample_id": ["a"], "path": ["s3://bucket/a.png"]}))
