"""The labels that a review has verified, by sample."""

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
