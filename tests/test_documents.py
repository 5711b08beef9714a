"""The documents say what is so: versions, formats, files, authors, links."""

import re
import tomllib

import pytest
import yaml

from o2u_nb import feature_file, folder, trace
from o2u_nb.data import manifest
from o2u_nb.version import __version__

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/architecture.md")


@pytest.fixture
def read(root):
    return lambda name: (root / name).read_text(encoding="utf-8")


def test_one_version_everywhere(read):
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == __version__
    assert yaml.safe_load(read("CITATION.cff"))["version"] == __version__
    assert f"\n## {__version__} - " in read("CHANGELOG.md")


def test_the_formats_on_disk_are_those_described(read):
    text = read("docs/architecture.md")
    for format in (folder.FORMAT, trace.FORMAT, feature_file.FORMAT, manifest.FORMAT):
        assert f'`"format": "{format}"`' in text
    for name in (*folder.MADE_BY_AUDIT, folder.DECISIONS, folder.MARKER, manifest.MANIFEST):
        assert f"`{name}" in text, name


def test_all_rooms_are_described(read, root):
    text = read("docs/architecture.md")
    rooms = [p.name for p in (root / "o2u_nb").iterdir() if (p / "__init__.py").is_file()]
    assert len(rooms) > 7 and [room for room in rooms if f"`{room}/`" not in text] == []


def test_methods_are_cited_with_all_their_authors(read):
    """The papers behind `fit_o2u` and `fit_odd`, as their title pages have them."""
    cited = {
        reference["title"]: [author["family-names"] for author in reference["authors"]]
        for reference in yaml.safe_load(read("CITATION.cff"))["references"]
    }
    (odd,) = [names for title, names in cited.items() if "On-the-fly" in title]
    (o2u,) = [names for title, names in cited.items() if "O2U-Net" in title]
    assert odd == ["Song", "Hu", "Auli", "Dauphin", "Ma"]
    assert o2u == ["Huang", "Qu", "Jia", "Zhao"]
    readme = " ".join(read("README.md").split())
    for names in (odd, o2u):
        assert re.search(", ".join(rf"[A-Z]\. {name}" for name in names), readme)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(read, root, name):
    for target in re.findall(r"\]\(([^)]+)\)", read(name)):
        place, _, part = target.partition("#")
        if "://" in target:
            continue
        file = (root / name).parent / place if place else root / name
        assert file.is_file(), target
        if part:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in {heading.lower().replace(" ", "-") for heading in headings}, target


def test_tests_named_as_proof_are_there(read, root):
    for name in re.findall(r"`(tests/\w+\.py)`", read("SECURITY.md")):
        assert (root / name).is_file(), name
