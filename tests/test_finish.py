"""The finish card: what was decided, what is written from it, and whether it helped."""

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from o2u_nb import before_after as module
from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.before_after import BeforeAfter, before_after
from o2u_nb.data import samples as samples_io
from o2u_nb.data import sources
from o2u_nb.errors import ApplyError
from o2u_nb.exchange.formats import FORMATS, require_new, suggested
from o2u_nb.review.apply import plan
from o2u_nb.review.outcome import outcome
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.finish import FinishCard, accuracies
from tests.audits import write_audit

pytestmark = pytest.mark.usefixtures("no_loop")


@pytest.fixture
def audit(tmp_path) -> Audit:
    """An audit of 40 pictures in files, of which every fifth is for validation."""
    return written(tmp_path, valid_every=5)


def written(tmp_path, *, valid_every: int) -> Audit:
    folder = write_audit(tmp_path / "audit", images=tmp_path / "pictures")
    table = samples_io.read(folder / layout.SAMPLES)
    valid = np.arange(len(table)) % valid_every == 0
    table["split"] = np.where(valid, "valid", "train")
    samples_io.write(table, folder / layout.SAMPLES)
    return Audit.open(folder)


@pytest.fixture
def session(audit):
    return audit.session(reviewer="ann")


def decide(session) -> list[str]:
    """Relabel two suspects, drop one, keep one, and be unsure of one; return their ids."""
    ids = session.columns.ids_at(np.arange(5))
    session.relabel(None, ids[:2])
    session.drop([ids[2]])
    session.keep([ids[3]])
    session.unsure([ids[4]])
    return ids


def test_the_outcome_counts_what_was_decided(session):
    assert outcome(session).certificate().endswith("measured as soon as you decide some.")
    decide(session)
    found = outcome(session)
    assert found[:5] == (2, 1, 1, 1, 3) and found.decided == 5
    assert found.words() == (
        "2 relabelled, 1 dropped, 1 kept as they are, 1 unsure; 3 suspects are left to look at."
    )
    # three of the four that are clear were wrong; Wilson's interval is 30 to 95 %
    assert "Of 4 decided suspects, 75 % were wrong: 30 % to 95 %" in found.certificate()


def test_the_card_follows_decisions(session):
    card = FinishCard(session)
    assert "0 relabelled" in card._words.value and "8 suspects are left" in card._words.value
    decide(session)
    assert "2 relabelled, 1 dropped" in card._words.value and "75 %" in card._words.value
    session.undo()
    assert "0 unsure" in card._words.value


def test_the_dashboard_ends_with_it(audit):
    panel = audit.panel(reviewer="ann")
    assert isinstance(panel, Dashboard) and panel.finish in panel.children
    assert panel.finish._ask_how().run is not None


def shown(widget) -> bool:
    return widget.layout.display != "none"


def write(card: FinishCard, path) -> str:
    """Press "Write" with `path` in the form, wait, and return what the status line says."""
    card._path.value = str(path)
    card._write_button.click()
    card.wait()
    return card._status.message


def test_the_folder_is_written_beside_the_audit(session, tmp_path):
    ids = decide(session)
    card = FinishCard(session)
    assert not shown(card._form)
    card._buttons["Write folder"].click()
    assert shown(card._form) and not shown(card._format)
    assert card._path.value == str(tmp_path / "audit-cleaned")
    assert write(card, card._path.value) == "Done: writing class folders."
    cleaned = sources.read(tmp_path / "audit-cleaned").samples
    assert len(cleaned) == 39 and not shown(card._form)
    assert (
        f"exchange.to_folder(plan(audit), &#x27;{tmp_path / 'audit-cleaned'}" in card._result.value
    )
    moved = plan(session).changes.loc[ids[0], "label_after"]
    assert any(id.startswith(f"train/{moved}/") for id in cleaned.index)
    card._buttons["Write folder"].click()
    assert card._path.value == str(tmp_path / "audit-cleaned-2")
    assert "never overwritten" in write(card, tmp_path / "audit-cleaned")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "folder"])
