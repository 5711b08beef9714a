"""Clothing1M and WebVision, on small imitations of the layouts in which they come."""

import pytest

from o2u_nb.data.readers.web_sets import clothing1m_truth, from_clothing1m, from_webvision
from o2u_nb.errors import SourceError
from tests.pictures import fill, labels


def clothing(root, folder="annotations"):
    """Two pictures of each class, one of which experts have labelled, too, and four others."""
    fill(root, "images/0/00/1.jpg", "images/0/00/2.jpg", "images/1/01/3.jpg", "images/1/01/4.jpg",
         *(f"images/9/99/{number}.jpg" for number in range(5, 9)))  # fmt: skip
    lists = root / folder
    lists.mkdir(exist_ok=True)
    noisy = {"images/0/00/1.jpg": 0, "images/0/00/2.jpg": 1, "images/1/01/3.jpg": 1,
             "images/1/01/4.jpg": 0}  # fmt: skip
    test = {"images/9/99/5.jpg": 1, "images/9/99/6.jpg": 1, "images/9/99/7.jpg": 0,
            "images/9/99/8.jpg": 0}  # fmt: skip
    clean = {"images/0/00/2.jpg": 0, **test}
    for name, entries in {"noisy_label_kv": noisy, "clean_label_kv": clean}.items():
        text = "".join(f"{path} {code}\n" for path, code in entries.items())
        (lists / f"{name}.txt").write_text(text)
    (lists / "noisy_train_key_list.txt").write_text("\n".join(noisy) + "\n")
    (lists / "clean_test_key_list.txt").write_text("\n".join(test) + "\n")
    (lists / "category_names_eng.txt").write_text("T-Shirt\nDown Coat\n")
    return root


@pytest.mark.parametrize("folder", ["annotations", "."])
def test_clothing1m_is_read_by_its_lists(tmp_path, folder):
    found = from_clothing1m(clothing(tmp_path, folder))
    assert labels(found) == {
        "images/0/00/1.jpg": "T-Shirt", "images/0/00/2.jpg": "Down Coat",
        "images/1/01/3.jpg": "Down Coat", "images/1/01/4.jpg": "T-Shirt",
    }  # fmt: skip
    assert set(found.samples["split"]) == {"noisy_train"}
    test = from_clothing1m(tmp_path, split="clean_test")
    assert labels(test)["images/9/99/5.jpg"] == "Down Coat" and len(test.samples) == 4


def test_the_labels_of_experts_tell_which_noisy_ones_are_wrong(tmp_path):
    samples = from_clothing1m(clothing(tmp_path)).samples
    truth = clothing1m_truth(tmp_path).reindex(samples.index).dropna()
    wrong = samples.loc[truth.index, "label"] != truth
    assert wrong.to_dict() == {"images/0/00/2.jpg": True}


def test_lists_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"noisy_train_key_list.txt"):
        from_clothing1m(tmp_path)
    clothing(tmp_path)
    with pytest.raises(SourceError, match=r"no split 'noisy'.*clean_val"):
        from_clothing1m(tmp_path, split="noisy")
    lists = tmp_path / "annotations"
    (lists / "noisy_label_kv.txt").write_text("images/0/00/1.jpg 0\n")
    with pytest.raises(SourceError, match=r"no label for 3 of the 4 .*images/0/00/2.jpg"):
        from_clothing1m(tmp_path)
    (lists / "noisy_label_kv.txt").write_text("images/0/00/1.jpg zero\n")
    with pytest.raises(SourceError, match=r"line 1.*zero"):
        from_clothing1m(tmp_path)
    (lists / "clean_label_kv.txt").write_text("images/9/99/5.jpg 7\n")
    with pytest.raises(SourceError, match=r"class 7.*2 classes"):
        clothing1m_truth(tmp_path)


def webvision(root, place="val_images_256"):
    fill(root, "google/q0001/a b.jpg", "google/q0001/c.jpg", "google/q0002/d.jpg",
         "google/q0003/e.jpg", *(f"{place}/val{k}.jpg" for k in range(4)))  # fmt: skip
    info = root / "info"
    info.mkdir()
    (info / "synsets.txt").write_text("n1 crane, bird\nn2 goldfish, Carassius\nn3 crane\n")
    (info / "train_filelist_google.txt").write_text(
        "google/q0001/a b.jpg 0\ngoogle/q0001/c.jpg 1\ngoogle/q0002/d.jpg 1\ngoogle/q0003/e.jpg 2\n"
    )
    (info / "val_filelist.txt").write_text("val0.jpg 0\nval1.jpg 1\nval2.jpg 1\nval3.jpg 0\n")
    return root


def test_webvision_is_read_by_its_lists_and_classes_of_one_name_are_told_apart(tmp_path):
    found = from_webvision(webvision(tmp_path))
    assert labels(found) == {
        "google/q0001/a b.jpg": "crane (0)", "google/q0001/c.jpg": "goldfish",
        "google/q0002/d.jpg": "goldfish", "google/q0003/e.jpg": "crane (2)",
    }  # fmt: skip
    first = from_webvision(tmp_path, n_classes=2)
    assert "google/q0003/e.jpg" not in first.samples.index


@pytest.mark.parametrize("place", ["val_images_256", "val_images"])
def test_the_validation_pictures_of_webvision_are_found_where_they_were_unpacked(tmp_path, place):
    found = from_webvision(webvision(tmp_path, place), split="val")
    assert labels(found)[f"{place}/val1.jpg"] == "goldfish" and len(found.samples) == 4


def test_a_list_that_is_no_text_is_refused(tmp_path):
    webvision(tmp_path)
    (tmp_path / "info" / "synsets.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"synsets\.txt"):
        from_webvision(tmp_path)
