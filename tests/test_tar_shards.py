"""Shards of WebDataset: tar files in which the parts of a sample lie together."""

import io
import json
import tarfile

import pytest

from o2u_nb.data import images, sources
from o2u_nb.data.readers.tar_shards import from_shards
from tests.pictures import PIXELS, fill, labels, problems, refusal

PNG = images.png_bytes(PIXELS)


def shard(path, members: dict[str, bytes | str], mode="w"):
    """Write a tar file with these members; text is encoded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def pairs(*codes: int, start: int = 0) -> dict[str, bytes | str]:
    """Return the members of samples with these class numbers."""
    found: dict[str, bytes | str] = {}
    for number, code in enumerate(codes, start):
        found |= {f"{number:04d}.png": PNG, f"{number:04d}.cls": f"{code}\n"}
    return found


def test_shards_in_a_folder_are_one_data_set(tmp_path):
    shard(tmp_path / "train-0000.tar", pairs(0, 1))
    shard(tmp_path / "train-0001.tar", pairs(1, 0))
    shard(tmp_path / "set-validation-0000.tar", pairs(1, 0))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    read = sources.read(tmp_path)
    assert labels(read) == {
        "set-validation-0000/0000": "dog", "set-validation-0000/0001": "cat",
        "train-0000/0000": "cat", "train-0000/0001": "dog",
        "train-0001/0000": "dog", "train-0001/0001": "cat",
    }  # fmt: skip
    assert read.samples["split"].value_counts().to_dict() == dict(train=4, valid=2)
    assert read.samples["image"].tolist() == [PNG] * 6 and read.problems.empty


def test_a_shard_alone_and_shards_in_folders_of_splits_are_read(tmp_path):
    alone = shard(tmp_path / "train" / "0.tar", pairs(0, 0, 1, 1))
    assert sorted(labels(sources.read(alone)).values()) == ["0", "0", "1", "1"]
    shard(tmp_path / "val" / "1.tar", pairs(0, 1))
    read = sources.read(tmp_path, classes=["cat", "dog"])
    assert read.samples["split"].value_counts().to_dict() == dict(train=4, valid=2)
    assert set(labels(read).values()) == {"cat", "dog"}


def test_labels_are_also_in_json_or_text_and_may_be_named(tmp_path):
    members = {
        "a/1.jpg": PNG, "a/1.json": json.dumps(dict(label="cat", species="lynx", width=5)),
        "a/2.jpg": PNG, "a/2.json": json.dumps(dict(label=1, species="lynx")),
        "a/3.jpg": PNG, "a/3.txt": "dog", "a/3.species": "wolf",
        "a/4.jpg": PNG, "a/4.json": json.dumps(dict(species="wolf", label=None)),
    }  # fmt: skip
    path = shard(tmp_path / "s.tar", members)
    read = sources.read(path, classes=["cat", "dog"])
    assert labels(read) == {"s/a/1": "cat", "s/a/2": "dog", "s/a/3": "dog"}
    assert problems(read)["s/a/4"] == "missing label"
    read = sources.read(path, columns={"label": "species"})
    assert labels(read) == {"s/a/1": "lynx", "s/a/2": "lynx", "s/a/3": "wolf", "s/a/4": "wolf"}


def test_of_several_pictures_one_is_to_be_named(tmp_path):
    members = {}
    for number, label in enumerate(["cat", "dog"] * 2):
        members |= {f"{number}.left.png": PNG, f"{number}.right.png": b"damaged",
                    f"{number}.cls": label}  # fmt: skip
    path = shard(tmp_path / "s.tar", members)
    assert "several pictures, left.png and right.png: name one with columns=" in refusal(path)
    assert len(sources.read(path, columns={"image": "left.png"}).samples) == 4


def test_what_cannot_be_used_is_a_problem(tmp_path):
    members = pairs(0, 1, 0, 1) | {"5.cls": "1", "6.png": PNG, "7.png": b"no", "7.cls": "0"}
    path = shard(tmp_path / "s.tar", members | {"README": "read me", ".hidden.png": PNG})
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("8.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    read = sources.read(path)
    assert len(read.samples) == 4
    assert problems(read) == {
        "s/5": "unreadable image", "s/6": "missing label", "s/7": "unreadable image",
        "s/8.png": "not an image file", "s/README": "not an image file",
    }  # fmt: skip


def test_names_that_lead_out_of_the_tar_are_names_only(tmp_path):
    members = {}
    for name in ("../../x/1", "/etc/2", "a/../3", "4"):
        members |= {f"{name}.png": PNG, f"{name}.cls": "cat" if "x" in name else "dog"}
    read = sources.read(shard(tmp_path / "in" / "s.tar", members))
    assert len(read.samples) == 4 and sorted(path.name for path in tmp_path.rglob("*")) == [
        "in", "s.tar",
    ]  # fmt: skip


FAULTS = {
    "packed": ("s.tar.gz", "w:gz", pairs(0, 1), "is packed: unpack it"),
    "twice": ("s.tar", "w", {"a/1.png": PNG, "a/1.PNG": PNG}, "holds 'a/1.PNG' twice"),
    "empty": ("s.tar", "w", {}, "no samples in"),
    "json": ("s.tar", "w", pairs(0) | {"9.png": PNG, "9.json": "{"}, "is not JSON"),
    "list": ("s.tar", "w", {"9.png": PNG, "9.json": '{"label": [1, 2]}'}, "expected one class"),
    "bytes": ("s.tar", "w", {"9.png": PNG, "9.cls": b"\xff\xfe"}, "is not UTF-8 text"),
    "large label": ("s.tar", "w", {"9.png": PNG, "9.cls": "x" * (10**6 + 1)}, "1,000,001 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_shard_with_a_fault_is_refused_in_one_line(fault, tmp_path):
    name, mode, members, said = FAULTS[fault]
    assert said in refusal(shard(tmp_path / name, members, mode))


@pytest.mark.parametrize("code", ["2", "-1"])
def test_a_class_number_without_a_name_is_refused(code, tmp_path):
    path = shard(tmp_path / "s.tar", pairs(0, 1) | {"9.png": PNG, "9.cls": code})
    assert f"class number {code}, and there are 2 names" in refusal(path, classes=["a", "b"])


@pytest.mark.parametrize("keep", [0.3, 0.62, 0.97])
def test_a_shard_that_is_cut_is_refused(keep, tmp_path):
    path = shard(tmp_path / "s.tar", pairs(0, 1, 0, 1) | {"5.png": PNG * 200, "5.cls": "1"})
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole[: int(keep * len(whole))])
    assert "cannot read the shard" in refusal(path)


def test_what_is_no_tar_is_refused(tmp_path):
    (tmp_path / "s.tar").write_bytes(b"not a tar" * 200)
    assert "cannot read the shard" in refusal(tmp_path / "s.tar")


def test_archives_beside_class_folders_are_left_alone(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
    shard(tmp_path / "download.tar", pairs(0, 1))
    assert set(sources.read(tmp_path).samples["label"]) == {"cat", "dog"}


def test_many_pictures_are_announced_before_they_are_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("o2u_nb.data.readers.fetching.LARGE", 300)
    path = shard(tmp_path / "s.tar", pairs(0, 1, 0, 1))
    told = []
    with pytest.warns(UserWarning, match="4 pictures of .*s.tar come without files"):
        from_shards([path], progress=lambda done, total: told.append((done, total)))
    assert (4, 4) in told
