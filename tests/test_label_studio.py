"""Tasks of Label Studio are as its format is documented, and annotations come back as decisions."""

import json
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from o2u_nb import exchange
from o2u_nb.errors import ApplyError, SourceError
from o2u_nb.review.session import ReviewSession
from tests.audits import write_audit


@pytest.fixture
def session(tmp_path) -> ReviewSession:
    return ReviewSession(
        write_audit(tmp_path / "audit", images=tmp_path / "my images"), reviewer="ann"
    )


def tasks_of(session: ReviewSession, folder, **options) -> list[dict]:
    path = exchange.write_label_studio(session.audit, folder / "tasks.json", **options)
    return json.loads(path.read_text(encoding="utf-8"))


def annotation(label: str, **more) -> dict:
    part = dict(from_name="label", to_name="image", type="choices", value={"choices": [label]})
    return dict(result=[part], **more)


def exported(session: ReviewSession, folder, annotations: dict[str, list]):
    """Write what Label Studio exports: the tasks that it got, with annotations beside them."""
    tasks = tasks_of(session, folder)
    for task in tasks:
        task["annotations"] = annotations.get(task["data"]["sample_id"], [])
    path = folder / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_tasks_hold_the_ranking_and_lead_to_the_pictures(session, tmp_path):
    tasks, scores = tasks_of(session, tmp_path, root=tmp_path), session.audit.scores
    assert [task["data"]["rank"] for task in tasks] == list(range(1, len(scores) + 1))
    for task in tasks:
        data, row = task["data"], scores.loc[task["data"]["sample_id"]]
        assert data["given_label"] == row["label"] and data["score"] == row["score"]
        place = data["image"].removeprefix("/data/local-files/?d=")
        assert "%20" in place and (tmp_path / unquote(place)).is_file()
        assert unquote(place) == f"my images/{data['sample_id']}"
    first, best = tasks[0]["predictions"][0], scores.iloc[0]
    assert first["score"] == best["p_wrong"]
    assert first["result"][0]["value"] == {"choices": [best["suggested_label"]]}


def test_the_interface_has_the_names_and_choices_of_the_predictions(session, tmp_path):
    view = ElementTree.fromstring(exchange.label_studio_interface(session.audit))
    result = tasks_of(session, tmp_path)[0]["predictions"][0]["result"][0]
    assert view.find("Choices").get("name") == result["from_name"]
    assert view.find("Choices").get("toName") == view.find("Image").get("name")
    assert result["to_name"] == view.find("Image").get("name")
    assert [choice.get("value") for choice in view.iter("Choice")] == session.audit.trace.classes


def test_annotations_come_back_as_decisions(session, tmp_path):
    made = {
        "cheetah/0000000.png": [annotation("tiger")],
        "cheetah/0000004.png": [annotation("cheetah")],
        "jaguar/0000001.png": [annotation("tiger"), annotation("cheetah")],
        "jaguar/0000005.png": [annotation("tiger", was_cancelled=True)],
    }
    decided = exchange.from_label_studio(session, exported(session, tmp_path, made))
    assert sorted(decided) == sorted(made)[:3]
    actions = {id: session.decisions.current(id) for id in made}
    assert [event and event.action for event in actions.values()] == [
        "relabel", "keep", "unsure", None,
    ]  # fmt: skip
    assert actions["cheetah/0000000.png"].new_label == "tiger"


@pytest.mark.parametrize("label", ["lion", "Tiger"])
def test_nothing_is_recorded_where_one_label_is_unknown(label, session, tmp_path):
    made = {
        "cheetah/0000000.png": [annotation("tiger")],
        "cheetah/0000004.png": [annotation(label)],
    }
    with pytest.raises(SourceError, match=f"labels.*{label}"):
        exchange.from_label_studio(session, exported(session, tmp_path, made))
    assert session.decisions.current("cheetah/0000000.png") is None


@pytest.mark.parametrize(
    "text", ["{", "{}", "[1]", '[{"data": {}}]', '[{"data": {"sample_id": 1}, "annotations": []}]']
)
def test_other_files_are_refused(text, session, tmp_path):
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=r"other\.json"):
        exchange.from_label_studio(session, tmp_path / "other.json")


def test_pictures_outside_of_the_served_folder_and_pixels_are_refused(session, tmp_path):
    with pytest.raises(ApplyError, match=r"found .*my images"):
        tasks_of(session, tmp_path, root=tmp_path / "audit")
    pixels = ReviewSession(write_audit(tmp_path / "pixels"), reviewer="ann")
    with pytest.raises(ApplyError, match="no files"):
        tasks_of(pixels, tmp_path)
