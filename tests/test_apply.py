"""What decisions would change, worked out by hand; nothing here writes a file."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from o2u_nb.audit import Audit
from o2u_nb.errors import ApplyError, DecisionsError
from o2u_nb.review.apply import cleaned, plan
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit


def samples(labels: dict) -> pd.DataFrame:
    index = pd.Index(list(labels), name="sample_id", dtype="str")
    table = pd.DataFrame({"label": list(labels.values()), "split": "train"}, index=index)
    return table.astype("str").assign(path=[f"/data/{id}" for id in labels])


def decided(table: pd.DataFrame, actions: dict) -> pd.DataFrame:
    """Decisions as `fold` gives them; an action that is none of the four is a new label."""
    rows = {
        id: (action, None) if action in ("keep", "drop", "unsure") else ("relabel", action)
        for id, action in actions.items()
    }
    return pd.DataFrame(
        {
            "action": [action for action, _ in rows.values()],
            "new_label": [label for _, label in rows.values()],
            "given_label": table["label"].loc[list(rows)].tolist(),
        },
        index=pd.Index(list(rows), dtype="str"),
    )


TABLE = samples({"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": "fox"})
DECIDED = decided(TABLE, {"a": "dog", "b": "keep", "d": "drop", "e": "unsure"})


@pytest.mark.parametrize(
    ("unsure", "labels"),
    [
        ("keep", {"a": "dog", "b": "cat", "c": "dog", "e": "fox"}),
        ("drop", {"a": "dog", "b": "cat", "c": "dog"}),
    ],
)
def test_the_cleaned_table_by_hand(unsure, labels):
    pd.testing.assert_frame_equal(cleaned(TABLE, DECIDED, unsure=unsure), samples(labels))
    assert TABLE["label"].tolist() == ["cat", "cat", "dog", "dog", "fox"]


def test_decisions_about_other_samples_or_labels_are_refused():
    other = samples({"a": "cat", "b": "dog"})
    for wrong in (decided(other, {"b": "keep"}), DECIDED.rename(index={"a": "z"})):
        with pytest.raises(ApplyError, match="do not belong to these samples"):
            cleaned(TABLE, wrong)
    with pytest.raises(ApplyError, match="unsure='keep'"):
        cleaned(TABLE, DECIDED, unsure="maybe")


ACTION = st.sampled_from([None, "keep", "drop", "unsure", "cat", "dog", "eel"])


@given(st.lists(st.tuples(st.sampled_from(["cat", "dog"]), ACTION), min_size=1), st.booleans())
def test_cleaning_does_what_was_decided_and_no_more(rows, drop_unsure):
    table = samples({f"{k:03d}": label for k, (label, _) in enumerate(rows)})
    actions = {f"{k:03d}": action for k, (_, action) in enumerate(rows) if action}
    unsure = "drop" if drop_unsure else "keep"
    result = cleaned(table, decided(table, actions), unsure=unsure)
    expected = {}
    for sample_id, label in table["label"].items():
        action = actions.get(sample_id)
        if action != "drop" and not (action == "unsure" and drop_unsure):
            expected[sample_id] = label if action in (None, "keep", "unsure") else action
    assert result["label"].to_dict() == expected
    assert result.index.tolist() == list(expected) and result.dtypes.equals(table.dtypes)


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    """A review of 40 samples, 10 per class, with one decision of each kind."""
    audit = write_audit(tmp_path / "audit", images=tmp_path / "images")
    session = ReviewSession(audit, reviewer="ann")
    session.relabel("tiger", ["cheetah/0000000.png"], note="stripes")
    session.drop(["jaguar/0000001.png"])
    session.unsure(["leopard/0000002.png"])
    session.keep(["tiger/0000003.png"])
    session.drop(["cheetah/0000004.png"])
    session.undo()
    return session


def test_the_plan_counts_before_and_after(session):
    made = plan(session)
    assert made.counts.loc["cheetah"].tolist() == [10, 0, 1, 0, 9]
    assert made.counts.loc["jaguar"].tolist() == [10, 1, 0, 0, 9]
    assert made.counts.loc["leopard"].tolist() == [10, 0, 0, 0, 10]
    assert made.counts.loc["tiger"].tolist() == [10, 0, 0, 1, 11]
    columns = ["before", "dropped", "relabelled_from", "relabelled_to", "after"]
    assert made.counts.columns.tolist() == columns
    assert made.changes["label_before"].tolist() == ["cheetah", "jaguar"]
    assert made.changes["label_after"].tolist() == ["tiger", None]
    assert made.changes["note"].tolist() == ["stripes", ""]
    assert len(made.cleaned) == 39 and made.stale.empty
    assert "4 of 40 samples decided: 1 relabelled, 1 dropped, 1 kept as they are, 1 unsure" in repr(
        made
    )
    assert plan(session, unsure="drop").counts.loc["leopard", "after"] == 9


def test_a_plan_is_the_same_from_a_session_an_audit_and_a_folder(session):
    one = plan(session).changes
    folder = session.audit.folder
    for review in (Audit.open(folder), folder, str(folder)):
        pd.testing.assert_frame_equal(plan(review).changes, one)
    ReviewSession(folder, reviewer="bob").drop(["tiger/0000007.png"])
    assert plan(session).counts.loc["tiger", "dropped"] == 1  # what bob did counts at once


def test_without_decisions_nothing_changes(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "audit"))
    made = plan(audit)
    assert made.changes.empty and "0 of 40 samples decided" in repr(made)
    pd.testing.assert_frame_equal(made.cleaned, audit.samples)
    assert (made.counts["before"] == made.counts["after"]).all()


def test_a_new_class_and_an_emptied_one(tmp_path):
    audit = write_audit(tmp_path / "audit", n=4, n_wrong=1)
    session = ReviewSession(audit, reviewer="ann")
    session.relabel("lynx", ["tiger/0000003.png"], new_class=True)
    assert plan(session).counts.loc[["lynx", "tiger"], "after"].tolist() == [1, 0]


def test_decisions_on_images_that_changed_since_are_not_applied(session, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "images" / "cheetah" / "0000000.png")
    made = plan(session)
    assert made.stale.index.tolist() == ["cheetah/0000000.png"] and made.absent.empty
    assert made.changes.index.tolist() == ["jaguar/0000001.png"]
    assert "1 decisions are not applied" in repr(made)
    session.refresh()
    session.relabel("tiger", ["cheetah/0000000.png"])  # decided again, on what is there now
    assert plan(session).changes.index.tolist() == ["cheetah/0000000.png", "jaguar/0000001.png"]


def test_decisions_on_images_out_of_reach_are_applied_and_said(session, tmp_path):
    (tmp_path / "images" / "jaguar" / "0000001.png").unlink()
    made = plan(session)
    assert made.absent.index.tolist() == ["jaguar/0000001.png"] and made.stale.empty
    assert made.changes.index.tolist() == ["cheetah/0000000.png", "jaguar/0000001.png"]
    assert "pictures of 1 decisions cannot be read" in repr(made) and "images=" in repr(made)


def test_a_log_of_another_data_set_is_refused(session, tmp_path):
    other = write_audit(tmp_path / "other", n=12)
    (other / "decisions.jsonl").write_bytes(session.decisions.path.read_bytes())
    with pytest.raises(DecisionsError, match="another data set"):
        plan(other)


def test_the_notebook_shows_names_as_text(tmp_path: Path):
    evil = "<img src=x onerror=alert(1)>"
    audit = write_audit(tmp_path / "audit", classes=[evil, "b"], ids=[f"{k}" for k in range(40)])
    made = plan(audit)
    assert evil not in made._repr_html_() and "&lt;img src=x" in made._repr_html_()