def test_every_format_is_written(name, session, tmp_path):
    decide(session)
    card = FinishCard(session)
    card._buttons["Export ..."].click()
    assert shown(card._form) and shown(card._format)
    card._format.value = name
    path = suggested(session.audit, FORMATS[name])
    assert card._path.value == path
    assert write(card, path).startswith("Done: ")
    if name == "csv":
        assert len(pd.read_csv(path)) == 39
    elif name == "parquet":
        assert len(samples_io.read(path)) == 39
    elif name == "huggingface":
        assert len(pd.read_csv(f"{path}/train/metadata.csv")) > 0
    elif name == "label_studio":
        assert len(json.loads(Path(path).read_text(encoding="utf-8"))) == 40
    elif name == "huggingface_parquet":
        assert len(sources.read(path).samples) == 39
    elif name == "croissant":
        assert len(pd.read_csv(f"{path}/labels.csv")) == 39
    elif name == "fiftyone":
        assert len(json.loads(Path(path, "samples.json").read_text())["samples"]) == 40
    elif name == "weights":
        assert pd.read_csv(path)["weight"].between(0, 1).all()
    elif name == "data_card":
        assert "| label changed | 2 |" in Path(path).read_text(encoding="utf-8")
    else:
        arrays = np.load(path)  # without pickle
        assert arrays["pred_probs"].shape == (40, 4) and len(arrays["ids"]) == 40
        assert arrays["classes"].tolist() == sorted(arrays["classes"])


def test_formats_are_all_those_of_the_exchange():
    from o2u_nb import exchange

    called = {
        format.code.partition("(")[0].removeprefix("exchange.") for format in FORMATS.values()
    }
    others = {
        "revert", "to_cleanlab", "from_label_studio", "label_studio_interface", "data_card",
        "sample_weights", "second_opinion",
    }  # fmt: skip
    assert called == {*exchange.__all__} - others


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("folder", "  ", "found nothing"),
        ("csv", "labels.txt", r"ends in \.csv, found 'labels\.txt'"),
        ("csv", "there.csv", "never overwritten"),
        ("folder", "full", "never overwritten"),
        ("folder", "no/such/place", "There is no folder"),
        ("csv", "x" * 5000 + ".csv", "Cannot use this path|There is no folder"),
        ("csv", "nul\0.csv", "Cannot use this path"),
    ],
)
def test_paths_that_cannot_be_used_are_refused_with_the_reason(
    name, text, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ApplyError, match=said):
        require_new(text, FORMATS[name])
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_path_that_can_be_used_is_returned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert require_new(" new.csv ", FORMATS["csv"]).name == "new.csv"
    assert require_new(str(tmp_path / "empty"), FORMATS["folder"]) == tmp_path / "empty"


def test_an_export_that_fails_says_why_and_leaves_the_buttons(tmp_path):
    session = Audit.open(write_audit(tmp_path / "arrays")).session()
    card = FinishCard(session)
    card._buttons["Export ..."].click()
    assert "no files: use to_parquet" in write(card, tmp_path / "labels.csv")
    assert not card._write_button.disabled and shown(card._form)
    assert not (tmp_path / "labels.csv").exists()


def test_what_is_not_applied_is_said(session, tmp_path):
    ids = decide(session)
    (tmp_path / "pictures" / ids[0]).write_bytes(b"another picture")
    card = FinishCard(session)
    card._buttons["Export ..."].click()
    said = write(card, tmp_path / "labels.csv")
    assert said.startswith("Done: ") and "1 decisions are not applied" in said


def test_buttons_wait_while_something_runs(session):
    card, seen, go = FinishCard(session), [], threading.Event()

    def run(found, progress):
        go.wait(20)
        progress(1, 2)
        seen.append(card._bar.value)
        return pd.DataFrame({"before": [0.5, 0.6], "after": [0.7, 0.7]})

    card.comparing(lambda: BeforeAfter(run, "Accuracy on 8 samples."))
    card._buttons["Retrain and compare"].click()
    assert all(button.disabled for button in card._buttons.values())
    go.set()
    card.wait()
    assert "1 of 2" in seen[0] and card._bar.value == ""
    assert not any(button.disabled for button in card._buttons.values())
    assert "+15.0 percentage points" in card._result.value
    assert "Accuracy on 8 samples." in card._result.value


