"""The pixel loader: what a batch holds, when it is augmented, and where the pixels lie."""

import gc

import numpy as np
import pandas as pd
import pytest
import torch

from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.errors import SourceError
from o2u_nb.training.identity import identity
from o2u_nb.training.loaders import (
    PixelData,
    PixelLoader,
    _moves,
    _reflected,
    dataloaders,
    training_size,
)

RAW = (torch.zeros(3), torch.full((3,), 1 / 255))


def samples(n=20, side=8, classes=("ant", "bee"), seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    labels = np.array(classes)[np.arange(n) % len(classes)]
    return from_arrays(pixels, labels, ids=[f"{i:02d}" for i in range(n)]).samples, pixels


def test_clean_batches_are_the_pixels_in_order():
    table, pixels = samples()
    dl = dataloaders(table, size=8, bs=7, device="cpu").train.new(shuffle=False, stats=RAW)
    batches = list(dl)
    assert [len(y) for _, y in batches] == [7, 7, 6]
    found = torch.cat([x for x, _ in batches])
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1).numpy(), pixels)
    np.testing.assert_array_equal(torch.cat([y for _, y in batches]), np.arange(20) % 2)


def test_batches_are_normalised_per_channel():
    table, _ = samples(200)
    dl = dataloaders(table, size=8, bs=200, device="cpu").train.new(shuffle=False)
    x, _ = dl.one_batch()
    np.testing.assert_allclose(x.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(x.std((0, 2, 3)), 1, atol=1e-3)


def test_augmented_pictures_are_shifted_mirrored_originals():
    table, pixels = samples(4, side=8)
    dl = dataloaders(table, size=8, bs=4, crop=2, device="cpu").train.new(stats=RAW)
    data = dl.dataset
    padded = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    seen = set()
    for _ in range(40):
        x, _ = next(iter(dl))
        order = dl._DataLoader__idxs
        for picture, row in zip(x.permute(0, 2, 3, 1).numpy(), order, strict=True):
            shifts = [
                (dy, dx, mirrored)
                for dy in range(5)
                for dx in range(5)
                for mirrored in (False, True)
                if np.array_equal(picture[:, ::-1] if mirrored else picture,
                                  padded[row, dy : dy + 8, dx : dx + 8])
            ]  # fmt: skip
            assert shifts
            seen.update(shifts)
    assert {s[0] for s in seen} == {s[1] for s in seen} == set(range(5))
    assert {s[2] for s in seen} == {False, True}
    np.testing.assert_array_equal(data.pixels.numpy(), pixels)  # the originals are as they were


def test_moves_are_every_window_of_the_padded_picture_and_its_mirror_image():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    lines, within = _moves(5, 7, 3, crop=2, flip=True)
    assert lines.shape == (5, 5) and within.shape == (10, 21)
    for down in range(5):
        moved = picture.reshape(5, 21)[lines[down].numpy()]
        for right in range(5):
            window = padded[down : down + 5, right : right + 7]
            found = moved[:, within[right].numpy()].reshape(5, 7, 3)
            np.testing.assert_array_equal(found, window)
            # the picture is mirrored first, so that it moves to the other side
            found = moved[:, within[9 - right].numpy()].reshape(5, 7, 3)
            np.testing.assert_array_equal(found, window[:, ::-1])


@pytest.mark.parametrize("drop_last", [False, True])
def test_every_pass_is_another_order_of_all_samples_with_their_own_labels(drop_last):
    table, pixels = samples()
    train = dataloaders(table, size=8, bs=6, crop=0, flip=False, device="cpu").train
    dl = train.new(stats=RAW, drop_last=drop_last)
    orders = []
    for _ in range(2):
        batches = list(dl)
        order = list(dl._DataLoader__idxs)
        assert sorted(order) == list(range(20)) and order != sorted(order)
        assert len(batches) == len(dl)
        assert [len(y) for _, y in batches] == [6, 6, 6] + [2] * (not drop_last)
        found = torch.cat([x for x, _ in batches]).permute(0, 2, 3, 1)
        np.testing.assert_array_equal(found, pixels[order[: len(found)]])
        labels = torch.cat([y for _, y in batches])
        np.testing.assert_array_equal(labels, np.array(order[: len(found)]) % 2)
        orders.append(order)
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    "n, bs, drop_last, sizes",
    [
        (21, 5, False, [5, 5, 5, 6]),
        (21, 5, True, [5, 5, 5, 5]),
        (22, 5, False, [5, 5, 5, 5, 2]),
        (20, 5, False, [5, 5, 5, 5]),
        (3, 2, False, [3]),
        (2, 1, False, [1, 1]),
        (1, 5, False, [1]),
        (4, 5, True, []),
    ],
)
def test_no_sample_is_left_alone_in_a_batch(n, bs, drop_last, sizes):
    pixels = samples(30)[1][:n]
    data = PixelData(pixels, np.zeros(n), pd.RangeIndex(n), ["ant"])
    dl = PixelLoader(data, bs=bs, stats=RAW, drop_last=drop_last)
    batches = [x for x, _ in dl]
    assert [len(x) for x in batches] == sizes and len(dl) == len(sizes)
    if sizes:
        found = torch.cat(batches).permute(0, 2, 3, 1)
        np.testing.assert_array_equal(found, pixels[: sum(sizes)])


