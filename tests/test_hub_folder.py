"""Repositories of Hugging Face on disk: imagefolders, Parquet and what `save_to_disk` writes."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2u_nb.data import images, sources
from tests.pictures import PIXELS, fill, labels, problems, refusal

PNG = images.png_bytes(PIXELS)
NAMES = ["1.png", "2.png", "x/3.png", "x/4.png"]


def metadata(folder, text: str, name: str = "metadata.csv"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


CSV = "file_name,text,label\n1.png,t,cat\n2.png,t,cat\nx/3.png,t,dog\nx/4.png,t,dog\n"


@pytest.mark.parametrize("above", ["", "train", "data/train", "images"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_imagefolder_has_its_labels_in_metadata(above, kind, tmp_path):
    folder = metadata(fill(tmp_path / above, *NAMES), CSV)
    if kind != "csv":
        table = pd.read_csv(folder / "metadata.csv")
        (folder / "metadata.csv").unlink()
    if kind == "jsonl":
        table.to_json(folder / "metadata.jsonl", orient="records", lines=True)
    if kind == "parquet":
        table.to_parquet(folder / "metadata.parquet")
    read = sources.read(tmp_path)
    place = f"{above}/" if above else ""
    assert labels(read) == {f"{place}{name}": "dog" if name[0] == "x" else "cat" for name in NAMES}
    assert read.problems.empty


def test_each_split_of_an_imagefolder_has_its_own_metadata(tmp_path):
    for split in ("train", "validation", "test"):
        metadata(fill(tmp_path / split, *NAMES), CSV)
    read = sources.read(tmp_path)
    assert read.samples["split"].value_counts().to_dict() == dict(train=4, valid=4, test=4)
    assert labels(read)["validation/x/3.png"] == "dog"


def test_the_column_of_labels_may_be_named(tmp_path):
    text = CSV.replace("text", "species").replace(",t,", ",lynx,", 2).replace(",t,", ",wolf,")
    metadata(fill(tmp_path, *NAMES), text)
    read = sources.read(tmp_path, columns={"label": "species"})
    assert sorted(labels(read).values()) == ["lynx", "lynx", "wolf", "wolf"]
    assert "no column 'file_name' or none" in refusal(tmp_path, columns={"label": "breed"})


def test_pictures_that_are_missing_are_problems(tmp_path):
    metadata(fill(tmp_path, *NAMES), CSV + "9.png,t,dog\n1.png,t,dog\n")
    read = sources.read(tmp_path)
    assert problems(read) == {
        "1.png": "conflicting labels", "2.png": "class with one sample", "9.png": "file not found",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "", "a/../../out.png"])
def test_pictures_outside_of_the_folder_are_refused(name, tmp_path):
    metadata(fill(tmp_path / "in", *NAMES), f"{CSV}{name},t,cat\n")
    said = refusal(tmp_path / "in")
    assert "metadata.csv" in said and ("outside of" in said or "expected the name" in said)


def test_several_labels_of_a_picture_are_refused(tmp_path):
    rows = [dict(file_name=name, label=["cat", "dog"]) for name in NAMES]
    metadata(fill(tmp_path, *NAMES), "\n".join(map(json.dumps, rows)), "metadata.jsonl")
    assert "expected one class for each picture, found ['cat', 'dog']" in refusal(tmp_path)


def test_damaged_metadata_is_refused_and_other_files_of_that_name_are_no_metadata(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    metadata(tmp_path, "what,ever\n1,2\n")
    assert set(sources.read(tmp_path).samples["label"]) == {"cat", "dog"}
    metadata(tmp_path, 'file_name,label\n"a,b\n')
    assert "cannot read" in refusal(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 no")
    assert set(sources.read(tmp_path).samples["label"]) == {"cat", "dog"}


# Files that hold the pictures

FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
}


def table(codes=(0, 0, 1, 1), name="{}.png", features=FEATURES) -> pa.Table:
    rows = [dict(bytes=PNG, path=name.format(k)) for k in range(len(codes))]
    made = pa.table({"image": rows, "label": pa.array(codes, pa.int64())})
    about = {"huggingface": json.dumps(dict(info=dict(features=features)))}
    return made.replace_schema_metadata(about)


@pytest.mark.parametrize("folder", ["", "data"])
def test_parquet_files_with_pictures_are_read_by_their_splits(folder, tmp_path):
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    pq.write_table(table(), place / "train-00000-of-00002.parquet")
    pq.write_table(table(name="b{}.png"), place / "train-00001-of-00002.parquet")
    pq.write_table(table(), place / "validation-00000-of-00001.parquet")
    read = sources.read(tmp_path)
    assert read.samples["split"].value_counts().to_dict() == dict(train=8, valid=4)
    assert labels(read)["train/b3.png"] == "dog" and labels(read)["valid/0.png"] == "cat"
    assert read.samples["image"].iloc[0] == PNG


def test_one_of_several_sets_is_to_be_chosen(tmp_path):
    for name in ("large", "small"):
        (tmp_path / name).mkdir()
        pq.write_table(table(), tmp_path / name / "train-00000-of-00001.parquet")
    assert "2 data sets, in the folders large, small: give one" in refusal(tmp_path)
    assert len(sources.read(tmp_path / "small").samples) == 4


def save_to_disk(folder, made: pa.Table):
    """Write what `Dataset.save_to_disk` writes, as far as it matters here."""
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps(dict(_split=None)))
    (folder / "dataset_info.json").write_text("{}")
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), made.schema) as stream:
        stream.write_table(made)


def test_what_save_to_disk_writes_is_read(tmp_path):
    save_to_disk(tmp_path / "one", table())
    assert sorted(labels(sources.read(tmp_path / "one")).values()) == ["cat", "cat", "dog", "dog"]
    for split in ("train", "test"):
        save_to_disk(tmp_path / "two" / split, table())
    (tmp_path / "two" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    read = sources.read(tmp_path / "two")
    assert read.samples["split"].value_counts().to_dict() == dict(train=4, test=4)
    arrow = tmp_path / "one" / "data-00000-of-00001.arrow"
    arrow.write_bytes(arrow.read_bytes()[:300])
    assert "cannot read" in refusal(tmp_path / "one")


@pytest.mark.parametrize("codes", [(0, 0, 1, 2), (0, 0, 1, -1)])
def test_a_number_without_a_name_is_kept_as_a_class_of_its_own(codes, tmp_path):
    pq.write_table(table(codes), tmp_path / "train.parquet")
    read = sources.read(tmp_path)
    assert labels(read)["3.png"] == str(codes[3])
    assert problems(read)["3.png"] == "class with one sample"


def test_a_table_beside_class_folders_is_left_alone(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    pd.DataFrame(dict(path=["cat/1.png"], label=["cat"])).to_parquet(tmp_path / "t.parquet")
    assert len(sources.read(tmp_path).samples) == 4


def test_encoding_is_for_text_alone(tmp_path):
    pq.write_table(table(), tmp_path / "train.parquet")
    assert "none is given" in refusal(tmp_path, encoding="cp1252")
