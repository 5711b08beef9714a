"""Exports for FiftyOne, Hugging Face Parquet, Croissant, weights and data cards, and cleanlab back.

What the tools themselves make of them is in `test_target_tools.py`.
"""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from o2u_nb import exchange
from o2u_nb.audit import Audit
from o2u_nb.data import sources
from o2u_nb.errors import ApplyError, O2UError, SourceError
from o2u_nb.exchange.data_card import md, plain
from o2u_nb.review.apply import plan
from o2u_nb.review.certifying import Certification
from o2u_nb.review.session import ReviewSession
from tests.audits import CLASSES, decided_in_splits, write_audit
from tests.hostile import ODD_IDS


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    session = ReviewSession(decided_in_splits(tmp_path), reviewer="ann")
    session.unsure(["leopard/0000002.png"])
    session.note("two animals", ["leopard/0000002.png"])
    session.tag("blurred", ["leopard/0000002.png"])
    return session


# FiftyOne


def fiftyone(session, out) -> dict[str, dict]:
    folder = exchange.to_fiftyone(plan(session), session.audit, out)
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
    return {sample["sample_id"]: sample for sample in samples}


def test_fiftyone_gets_all_samples_with_fields_tags_and_predictions(session, tmp_path):
    samples, scores = fiftyone(session, tmp_path / "out"), session.audit.scores
    assert list(samples) == scores.sort_values("rank").index.tolist()
    moved = samples["cheetah/0000000.png"]
    assert moved["ground_truth"] == {"_cls": "Classification", "tags": [], "label": "cheetah"}
    assert moved["cleaned"]["label"] == "tiger" and moved["decision"] == "relabel"
    assert moved["reviewer"] == "ann" and moved["tags"] == ["valid", "suspect", "relabel"]
    dropped = samples["jaguar/0000001.png"]
    assert "cleaned" not in dropped and "drop" in dropped["tags"]
    said = samples["leopard/0000002.png"]
    assert said["note"] == "two animals" and said["tags"][-2:] == ["unsure", "blurred"]
    row = session.audit.trace.ids.get_loc("cheetah/0000000.png")
    probs = session.audit.trace.mean_probs["cyclic"][row]
    assert moved["prediction"]["label"] == "jaguar"
    assert moved["prediction"]["confidence"] == pytest.approx(probs[1], abs=1e-3)
    for id, sample in samples.items():
        assert sample["filepath"] == str(tmp_path / "images" / id)
        assert sample["score"] == scores.loc[id, "score"]
        assert sample["p_wrong"] == scores.loc[id, "p_wrong"]
    undecided = samples["tiger/0000039.png"]
    assert "decision" not in undecided and undecided["cleaned"] == undecided["ground_truth"]


def test_the_metadata_are_in_the_format_whose_samples_are_plain_json(session, tmp_path):
    """FiftyOne takes a folder without a version for this format, and reads it by `from_dict`."""
    fiftyone(session, tmp_path / "out")
    about = json.loads((tmp_path / "out" / "metadata.json").read_text(encoding="utf-8"))
    assert "version" not in about and about["media_type"] == "image" and about["info"]["score"]
    assert exchange.revert(tmp_path / "out") == 2


