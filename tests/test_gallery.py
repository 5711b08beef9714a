"""The still picture grid: who is in it, what is said of them, and what cannot hurt."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.errors import O2UError
from o2u_nb.plots.gallery import strip, suspect_grid, suspects_by_class

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """Collect the pictures, tags, attributes and text of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.images, self.tags, self.events, self.text = [], set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.events += [name for name, _ in attrs if name.startswith("on")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data):
        self.text.append(data)


def audit(n=12, labels=("cat", "dog", "owl"), ids=None):
    """Samples whose pictures tell their number, and scores in which the first half are suspects."""
    pictures = np.zeros((n, 20, 10, 3), np.uint8)
    pictures[:] = (np.arange(n) * 20)[:, None, None, None]
    names = ids or [f"s{i:02d}" for i in range(n)]
    given = [labels[i % len(labels)] for i in range(n)]
    samples = from_arrays(pictures, given, ids=names).samples.loc[names]
    scores = pd.DataFrame(
        {
            "label": given,
            "suggested_label": [labels[(i + 1) % len(labels)] for i in range(n)],
            "rank": np.arange(1, n + 1),
            "p_wrong": np.linspace(0.9, 0.1, n),
            "suspect": np.arange(n) < n // 2,
            "kind": ["wrong" if i % 2 else "ambiguous" for i in range(n)],
        },
        index=samples.index,
    )
    return samples, scores


def picture_of(image: dict) -> np.ndarray:
    data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def test_top_suspects_in_order_with_what_is_known():
    samples, scores = audit()
    grid = Reader(suspect_grid(samples, scores, n=4)._repr_html_())
    assert [picture_of(image).mean().round() for image in grid.images] == [0, 20, 40, 60]
    assert grid.images[0]["alt"] == "Suspect 1: given cat, looks like dog"
    text = " ".join(grid.text)
    assert "#1" in text and "90 %" in text and "ambiguous" in text
    assert "4 most suspicious of 6 suspects" in text


def test_one_class():
    samples, scores = audit()
    grid = Reader(suspect_grid(samples, scores, label="dog").html)
    assert [image["alt"].split(":")[0] for image in grid.images] == ["Suspect 2", "Suspect 5"]
    with pytest.raises(O2UError, match="dog"):
        suspect_grid(samples, scores, label="dgo")


def test_strip_is_in_the_order_asked_for():
    samples, _ = audit()
    row = Reader(strip(samples, ["s03", "s01", "gone"]).html)
    assert [picture_of(image).mean().round() for image in row.images] == [60, 20]
    assert "No picture" in " ".join(row.text)


def test_a_row_for_each_class():
    samples, scores = audit(n=30)
    rows = Reader(suspects_by_class(samples, scores, n=2).html)
    assert len(rows.images) == 6 and "details" in rows.tags
    none = scores.assign(suspect=False)
    assert "No suspects" in suspects_by_class(samples, none).html
    assert "No suspects" in suspect_grid(samples, none).html


def test_many_classes_are_counted_not_drawn():
    labels = tuple(f"class {k:02d}" for k in range(40))
    samples, scores = audit(n=160, labels=labels)
    html = suspects_by_class(samples, scores, n=1).html
    assert len(Reader(html).images) == 30 and "10 more classes with 20 suspects" in html


def test_missing_and_broken_pictures_leave_a_tile(tmp_path):
    samples, scores = audit()
    samples = samples.drop(columns="image").assign(path=str(tmp_path / "gone.png"))
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n")
    samples.loc["s01", "path"] = str(tmp_path / "torn.png")
    html = suspect_grid(samples.drop("s02"), scores).html
    assert not Reader(html).images and html.count("<figure") == 6


@pytest.mark.parametrize("name", [HOSTILE, "نمر", "\U0001f406" * 20, "x" * 300, "a\nb"])
def test_any_name_is_only_text(name):
    samples, scores = audit(labels=(name, "dog", "owl"), ids=[f"{name}{i}" for i in range(12)])
    for html in (suspect_grid(samples, scores).html, suspects_by_class(samples, scores).html):
        page = Reader(html)
        assert "script" not in page.tags and page.events == []
        assert {image["src"][:16] for image in page.images} == {"data:image/jpeg;"}
