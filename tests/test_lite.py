"""The site for a browser alone takes only compiled packages that its runtime names."""

import hashlib
import zipfile

import pytest

from website import lite


def entry(name: str, content: bytes, depends=()) -> dict:
    return {
        "file_name": f"{name}-1-cp312-pyodide.whl",
        "sha256": hashlib.sha256(content).hexdigest(),
        "depends": list(depends),
    }


def test_dependencies_come_with_their_packages():
    known = {
        "a": entry("a", b"", ["B_c"]),
        "b-c": entry("b", b"", ["d"]),
        "d": entry("d", b""),
        "e": entry("e", b""),
    }
    assert set(lite.with_dependencies(known, ["a"])) == {"a", "b-c", "d"}


@pytest.mark.parametrize("packed", [False, True])
def test_files_are_taken_from_a_folder_or_a_wheel(tmp_path, packed):
    known, name = {"a": entry("a", b"right")}, "a-1-cp312-pyodide.whl"
    source, out = tmp_path / "source", tmp_path / "out"
    out.mkdir()
    if packed:
        with zipfile.ZipFile(source, "w") as wheel:
            wheel.writestr(f"deep/{name}", b"right")
            wheel.writestr("other.whl", b"other")
    else:
        source.mkdir()
        source.joinpath(name).write_bytes(b"right")
        source.joinpath("other.whl").write_bytes(b"other")
    lite.collect(known, iter([source]), out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_bytes() == b"right"


def test_a_file_that_the_runtime_does_not_name_is_refused(tmp_path):
    known = {"a": entry("a", b"right"), "b": entry("b", b"right")}
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    source.joinpath("a-1-cp312-pyodide.whl").write_bytes(b"other")
    source.joinpath("b-1-cp312-pyodide.whl").write_bytes(b"right")
    with pytest.raises(lite.NoDistribution, match=r"missing are a-1-.*make lite PYODIDE=") as error:
        lite.collect(known, iter([source]), out)
    assert "b-1" not in str(error.value)


def test_a_wheel_is_described_with_what_is_there(tmp_path):
    wheel = tmp_path / "a_b-2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("a_b/__init__.py", "")
        packed.writestr("one.py", "")
        packed.writestr("a_b-2.dist-info/METADATA",
                        "Name: a-b\nVersion: 2\nRequires-Dist: numpy>=2\nRequires-Dist: psutil\n"
                        "Requires-Dist: torch; extra == 'train'\n")  # fmt: skip
    found = lite.described("a-b", wheel, {"numpy", "torch"})
    assert found["imports"] == ["a_b", "one"] and found["depends"] == ["numpy"]
    assert found["version"] == "2" and found["file_name"] == wheel.name
    assert found["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_runtime_that_is_another_file(tmp_path):
    (tmp_path / "pyodide-0.27.7.tgz").write_bytes(b"other")
    with pytest.raises(lite.LiteError, match="found another file: remove it"):
        lite.fetched_runtime(tmp_path)


def test_a_program_that_is_missing():
    with pytest.raises(lite.LiteError, match="Expected the program no-such-program"):
        lite.run("no-such-program")
