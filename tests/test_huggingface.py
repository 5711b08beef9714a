"""Data sets of dicts, as Hugging Face has them, and their Parquet."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from o2u_nb.data import images, sources
from o2u_nb.errors import SourceError
from tests.pictures import PIXELS, fill, labels, problems, put, refusal, stacked

PNG = images.png_bytes(PIXELS)


class ClassLabel:
    """A feature of class numbers, under the name that tells it."""

    def __init__(self, *names):
        self.names = list(names)


class Image_:
    """A feature of pictures; decoded unless told otherwise."""

    def __init__(self, decode=True):
        self.decode = decode


Image_.__name__ = "Image"


class Rows:
    """What `datasets.Dataset` answers: rows of encoded pictures, which it decodes on demand."""

    def __init__(self, rows, features, split=None):
        self.rows, self.features, self.split = rows, features, split

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, position):
        row = dict(self.rows[position])
        for feature in self.features.values():
            if isinstance(feature, Image_) and feature.decode:
                raise AssertionError("decoded, although encoded pictures were to be had")
        return row

    def cast_column(self, name, feature):
        return Rows(self.rows, self.features | {name: feature}, self.split)

    def select(self, positions):
        return Rows([self.rows[row] for row in positions], self.features, self.split)


def encoded(count=4, **more) -> list[dict]:
    return [
        {"image": {"bytes": PNG, "path": f"{n}.png"}, "label": n % 2, **more} for n in range(count)
    ]


def features(**more):
    return {"image": Image_(), "label": ClassLabel("cat", "dog"), **more}


def test_names_come_from_the_class_label_and_ids_from_the_paths():
    checked = sources.read(Rows(encoded(), features(), split="validation"))
    assert labels(checked) == {"0.png": "cat", "1.png": "dog", "2.png": "cat", "3.png": "dog"}
    assert checked.samples["image"].tolist() == [PNG] * 4
    assert set(checked.samples["split"]) == {"valid"} and checked.problems.empty


def test_pictures_that_are_files_stay_files(tmp_path):
    names = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]
    fill(tmp_path, *names)
    rows = [
        {"image": {"bytes": None, "path": str(tmp_path / name)}, "label": int(name[0] == "d")}
        for name in names
    ]
    checked = sources.read(Rows(rows, features()))
    assert labels(checked) == {name: {"c": "cat", "d": "dog"}[name[0]] for name in names}
    assert checked.samples.loc["dog/1.png", "path"] == str(tmp_path / "dog/1.png")


def test_splits_in_a_dict_are_read_together():
    splits = {name: Rows(encoded(), features()) for name in ("train", "test")}
    checked = sources.read(splits)
    assert checked.samples["split"].to_dict() == {
        f"{split}/{n}.png": split for split in ("test", "train") for n in range(4)
    }


def test_paths_that_repeat_are_no_ids():
    rows = encoded(4)
    for row in rows:
        row["image"] = row["image"] | {"path": "image.png"}
    assert list(labels(sources.read(Rows(rows, features())))) == [f"train/{n}" for n in range(4)]
    for number, row in enumerate(rows):
        row["key"] = f"k{number}"
    named = sources.read(Rows(rows, features(key=object())), columns={"id": "key"})
    assert list(labels(named)) == ["k0", "k1", "k2", "k3"]


def test_missing_labels_pictures_and_unlabelled_rows_are_problems():
    rows = encoded(8)
    rows[4]["label"] = -1
    rows[5]["label"] = None
    rows[6]["image"] = {"bytes": b"no image", "path": "6.png"}
    rows[7]["image"] = {"bytes": None, "path": "gone.png"}
    assert problems(sources.read(Rows(rows, features()))) == {
        "4.png": "unknown label",
        "5.png": "missing label",
        "6.png": "unreadable image",
        "gone.png": "unreadable image",
    }


def test_columns_of_other_names_are_found_by_type_or_named():
    rows = [{"scan": row["image"], "kind": row["label"], "age": 3} for row in encoded()]
    typed = {"scan": Image_(), "kind": ClassLabel("cat", "dog"), "age": object()}
    assert set(labels(sources.read(Rows(rows, typed))).values()) == {"cat", "dog"}
    plain = Rows(rows, dict.fromkeys(typed))
    message = refusal(plain)
    assert "plainly the image or the label; it has: 'scan', 'kind', 'age'" in message
    checked = sources.read(plain, columns={"image": "scan", "label": "kind"})
    assert set(labels(checked).values()) == {"0", "1"}
    assert "plainly the id" in refusal(Rows(encoded(), features()), columns={"id": "none"})


def test_several_labels_for_a_picture_are_refused():
    rows = [row | {"label": [0, 1]} for row in encoded()]
    assert "one class for each image, found [0, 1]" in refusal(Rows(rows, features()))


class Dicts(list):
    """A data set of dicts that says nothing of its columns."""


def test_dicts_of_decoded_pictures_are_fetched():
    pictures = [Image.fromarray(PIXELS), PIXELS, np.moveaxis(PIXELS / 255, 2, 0)]
    rows = Dicts({"img": picture, "target": n % 2} for n, picture in enumerate(pictures))
    checked = sources.read(rows)
    assert labels(checked) == {"train/0": "0", "train/1": "1", "train/2": "0"}
    assert (stacked(checked) == PIXELS).all()


def test_a_subset_selects_rows_without_decoding_them():
    data = pytest.importorskip("torch.utils.data")
    part = data.Subset(Rows(encoded(), features()), [3, 0])
    assert labels(sources.read(part)) == {"3.png": "dog", "0.png": "cat"}


def test_what_is_empty_or_no_data_set_is_refused():
    assert "nothing in the Rows can be audited" in refusal(Rows([], features()))
    for strange in ({}, {"a": 1}, {"train": [PIXELS]}, []):
        with pytest.raises(SourceError):
            sources.read(strange)


def parquet(path, metadata=None):
    table = pa.Table.from_pandas(pd.DataFrame(encoded()))
    if metadata:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(table, path)
    return path


def test_its_parquet_is_a_source_a_table_of_labels_and_a_data_frame(tmp_path):
    file = parquet(tmp_path / "train.parquet")
    expected = {"0.png": "0", "1.png": "1", "2.png": "0", "3.png": "1"}
    for source in ((file,), (tmp_path, file), (pd.read_parquet(file),)):
        checked = sources.read(*source)
        assert labels(checked) == expected and checked.samples["image"].tolist() == [PNG] * 4
    info = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    named = parquet(tmp_path / "named.parquet", info)
    assert set(labels(sources.read(named)).values()) == {"cat", "dog"}


def test_a_folder_of_parquet_files_says_to_give_one_of_them(tmp_path):
    pd.DataFrame(dict(path=["a.png"], label=["cat"])).to_parquet(tmp_path / "labels.parquet")
    assert "1 file ends in .parquet: give such a table as the source" in refusal(tmp_path)


def test_files_and_encoded_pictures_in_one_column(tmp_path):
    put(tmp_path / "a.png")
    cells = [
        {"bytes": PNG, "path": "b.png"},
        {"bytes": None, "path": "a.png"},
        bytearray(PNG),
        None,
    ]
    frame = pd.DataFrame({"image": cells, "label": list("xyxy")})
    checked = sources.read(frame, root=tmp_path)
    assert labels(checked) == {"0": "x", "1": "y", "2": "x"}
    assert checked.samples.loc["1", "image"] == (tmp_path / "a.png").read_bytes()
    assert problems(checked)["3"] == "unreadable image"


def test_an_image_column_of_paths_is_a_path_column(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    frame = pd.DataFrame({"image": ["a.png", "b.png", None], "label": ["x", "y", "x"]})
    checked = sources.read(frame, root=tmp_path)
    assert labels(checked) == {"a.png": "x", "b.png": "y"} and "path" in checked.samples
    assert problems(checked)[""] == "missing id"


def test_a_path_that_is_a_number_is_a_name_all_the_same():
    frame = pd.DataFrame(
        {"image": [{"bytes": PNG, "path": n} for n in (7, 8)], "label": list("xy")}
    )
    assert labels(sources.read(frame)) == {"7": "x", "8": "y"}