def test_pictures_without_files_are_written_for_fiftyone(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit"), reviewer="ann")
    samples = fiftyone(session, tmp_path / "out")
    places = {tmp_path / "out" / sample["filepath"] for sample in samples.values()}
    assert len(places) == 40 and all(place.is_file() for place in places)
    assert exchange.revert(tmp_path / "out") == 42


# Hugging Face Parquet


def test_parquet_holds_pictures_codes_and_decisions(session, tmp_path):
    out = exchange.to_huggingface_parquet(plan(session), tmp_path / "out")
    assert sorted(path.name for path in (out / "data").iterdir()) == [
        "train-00000-of-00001.parquet", "validation-00000-of-00001.parquet",
    ]  # fmt: skip
    table = pq.read_table(out / "data" / "validation-00000-of-00001.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": CLASSES, "_type": "ClassLabel"}
    row = next(row for row in table.to_pylist() if row["sample_id"] == "cheetah/0000000.png")
    assert row["image"]["bytes"] == (tmp_path / "images/cheetah/0000000.png").read_bytes()
    assert (row["label"], row["original_label"], row["decision"]) == (3, 0, "relabel")
    read = sources.read(out).samples
    wanted = plan(session).cleaned["label"]
    assert len(read) == 39 and read["label"].value_counts().equals(wanted.value_counts())
    assert exchange.revert(out) == 2 and not out.exists()


def test_pixels_become_png_in_parquet_and_odd_names_are_kept(tmp_path):
    ids = [f"{ODD_IDS[k % len(ODD_IDS)]} {k}" for k in range(40)]
    audit = write_audit(tmp_path / "audit", ids=ids, classes=["a/b", *ODD_IDS[:3]])
    out = exchange.to_huggingface_parquet(plan(audit), tmp_path / "out")
    read = sources.read(out).samples
    assert set(read.index) == set(ids) and set(read["label"]) == {"a/b", *ODD_IDS[:3]}
    wanted = Audit.open(audit).samples["image"]
    assert read["image"].to_dict() == wanted.to_dict()


def test_parquet_among_the_originals_is_refused(session, tmp_path):
    with pytest.raises(ApplyError, match="where the originals are"):
        exchange.to_huggingface_parquet(plan(session), tmp_path / "images" / "tiger" / "out")


# Croissant


def croissant(session, out, **options) -> dict:
    folder = exchange.to_croissant(plan(session), session.audit, out, **options)
    return json.loads((folder / "croissant.json").read_text(encoding="utf-8"))


def test_croissant_describes_the_files_that_lie_beside_it(session, tmp_path):
    out = tmp_path / "out"
    found = croissant(session, out, about=dict(license="CC0", name="animals"))
    assert found["name"] == "animals" and found["license"] == "CC0"
    assert found["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    labels, pictures = found["distribution"]
    content = (out / labels["contentUrl"]).read_bytes()
    assert labels["sha256"] == hashlib.sha256(content).hexdigest()
    assert pictures["includes"] == ["data/*.png"] and pictures["encodingFormat"] == ["image/png"]
    table = pd.read_csv(out / "labels.csv", keep_default_na=False)
    (records,) = found["recordSet"]
    columns = [field["source"]["extract"].get("column") for field in records["field"]]
    assert columns == [None, *table.columns]
    assert len(table) == 39 and table["file_name"].is_unique
    assert all((out / place).is_file() for place in table["file"])
    moved = table.set_index("sample_id").loc["cheetah/0000000.png"]
    assert moved["file"] == "data/valid/tiger/0000000.png"
    assert moved[["label", "given_label", "decision", "reviewer"]].tolist() == [
        "tiger", "cheetah", "relabel", "ann",
    ]  # fmt: skip
    assert "ann" in found["rai:dataAnnotationProtocol"]
    assert "no certificate" in found["rai:dataAnnotationAnalysis"]
    assert (out / "README.md").read_text("utf-8").startswith("# animals\n\n## Label quality")
    assert sources.read(out / "data").samples["split"].value_counts().to_dict() == dict(
        train=29, valid=10
    )
    assert exchange.revert(out) == 42


def test_pictures_of_one_name_get_names_of_their_own(tmp_path):
    ids = [f"{CLASSES[k % 4]}/{k // 4:03d}.png" for k in range(40)]
    session = ReviewSession(write_audit(tmp_path / "a", ids=ids, images=tmp_path / "images"))
    croissant(session, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert table["file_name"].is_unique and len(table) == 40
    assert {name.partition("-")[0].removesuffix(".png") for name in table["file_name"]} == {
        f"{k:03d}" for k in range(10)
    }


# Weights


def test_weights_are_how_likely_each_label_is_right(session, tmp_path):
    weights = exchange.sample_weights(plan(session), session.audit)
    p_wrong = session.audit.scores["p_wrong"]
    assert len(weights) == 39 and "jaguar/0000001.png" not in weights
    assert weights["cheetah/0000000.png"] == weights["tiger/0000003.png"] == 1
    for id in ("leopard/0000002.png", "tiger/0000039.png"):
        assert weights[id] == pytest.approx(1 - p_wrong[id])
    path = exchange.write_weights(plan(session), session.audit, tmp_path / "weights.csv")
    table = pd.read_csv(path, index_col="sample_id")
    np.testing.assert_allclose(table["weight"], weights)
    assert list(table) == ["path", "label", "split", "weight"]
    assert table.loc["cheetah/0000000.png", "label"] == "tiger"


def test_a_sample_that_was_never_seen_weighs_as_the_others_that_are_undecided(session):
    audit = session.audit
    audit.scores.loc["tiger/0000039.png", "p_wrong"] = np.nan
    weights = exchange.sample_weights(plan(session), audit)
    others = weights.drop(["tiger/0000039.png", "cheetah/0000000.png", "tiger/0000003.png"])
    assert weights["tiger/0000039.png"] == pytest.approx(others.mean())


# The data card


def test_the_card_counts_what_was_decided_and_by_whom(session, tmp_path):
    ReviewSession(session.audit.folder, reviewer="bo|b").keep(["cheetah/0000004.png"])
    text = exchange.write_data_card(session.audit, tmp_path / "card.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+) \|", text, re.MULTILINE))
    assert rows == {
        "samples before the review": "40", "looked at": "5", "label kept": "2",
        "label changed": "1", "dropped": "1", "unsure, and kept as they were": "1",
        "samples after the review": "39",
    }  # fmt: skip
    assert "Looked at by ann and bo\\|b on " in text and "cheetah → tiger (1)" in text
    # two of the four suspects that are decided clearly were wrong; Wilson's interval
    assert "Of 4 suspects that were looked at, 50 % were wrong (15 % to 85 %" in text
    assert "There is no certificate: no random sample" in text
    assert "estimated 8 wrong labels; 2 were found and corrected or dropped" in text


def test_the_card_of_an_audit_that_nobody_reviewed_says_so(tmp_path):
    text = exchange.data_card(Audit.open(write_audit(tmp_path / "audit")))
    assert "Nobody has looked at the labels yet" in text and "looked at |" not in text
    assert "estimated 8 wrong labels." in text


def test_the_card_has_the_promise_of_the_certificate(tmp_path):
    session = ReviewSession(write_audit(tmp_path / "audit", n=400), reviewer="ann")
    for id in session.columns.ids_at(np.arange(8)):
        session.relabel(None, [id])
    certifying = Certification.of(session)
    certifying.draw(seed=1, size=60)
    session.keep(list(certifying.drawn.ids))
    text = exchange.data_card(session.audit)
    statement = certifying.statement()
    assert f"**At least {100 * statement.precision:.1f}"[:14] in text
    assert "95 % confidence, according to ann." in text and "There is no certificate" not in text
    assert "drawn on" in text and "What this does not say" in text


def test_names_cannot_format_the_card():
    odd = "a*b_[c](d)<e>|`f`#\nx"
    assert plain(md(odd)) == "a*b_[c](d)<e>|`f`#\\nx"
    assert "\n" not in md(odd) and "\\|" in md(odd)


# cleanlab back


def issues(session, **more) -> pd.DataFrame:
    ids = session.columns.ids
    score = np.linspace(0, 1, len(ids))
    return pd.DataFrame(dict(is_label_issue=score < 0.2, label_score=score, **more), index=ids)


def test_issues_of_cleanlab_are_a_column_to_sort_by(session):
    table = issues(session).sample(frac=1, random_state=0)
    before = session.scores.copy(), session.p_wrong.copy(), session.suspects.copy()
    found = exchange.second_opinion(session, table)
    pd.testing.assert_series_equal(found, 1 - issues(session)["label_score"], check_names=False)
    assert "cleanlab" in session.orders and session.scores["cleanlab"].equals(found)
    session.only_suspects, session.order_by = False, "cleanlab"
    assert session.visible.tolist() == list(range(40))
    session.descending = False
    assert session.visible.tolist() == list(range(40))[::-1]
    pd.testing.assert_frame_equal(session.scores.drop(columns="cleanlab"), before[0])
    assert (session.p_wrong == before[1]).all() and (session.suspects == before[2]).all()


def test_a_second_opinion_changes_nothing_of_what_a_review_learns(session, tmp_path):
    exchange.second_opinion(session, issues(session))
    session.keep(["cheetah/0000008.png"])
    other = ReviewSession(session.audit.folder, reviewer="ann")
    np.testing.assert_array_equal(session.p_wrong, other.p_wrong)


def test_the_grid_offers_the_second_opinion(session):
    widgets = pytest.importorskip("o2u_nb.widgets.grid")
    exchange.second_opinion(session, issues(session), name="Datalab")
    grid = widgets.SuspectGrid(session)
    assert grid.choices["orders"][-1] == grid.choices["order_titles"][-1] == "Datalab"


def test_rows_are_named_by_ids_or_a_column_or_the_index_of_a_file(session, tmp_path):
    table, ids = issues(session), session.columns.ids.tolist()
    wanted = 1 - table["label_score"].to_numpy()
    by_position = table.reset_index(drop=True).rename(columns=dict(label_score="label_quality"))
    found = [
        exchange.second_opinion(session, by_position, ids=ids),
        exchange.second_opinion(session, by_position.assign(sample_id=ids)),
    ]
    table.rename_axis(None).to_csv(tmp_path / "issues.csv")
    table.to_parquet(tmp_path / "issues.parquet")
    files = tmp_path / "issues.csv", tmp_path / "issues.parquet"
    found += [exchange.second_opinion(session, file) for file in files]
    for column in found:
        np.testing.assert_allclose(column, wanted)
    part = exchange.second_opinion(session, table.iloc[:10])
    assert part.notna().sum() == 10 and session.orders.count("cleanlab") == 1


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda table: table.drop(columns="label_score"), "has none of the columns label_score"),
        (lambda table: table.reset_index(drop=True), "not samples of this audit, such as '0'"),
        (lambda table: pd.concat([table, table[:1]]), "several rows for"),
        (lambda table: table.assign(label_score=1.5), "from 0 to 1 .* found '1.5' in row 1"),
        (lambda table: table.assign(label_score=np.nan), "from 0 to 1 .* found 'nan' in row 1"),
        (lambda table: table.assign(label_score="high"), "from 0 to 1 .* found 'high'"),
    ],
)
def test_tables_that_are_no_second_opinion_are_refused(change, said, session):
    with pytest.raises(SourceError, match=said):
        exchange.second_opinion(session, change(issues(session)))
    assert "cleanlab" not in session.orders


def test_other_faults_of_a_second_opinion_are_said(session, tmp_path):
    with pytest.raises(SourceError, match="found 3 ids and 40 rows"):
        exchange.second_opinion(session, issues(session), ids=["a", "b", "c"])
    with pytest.raises(SourceError, match="cannot read"):
        exchange.second_opinion(session, tmp_path / "nothing.csv")
    with pytest.raises(O2UError, match="has a column 'score' already"):
        exchange.second_opinion(session, issues(session), name="score")