def test_a_loader_may_draw_some_samples_and_others_twice():
    table, pixels = samples()
    dl = dataloaders(table, size=8, bs=3, device="cpu").train.new(shuffle=False, stats=RAW)
    dl.get_idxs = lambda: [5, 5, 17, 0]
    found = torch.cat([x for x, _ in dl]).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(found, pixels[[5, 5, 17, 0]])


def test_reflection_matches_numpy():
    found = _reflected(torch.arange(-3, 9), 6)
    np.testing.assert_array_equal(found, np.pad(np.arange(6), (3, 3), mode="reflect"))


def test_flip_can_be_turned_off():
    table, pixels = samples(4)
    dl = dataloaders(table, size=8, bs=4, crop=0, flip=False, device="cpu").train.new(stats=RAW)
    x, _ = next(iter(dl))
    order = dl._DataLoader__idxs
    np.testing.assert_array_equal(x.permute(0, 2, 3, 1).numpy(), pixels[order])


@pytest.mark.slow
def test_pixels_on_disk_give_the_same_batches_and_the_file_goes_with_the_loader(tmp_path):
    table, _ = samples()
    options = dict(size=8, bs=7, seed=3, device="cpu")
    memory = dataloaders(table, in_memory=True, **options)
    disk = dataloaders(table, in_memory=False, cache=tmp_path, **options)
    assert list(tmp_path.glob("*/pixels.npy")) and disk.train.dataset.mapped
    for _ in range(2):
        for (x, y), (u, v) in zip(memory.train, disk.train, strict=True):
            assert torch.equal(x, u) and torch.equal(y, v)
    del disk
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_too_little_memory_means_disk(tmp_path, monkeypatch):
    import psutil

    table, _ = samples()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": 1000}))
    assert dataloaders(table, size=8, cache=tmp_path, device="cpu").train.dataset.mapped


def test_the_seed_fixes_order_and_augmentation():
    table, _ = samples()
    first, same, other = (
        torch.cat([x for x, _ in dataloaders(table, size=8, seed=seed, device="cpu").train])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_identity_comes_from_the_table():
    table, _ = samples(classes=("zebra", "ant", "mole"))
    who = identity(dataloaders(table, size=8, device="cpu").train)
    assert list(who.ids) == list(table.index)
    assert [who.classes[k] for k in who.labels] == list(table["label"])
    assert who.classes == ["ant", "mole", "zebra"]


def test_validation_has_the_training_classes():
    table, _ = samples()
    dls = dataloaders(table.iloc[:10], valid=table.iloc[10:], size=8, device="cpu")
    assert len(dls.valid.dataset) == 10 and not dls.valid.shuffle
    assert dls.valid.vocab == dls.train.vocab == ["ant", "bee"]
    stranger = table.iloc[10:].assign(label="gnu")
    with pytest.raises(SourceError, match="'gnu'"):
        dataloaders(table.iloc[:10], valid=stranger, size=8, device="cpu")


@pytest.mark.parametrize(("side", "expected"), [(8, 16), (28, 28), (48, 48), (200, 64)])
def test_training_size_is_the_pictures_own_within_limits(side, expected):
    table, _ = samples(side=side)
    assert training_size(table) == expected


def test_show_batch_draws_pictures():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    table, _ = samples()
    dataloaders(table, size=8, device="cpu").show_batch(max_n=4)
    titles = [axis.get_title() for axis in plt.gcf().axes]
    assert len(titles) == 4 and set(titles) <= {"ant", "bee"}
    plt.close("all")


def test_items_are_pairs():
    data = PixelData(np.full((2, 4, 4, 3), 51, np.uint8), [0, 1], pd.Index(["a", "b"]), ["x", "y"])
    picture, label = data[1]
    assert picture.shape == (3, 4, 4) and picture.max() == pytest.approx(0.2) and label == 1
    assert len(PixelLoader(data.new_empty(), stats=RAW)) == 0


@pytest.mark.parametrize(
    ("label", "found"),
    [(3, "3 of type int"), (["ant"], "['ant'] of type list"), (np.nan, "nan of type float")],
)
@pytest.mark.parametrize("role", ["training", "validation"])
def test_labels_that_are_no_text_are_named(label, found, role):
    table, _ = samples(6)
    wrong = table.copy()
    wrong["label"] = wrong["label"].astype(object)
    wrong.at["02", "label"] = label
    tables = (wrong, None) if role == "training" else (table, wrong)
    with pytest.raises(SourceError) as caught:
        dataloaders(tables[0], valid=tables[1], device="cpu")
    assert f"found {found} for sample '02'" in str(caught.value)


@pytest.mark.parametrize("change", ["no rows", "no label", "no picture"])
def test_a_table_that_holds_no_samples_is_refused(change):
    table, _ = samples(6)
    table = {
        "no rows": table[:0],
        "no label": table.drop(columns="label"),
        "no picture": table.drop(columns="image"),
    }[change]
    with pytest.raises(SourceError, match="Expected a samples table with the columns"):
        dataloaders(table, device="cpu")
