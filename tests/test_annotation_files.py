"""The annotations that COCO, Label Studio and FiftyOne keep, read as one class for each picture."""

import json

import pytest

from o2u_nb.audit import Audit
from o2u_nb.data import sources
from o2u_nb.errors import SourceError
from o2u_nb.exchange import write_label_studio
from tests.audits import write_audit
from tests.pictures import fill, labels, problems, refusal

NAMES = ["a/1.png", "a/2.png", "b/3.png", "b/4.png"]


def write(root, name: str, value) -> str:
    (root / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return str(root / name)


def require_refused(root, value, said: str) -> None:
    """Read a file with `value`, and find one line that names the file and says `said`."""
    fill(root, *NAMES)
    with pytest.raises(SourceError, match=said) as caught:
        sources.read(write(root, "labels.json", value))
    assert "labels.json" in str(caught.value) and "\n" not in str(caught.value)


# COCO


def coco(**changed) -> dict:
    """A COCO file in which the pictures of b are dogs; ids start at 10, and categories at 1."""
    value = dict(
        info={},
        images=[dict(id=10 + k, file_name=name, width=5, height=6) for k, name in enumerate(NAMES)],
        categories=[dict(id=1, name="cat", supercategory=""), dict(id=7, name="dog")],
        annotations=[
            dict(id=k, image_id=10 + k, category_id=1 if k < 2 else 7, bbox=[0, 0, 5, 6])
            for k in range(4)
        ],
    )
    return value | changed


@pytest.mark.parametrize("above", [False, True])
def test_a_coco_file_gives_each_picture_the_name_of_its_category(tmp_path, above):
    root = fill(tmp_path / "pictures", *NAMES)
    file = write(tmp_path if above else root, "annotations.json", coco())
    read = sources.read(root, file) if above else sources.read(file)
    assert labels(read) == {"a/1.png": "cat", "a/2.png": "cat", "b/3.png": "dog", "b/4.png": "dog"}
    assert read.problems.empty


def test_several_categories_of_a_picture_are_a_conflict_and_none_is_a_missing_label(tmp_path):
    fill(tmp_path, *NAMES, "c/5.png", "c/6.png")
    value = coco()
    value["images"] += [dict(id=20, file_name="c/5.png"), dict(id=21, file_name="c/6.png")]
    value["annotations"] += [
        dict(image_id=20, category_id=1), dict(image_id=20, category_id=7),
        dict(image_id=10, category_id=1),  # the same again: two cats in one picture
    ]  # fmt: skip
    read = sources.read(write(tmp_path, "c.json", value))
    assert sorted(labels(read)) == NAMES
    assert problems(read) == {"c/5.png": "conflicting labels", "c/6.png": "missing label"}


IMAGE = dict(id=10, file_name="a/1.png")
COCO_FAULTS = {
    "no categories": (coco(categories=None), "'categories' should be a list"),
    "no annotations": (coco(annotations=[]), "without annotations"),
    "images are no list": (coco(images={}), "'images' should be a list of objects, found dict"),
    "no id": (coco(images=[dict(file_name="a/1.png")]), r"images\[0\] has no 'id'"),
    "no name": (coco(images=[dict(id=1)]), r"images\[0\] has no 'file_name'"),
    "ids twice": (coco(images=[IMAGE, IMAGE]), "two of its images have the id 10"),
    "categories twice": (
        coco(categories=[dict(id=1, name="cat"), dict(id=1, name="dog")]),
        "two of its categories have the id 1",
    ),
    "names twice": (
        coco(categories=[dict(id=1, name="cat"), dict(id=7, name="cat")]),
        "two of its categories are called 'cat'",
    ),
    "no such image": (
        coco(annotations=[dict(image_id=99, category_id=1)]),
        r"annotations\[0\] has the image_id 99, which is not among its images",
    ),
    "no such category": (
        coco(annotations=[dict(image_id=10, category_id=2)]),
        r"annotations\[0\] has the category_id 2, which is not among its categories",
    ),
    "no category": (coco(annotations=[dict(image_id=10)]), "has no 'category_id'"),
    "a list as id": (coco(annotations=[dict(image_id=[], category_id=1)]), "has no 'image_id'"),
    "above": (coco(images=[dict(id=10, file_name="../x.png")]), "outside of the folder"),
    "absolute": (coco(images=[dict(id=10, file_name="/etc/passwd")]), "outside of the folder"),
    "no JSON": ('{"images": [', "cannot read"),
    "deep": ('{"images": ' + "[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize("fault", COCO_FAULTS)
def test_a_coco_file_with_a_fault_is_refused_in_one_line(fault, tmp_path):
    require_refused(tmp_path, *COCO_FAULTS[fault])


# Label Studio


def choice(*chosen: str, control: str = "species", **more) -> dict:
    part = dict(from_name=control, to_name="image", type="choices", value={"choices": [*chosen]})
    return dict(result=[part], **more)


def tasks(**annotations) -> list[dict]:
    """Tasks with these annotations of the pictures 1 to 4; by default, those of b are dogs."""
    addresses = [f"/data/local-files/?d={name}" for name in NAMES]
    return [
        dict(
            id=100 + k,
            data=dict(image=address),
            annotations=annotations.get(f"of_{k + 1}", [choice("cat" if k < 2 else "dog")]),
        )
        for k, address in enumerate(addresses)
    ]


def test_the_choices_of_label_studio_are_labels(tmp_path):
    read = sources.read(write(fill(tmp_path, *NAMES), "export.json", tasks()))
    assert labels(read) == {"a/1.png": "cat", "a/2.png": "cat", "b/3.png": "dog", "b/4.png": "dog"}
    assert read.problems.empty


@pytest.mark.parametrize(
    "address, place",
    [
        ("a%20b.png", "a%20b.png"),
        ("/data/local-files/?d=x/a%20b.png", "x/a b.png"),
        ("http://localhost:8080/data/local-files/?d=x/a%20b.png", "x/a b.png"),
        ("/data/upload/3/5f2a-b.png", "upload/3/5f2a-b.png"),
        ("cats/b.png", "cats/b.png"),
    ],
)
def test_the_addresses_of_label_studio_lead_to_files(address, place, tmp_path):
    fill(tmp_path, *NAMES, place)
    value = tasks()
    value[0]["data"] = dict(picture=address, text="what it shows")
    read = sources.read(write(tmp_path, "export.json", value))
    assert labels(read)[place] == "cat" and len(read.samples) == 4


def test_annotators_who_differ_are_a_conflict_and_skipped_ones_do_not_count(tmp_path):
    fill(tmp_path, *NAMES, "c/5.png", "c/6.png")
    value = tasks(
        of_1=[choice("cat"), choice("dog", was_cancelled=True), choice("cat")],
        of_2=[choice("cat"), choice("dog")],
    )
    value += [
        dict(id=1, data=dict(image="c/5.png"), annotations=[]),
        dict(id=2, data=dict(image="c/6.png"), annotations=[choice("cat", "dog")]),
    ]
    read = sources.read(write(tmp_path, "export.json", value))
    assert sorted(labels(read)) == ["a/1.png", "b/3.png", "b/4.png"]
    assert problems(read) == {
        "a/1.png": "class with one sample", "a/2.png": "conflicting labels",
        "c/5.png": "missing label", "c/6.png": "conflicting labels",
    }  # fmt: skip


def test_of_several_controls_one_is_to_be_named(tmp_path):
    fill(tmp_path, *NAMES)
    value = tasks()
    for number, task in enumerate(value):
        task["annotations"] += [choice("sharp" if number % 2 else "blurred", control="quality")]
    file = write(tmp_path, "export.json", value)
    assert "no column 'label'; it has: 'path', 'species', 'quality'" in refusal(file)
    read = sources.read(file, columns={"label": "quality"})
    assert labels(read)["a/1.png"] == "blurred" and labels(read)["a/2.png"] == "sharp"


def test_tasks_of_this_package_come_back_with_their_ids(tmp_path):
    audit = Audit.open(write_audit(tmp_path / "audit", n=8, images=tmp_path / "images"))
    value = json.loads(write_label_studio(audit, tmp_path / "t.json", root=tmp_path).read_text())
    for task in value:
        task["annotations"] = [choice(task["data"]["given_label"])]
    read = sources.read(tmp_path, write(tmp_path, "export.json", value))
    assert labels(read) == audit.samples["label"].to_dict()


PART = dict(from_name="species", type="choices")
STUDIO_FAULTS = {
    "ids twice": ([tasks()[0]] * 2, "two of its tasks have the id 100"),
    "no data": ([tasks()[0], dict(id=3, annotations=[])], "task 2 has no data or no annotations"),
    "no annotations": ([tasks()[0], dict(id=3, data={})], "task 2 has no data or no annotations"),
    "no result": (tasks(of_2=[{}]), "task 2 has an annotation without a result"),
    "no type": (tasks(of_1=[dict(result=[{}])]), "task 1 .* without a type"),
    "no value": (tasks(of_1=[dict(result=[PART])]), "task 1 has choices without a list"),
    "numbers": (
        tasks(of_1=[dict(result=[PART | dict(value=dict(choices=[1]))])]),
        "task 1 has a choice that is not text: 1",
    ),
    "boxes alone": (
        [tasks()[0] | dict(annotations=[dict(result=[dict(type="rectanglelabels")])])],
        "without any choice",
    ),
    "on the web": ([tasks()[0] | dict(data=dict(image="https://x.org/a.png"))], "nothing is fetch"),
    "in a bucket": ([tasks()[0] | dict(data=dict(image="s3://x/a.png"))], "nothing is fetched"),
    "above": ([tasks()[0] | dict(data=dict(image="/data/local-files/?d=../a.png"))], "outside of"),
    "absolute": ([tasks()[0] | dict(data=dict(image="/etc/a.png"))], "outside of the folder"),
    "without a picture": ([tasks()[0] | dict(data=dict(text="a"))], "0 look like the name"),
    "a control called path": (tasks(of_1=[choice("cat", control="path")]), "rename it"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STUDIO_FAULTS)
def test_an_export_of_label_studio_with_a_fault_is_refused_in_one_line(fault, tmp_path):
    require_refused(tmp_path, *STUDIO_FAULTS[fault])


# FiftyOne


def fiftyone(root, classes=("cat", "dog"), **labels):
    """Write an export with the pictures `NAMES` in data, some of which get these labels."""
    fill(root / "data", *NAMES)
    numbers = {"a/1": 0, "a/2": 0, "b/3": 1, "b/4": 1} | labels
    write(root, "labels.json", dict(classes=classes and [*classes], labels=numbers))
    return root


LABELS = {
    "data/a/1.png": "cat",
    "data/a/2.png": "cat",
    "data/b/3.png": "dog",
    "data/b/4.png": "dog",
}


def test_an_export_of_fiftyone_is_read_from_its_folder(tmp_path):
    read = sources.read(fiftyone(tmp_path))
    assert labels(read) == LABELS and read.problems.empty


def test_labels_of_fiftyone_may_be_names_or_hold_more_than_a_name(tmp_path):
    more = {"a/2": dict(label="cat", confidence=0.9, attributes={}), "b/4": dict(label=1)}
    names = {"a/1": "cat", "b/3": "dog"}
    assert labels(sources.read(fiftyone(tmp_path / "a", **more, **names))) == LABELS
    without = {"a/2": "cat", "b/4": "dog"} | names
    assert labels(sources.read(fiftyone(tmp_path / "b", classes=None, **without))) == LABELS


def test_folders_of_splits_may_each_be_an_export(tmp_path):
    fiftyone(tmp_path / "train")
    fiftyone(tmp_path / "validation")
    read = sources.read(tmp_path)
    assert read.samples["split"].value_counts().to_dict() == dict(train=4, valid=4)
    assert labels(read)["validation/data/b/4.png"] == "dog"


def test_pictures_and_labels_that_are_not_there_are_problems(tmp_path):
    root = fiftyone(tmp_path, **{"c/9": 1, "a/1": None})
    fill(root / "data", "a/5.png")
    read = sources.read(root)
    assert problems(read) == {
        "data/a/1.png": "missing label", "data/a/2.png": "class with one sample",
        "data/c/9": "file not found",
    }  # fmt: skip


FIFTYONE_FAULTS = {
    "number too large": (dict(b3=2), "class number 2, and 'classes' has 2 names"),
    "number below zero": (dict(b3=-1), "class number -1"),
    "several labels": (dict(b3=[0, 1]), "expected one class"),
    "true": (dict(b3=True), "expected one class"),
    "above": ({"../../x": 1}, "outside of the folder"),
    "absolute": ({"/etc/x": 1}, "outside of the folder"),
}


@pytest.mark.parametrize("fault", FIFTYONE_FAULTS)
def test_an_export_of_fiftyone_with_a_fault_is_refused_in_one_line(fault, tmp_path):
    changed, said = FIFTYONE_FAULTS[fault]
    changed = {name.replace("b3", "b/3"): label for name, label in changed.items()}
    assert said in refusal(fiftyone(tmp_path, **changed))


def test_other_faults_of_an_export_of_fiftyone_are_said(tmp_path):
    root = fiftyone(tmp_path)
    for text in (
        "{",
        "[]",
        '{"labels": {}}',
        '{"labels": [1]}',
        '{"classes": 3, "labels": {"x": 1}}',
    ):
        write(root, "labels.json", text)
        assert "as the labels of a FiftyOne export" in refusal(root)
    assert "give the folder that holds it" in refusal(fiftyone(root) / "labels.json")
    fill(root / "data", "a/1.jpg")
    assert "means several files: a/1.jpg, a/1.png" in refusal(root)


def test_a_folder_of_classes_with_a_file_of_that_name_stays_one(tmp_path):
    fill(tmp_path, "data/1.png", "data/2.png", "cat/1.png", "cat/2.png")
    write(tmp_path, "labels.json", "whatever")
    assert set(sources.read(tmp_path).samples["label"]) == {"cat", "data"}
