"""Which known name was probably meant, also among thousands of names."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2u_nb.data import near_names, sources
from o2u_nb.data.checks import near_miss
from o2u_nb.data.near_names import NearNames, folded


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


def words(count: int, letters: int) -> list[str]:
    drawn = np.random.default_rng(0).integers(97, 123, (count, letters), dtype=np.uint8)
    return sorted({row.tobytes().decode() for row in drawn})


@pytest.mark.parametrize("letters", [8, 12, 40])
def test_two_mistakes_are_found_however_long_the_name(letters):
    """Names of more than ten letters were found with one mistake, and seldom with two."""
    known = words(2_000, letters)
    names = NearNames(known)
    for word in known[:50]:
        *middle, before, last, end = word[1:]
        wrong = "".join(["#", *middle, last, before, end])  # a wrong letter, and two exchanged
        assert names.near(wrong) == near_miss(wrong, known)


def test_names_that_begin_alike_are_told_apart():
    known = [f"bird of the northern forest, {word}" for word in words(4_000, 6)]
    names = NearNames(known)
    for word in known[:20]:
        assert names.near(word.replace("forest", "forrest")) == word


def test_letters_of_a_series_may_be_wrong_but_not_its_numbers():
    series = [f"plate {number:03d}" for number in range(500)]
    names = NearNames(series)
    assert not any(map(names.near, series))
    assert names.near("plate 731") is None
    assert names.near("plaet 137") == "plate 137"


@given(st.lists(st.text(max_size=12), max_size=8, unique=True), st.text(max_size=12))
def test_what_is_found_is_known_near_enough_and_another_name(known, name):
    found = NearNames(known).near(name)
    if found is not None:
        assert found in known
        assert found != name
        assert folded(found) == folded(name) or near_miss(name, [found]) == found


def test_ten_thousand_lone_classes_are_compared_with_few_others_each(monkeypatch):
    """All pairs were compared, which took 20 minutes for 10,000 classes."""
    compared = Counter()
    closest = near_names.get_close_matches

    def counted(name, others, **options):
        compared["pairs"] += len(others)
        return closest(name, others, **options)

    monkeypatch.setattr(near_names, "get_close_matches", counted)
    n = 10_000
    labels = words(n, 8)[: n - 1]
    labels.append(labels[0] + "q")
    images = np.zeros((n, 1, 1), np.uint8)
    found = sources.read((images, labels)).problems
    lone = found[found["problem"] == "class with one sample"]
    assert len(lone) == n
    assert 0 < compared["pairs"] <= n * near_names.COMPARED
    assert lone["detail"].iloc[-1].endswith(f"; did you mean {labels[0]!r}?")
