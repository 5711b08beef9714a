"""Which known name was probably meant, also among thousands of names."""

from collections import Counter

import numpy as np
import pytest

from o2u_nb.data import near_names, sources
from o2u_nb.data.near_names import NearNames


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("catt", ["cat", "dog"], "cat"),
        ("leoprad", ["leopard", "jaguar"], "leopard"),  # two letters exchanged
        ("Leopard ", ["leopard", "jaguar"], "leopard"),
        ("leopard", ["leopard", "jaguar"], None),  # it is the known name itself
        ("tiger", ["leopard", "jaguar"], None),
        ("a bear that stands up in the snow", ["a bear that stands up in the snov"],
         "a bear that stands up in the snov"),
        ("plate 017", ["plate 018", "plate 019"], None),  # another number is no typing error
        ("", ["", "cat"], None),
        ("x" * 5_000, ["x" * 4_999], None),
    ],
)  # fmt: skip
def test_the_nearest_name(name, known, expected):
    assert NearNames(known).near(name) == expected


def test_every_single_typing_error_in_a_name_is_found():
    known = NearNames(["leopard", "jaguar", "cheetah", "snow leopard"])
    for name in ("leopard", "jaguar", "cheetah", "snow leopard"):
        for k in range(len(name)):
            for wrong in (name[:k] + name[k + 1 :], name[:k] + "z" + name[k:]):
                assert known.near(wrong) == name, wrong


def test_ten_thousand_lone_classes_are_compared_with_few_others_each(monkeypatch):
    """All pairs were compared, which took 20 minutes for 10,000 classes."""
    compared = Counter()
    measure = near_names.SequenceMatcher

    def counted(*names):
        compared["pairs"] += 1
        return measure(*names)

    monkeypatch.setattr(near_names, "SequenceMatcher", counted)
    n = 10_000
    letters = np.random.default_rng(0).integers(97, 123, (n, 8), dtype=np.uint8)
    labels = sorted({row.tobytes().decode() for row in letters})[: n - 1]
    labels.append(labels[0] + "q")
    images = np.zeros((n, 1, 1), np.uint8)
    found = sources.read((images, labels)).problems
    lone = found[found["problem"] == "class with one sample"]
    assert len(lone) == n
    assert compared["pairs"] <= n * near_names.LOOKED_AT / 10
    assert lone["detail"].iloc[-1].endswith(f"; did you mean {labels[0]!r}?")
