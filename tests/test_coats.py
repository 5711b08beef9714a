"""The coats: the same everywhere, hard enough, and planted as promised."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from o2u_nb.data import coats
from o2u_nb.data.coats import CLASSES, LOOK_ALIKES, generate, planted, write_folder
from o2u_nb.data.images import load_image
from o2u_nb.errors import OutputError


def test_ten_balanced_classes_with_look_alikes():
    _, labels = generate(40)
    assert len(CLASSES) == 10 and {"leopard", "jaguar", "cheetah", "tiger"} <= set(CLASSES)
    assert all((labels == label).sum() == 4 for label in CLASSES)
    assert list(coats.COATS) == list(LOOK_ALIKES) == list(CLASSES)
    for label, alike in LOOK_ALIKES.items():
        assert label not in alike and set(alike) <= set(CLASSES)


def test_pictures_depend_on_seed_and_number_only():
    few, _ = generate(12, seed=4)
    many, _ = generate(25, seed=4)
    other, _ = generate(12, seed=5)
    np.testing.assert_array_equal(few, many[:12])
    assert few.dtype == np.uint8 and few.shape == (12, 48, 48, 3)
    assert all(not np.array_equal(a, b) for a, b in zip(few, other, strict=True))
    assert len({hashlib.sha256(picture.tobytes()).digest() for picture in many}) == 25


def test_size_can_be_chosen():
    assert generate(1, size=32)[0].shape == (1, 32, 32, 3)


def test_pictures_are_neither_flat_nor_burnt_out():
    pictures, _ = generate(100, seed=2)
    assert (pictures.reshape(100, -1).std(1) > 8).all()
    assert ((pictures == 255).mean((1, 2, 3)) < 0.6).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_pixels_alone_do_not_tell_the_coat():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    pictures, labels = generate(1200, seed=1)
    pixels = StandardScaler().fit_transform(pictures.reshape(1200, -1).astype(np.float32))
    model = LogisticRegression(C=1e-3, max_iter=30).fit(pixels[:800], labels[:800])
    accuracy = model.score(pixels[800:], labels[800:])
    assert 0.15 < accuracy < 0.8  # better than chance, far from enough


def test_noise_is_exact_and_mostly_between_look_alikes():
    true = np.array(CLASSES * 200)
    given = planted(true, 0.25, np.random.default_rng(0))
    wrong = given != true
    assert wrong.sum() == 500
    alike = [g in LOOK_ALIKES[t] for g, t in zip(given[wrong], true[wrong], strict=True)]
    expected = 0.7 + 0.3 * 2 / 9  # any other class is a look-alike in two of nine cases
    assert abs(np.mean(alike) - expected) < 0.06
    assert (planted(true, 0.0, np.random.default_rng(0)) == true).all()
    with pytest.raises(ValueError, match="from 0 to 1"):
        planted(true, 1.5, np.random.default_rng(0))


def test_folder_holds_the_pictures_under_their_given_labels(tmp_path):
    root = write_folder(tmp_path / "coats", n=30, seed=6, noise=0.2)
    pictures, true = generate(30, seed=6)
    table = pd.read_csv(root / "truth.csv")
    assert list(table.columns) == ["sample_id", "label", "true_label"]
    assert (table["label"] != table["true_label"]).sum() == 6
    found = {p.relative_to(root / "images").as_posix() for p in (root / "images").rglob("*.png")}
    assert found == set(table["sample_id"])
    for row in table.itertuples():
        number = int(row.sample_id.rsplit("_", 1)[1].removesuffix(".png"))
        assert row.sample_id.startswith(f"{row.label}/") and row.true_label == true[number]
        picture = np.asarray(load_image(root / "images" / row.sample_id))
        np.testing.assert_array_equal(picture, pictures[number])
    assert not list((root / "images").rglob("truth*"))  # no detector can read it


def test_the_same_call_writes_the_same_files_and_finishes_a_killed_one(tmp_path, monkeypatch):
    whole = write_folder(tmp_path / "whole", n=20)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(coats.pd.DataFrame, "to_csv", killed)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "half", n=20)
    assert not (tmp_path / "half" / "truth.csv").exists()
    monkeypatch.undo()
    again = write_folder(tmp_path / "half", n=20)
    for path in whole.rglob("*.*"):
        assert path.read_bytes() == (again / path.relative_to(whole)).read_bytes()


def test_a_second_process_that_writes_the_same_coats_takes_none_away(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "coats", n=20)
    whole = {p.name for p in root.glob("images/*/*.png")}
    kept = []
    real = coats.atomic.replacing

    def watched(*args, **options):
        kept.append({p.name for p in root.glob("images/*/*.png")} == whole)
        return real(*args, **options)

    monkeypatch.setattr(coats.atomic, "replacing", watched)
    write_folder(root, n=20)
    assert len(kept) == 21 and all(kept)
    other = write_folder(root, n=20, seed=1, noise=0.5)  # other labels: what is left over goes
    found = {p.relative_to(other / "images").as_posix() for p in other.glob("images/*/*.png")}
    assert found == set(pd.read_csv(other / "truth.csv")["sample_id"])


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        write_folder(tmp_path, n=10)
    (tmp_path / "other" / "images" / "dogs").mkdir(parents=True)
    with pytest.raises(OutputError, match="dogs"):
        write_folder(tmp_path / "other", n=10)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        write_folder(tmp_path / "file" / "coats", n=10)


def test_progress_is_told():
    heard = []
    generate(3, progress=lambda *at: heard.append(at))
    assert heard == [(1, 3), (2, 3), (3, 3)]
