"""Near misses of names, for the hints."""

from o2u_nb.data import checks


def test_near_misses():
    assert checks.near_miss("Path", ["label", "path"]) == "path"
    assert checks.near_miss("quality", ["label", "path"]) is None