def test_accuracies_by_hand():
    html = accuracies(pd.DataFrame({"before": [0.5, 0.7], "after": [0.8, 0.8]}))
    assert "60.0 %" in html and "± 14.1" in html and "80.0 %" in html and "± 0.0" in html
    assert "+20.0 percentage points, the mean of 2 trainings each" in html
    assert "nan" not in accuracies(pd.DataFrame({"before": [0.5], "after": [0.4]}))


def test_without_a_held_out_set_or_torch_the_card_says_so(tmp_path, monkeypatch):
    audit = written(tmp_path, valid_every=1000)
    audit.samples["split"] = "train"
    none = before_after(audit)
    assert none.run is None and "audit.finish(held_out=...)" in none.words
    card = FinishCard(audit.session())
    card._buttons["Retrain and compare"].click()
    assert "held-out set" in card._status.message
    card.comparing(lambda: none)
    card._buttons["Retrain and compare"].click()
    assert card._status.message == none.words and not card._write_button.disabled
    monkeypatch.setattr(module, "missing", lambda _: ["torch"])
    assert "pip install" in before_after(audit, audit.samples).words
    assert before_after(audit, audit.samples).run is None


def test_a_held_out_set_that_is_passed_is_used(audit, tmp_path):
    held_out = audit.samples.head(7)
    card = audit.finish(held_out=held_out)
    assert "7 held-out samples that were passed" in card._ask_how().words
    assert "split valid" in before_after(audit).words


def test_training_before_and_after_with_the_decisions(audit, monkeypatch):
    """The tables that are trained on: without what is held out, with and without the decisions."""
    from o2u_nb.training import retrain

    taken = {}

    def fake(before, after, held_out, *, learner, progress):
        taken.update(before=before, after=after, held_out=held_out)
        progress(1, 1)
        return pd.DataFrame({"before": [0.5], "after": [0.75]})

    monkeypatch.setattr(retrain, "retrain", fake)
    session, card = audit.session(reviewer="ann"), audit.finish(reviewer="ann")
    card._buttons["Retrain and compare"].click()
    card.wait()
    assert card._status.message == "No decision changes a label of the training samples yet."
    train = audit.samples.index[audit.samples["split"] == "train"]
    suspects = [id for id in session.columns.ids_at(np.arange(8)) if id in train]
    session.drop([suspects[0]])
    session.relabel(None, [suspects[1]])
    card._buttons["Retrain and compare"].click()
    card.wait()
    assert "+25.0 percentage points" in card._result.value, card._status.message
    before, after = taken["before"], taken["after"]
    assert set(before.index) == set(train) and set(taken["held_out"].index).isdisjoint(train)
    assert set(before.index) - set(after.index) == {suspects[0]}
    changed = before.loc[after.index, "label"] != after["label"]
    assert changed.index[changed].tolist() == [suspects[1]]


def test_heads_are_trained_where_the_audit_keeps_features(audit, monkeypatch):
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    audit.__dict__["features"] = {"a network": features}
    suspect = next(id for id in audit.scores.index if audit.samples.loc[id, "split"] == "train")
    session = audit.session(reviewer="ann")
    session.drop([suspect])
    counted = []
    run = before_after(audit).run
    table = run(plan(session), lambda *at: counted.append(at))
    assert list(table.columns) == ["before", "after"] and len(table) == 3
    assert table.to_numpy().min() >= 0 and counted[-1] == (72, 72)


def test_facts_are_left_alone(audit):
    before = json.loads((audit.folder / layout.FACTS).read_text())
    audit.finish()
    assert json.loads((audit.folder / layout.FACTS).read_text()) == before
