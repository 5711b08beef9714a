"""The still picture grid: who is in it, what is said of them, and what cannot hurt."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from o2u_nb.errors import O2UError
from o2u_nb.plots.gallery import strip, suspect_grid, suspects_by_class
from tests.pages import HOSTILE, Reader, numbered


def picture_of(image: dict) -> np.ndarray:
    data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def test_top_suspects_in_order_with_what_is_known():
    samples, scores = numbered()
    grid = Reader(suspect_grid(samples, scores, n=4)._repr_html_())
    assert [picture_of(image).mean().round() for image in grid.images] == [0, 20, 40, 60]
    assert grid.images[0]["alt"] == "Suspect 1: given cat, looks like dog"
    text = " ".join(grid.text)
    assert "#1" in text and "90 %" in text and "ambiguous" in text
    assert "4 most suspicious of 6 suspects" in text


def test_one_class():
    samples, scores = numbered()
    grid = Reader(suspect_grid(samples, scores, label="dog").html)
    assert [image["alt"].split(":")[0] for image in grid.images] == ["Suspect 2", "Suspect 5"]
    with pytest.raises(O2UError, match="dog"):
        suspect_grid(samples, scores, label="dgo")


def test_strip_is_in_the_order_asked_for():
    samples, _ = numbered()
    row = Reader(strip(samples, ["s03", "s01", "gone"]).html)
    assert [picture_of(image).mean().round() for image in row.images] == [60, 20]
    assert "No picture" in " ".join(row.text)


def test_a_row_for_each_class():
    samples, scores = numbered(n=30)
    rows = Reader(suspects_by_class(samples, scores, n=2).html)
    assert len(rows.images) == 6 and "details" in rows.tags
    none = scores.assign(suspect=False)
    assert "No suspects" in suspects_by_class(samples, none).html
    assert "No suspects" in suspect_grid(samples, none).html


def test_many_classes_are_counted_not_drawn():
    labels = tuple(f"class {k:02d}" for k in range(40))
    samples, scores = numbered(n=160, labels=labels)
    html = suspects_by_class(samples, scores, n=1).html
    assert len(Reader(html).images) == 30 and "10 more classes with 20 suspects" in html


def test_missing_and_broken_pictures_leave_a_tile(tmp_path):
    samples, scores = numbered()
    samples = samples.drop(columns="image").assign(path=str(tmp_path / "gone.png"))
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n")
    samples.loc["s01", "path"] = str(tmp_path / "torn.png")
    html = suspect_grid(samples.drop("s02"), scores).html
    assert not Reader(html).images and html.count("<figure") == 6


@pytest.mark.parametrize("name", [HOSTILE, "نمر", "\U0001f406" * 20, "x" * 300, "a\nb"])
def test_any_name_is_only_text(name):
    samples, scores = numbered(labels=(name, "dog", "owl"), ids=[f"{name}{i}" for i in range(12)])
    for html in (suspect_grid(samples, scores).html, suspects_by_class(samples, scores).html):
        page = Reader(html)
        assert "script" not in page.tags and page.events == []
        assert {image["src"][:16] for image in page.images} == {"data:image/jpeg;"}
