"""The labels that a review has verified, by sample."""

import pandas as pd
import pytest

from o2u_nb.errors import SourceError
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.verified import verified
from tests.audits import write_audit


def test_kept_and_relabelled_samples_are_verified_and_no_others(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    session = ReviewSession(folder, reviewer="ann")
    session.relabel("tiger", ["cheetah/0000000.png"])
    session.drop(["jaguar/0000001.png"])
    session.unsure(["leopard/0000002.png"])
    session.keep(["tiger/0000003.png", "cheetah/0000004.png"])
    session.relabel("tiger", ["cheetah/0000008.png"])
    session.undo()
    expected = {
        "cheetah/0000000.png": "tiger",
        "tiger/0000003.png": "tiger",
        "cheetah/0000004.png": "cheetah",
    }
    assert verified(session).to_dict() == expected
    found = verified(folder)
    assert found.to_dict() == expected and found.name == "label"
    assert found.index.name == "sample_id"


def test_a_picture_that_changed_since_is_not_verified(tmp_path):
    folder = write_audit(tmp_path / "audit", images=tmp_path / "images")
    session = ReviewSession(folder, reviewer="ann")
    session.keep(["tiger/0000003.png", "tiger/0000007.png"])
    other = tmp_path / "images" / "tiger/0000003.png"
    other.write_bytes((tmp_path / "images" / "tiger/0000011.png").read_bytes())
    assert verified(session).to_dict() == {"tiger/0000007.png": "tiger"}


def test_nothing_is_verified_before_the_first_decision(tmp_path):
    assert verified(write_audit(tmp_path / "audit")).empty


def write(path, rows: str):
    path.write_text(rows, encoding="utf-8")
    return path


def test_a_file_of_verified_labels_is_read_as_text(tmp_path):
    file = write(tmp_path / "checked.csv", "label;sample_id;by\nNA;007;ann\n1.0;cat/2.png;ben\n")
    found = verified(file)
    assert found.to_dict() == {"007": "NA", "cat/2.png": "1.0"}
    assert found.name == "label" and found.index.name == "sample_id"
    assert verified(str(file)).equals(found)


def test_a_table_that_verified_made_comes_back(tmp_path):
    labels = pd.Series({"a": "cat", "b": "dog"}, name="label").rename_axis("sample_id")
    labels.to_frame().reset_index().to_parquet(tmp_path / "checked.parquet")
    assert verified(tmp_path / "checked.parquet").to_dict() == labels.to_dict()


@pytest.mark.parametrize("rows, said", [
    ("path,label\na,cat\n", "sample_id is missing"),
    ("sample_id,label\na,cat\nb,\n", "row 2 lacks one"),
    ("sample_id,label\na,cat\na,dog\n", "found a twice"),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tmp_path, rows, said):
    with pytest.raises(SourceError, match=said):
        verified(write(tmp_path / "checked.csv", rows))
