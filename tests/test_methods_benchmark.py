"""The benchmark of the methods: its page says what the rows say."""

import pandas as pd

from benchmarks import methods
from o2u_nb.comparison import Comparison
from tests.features import blobs


def row(method, seed, accuracy, noise="symmetric 40 %"):
    return dict(
        noise=noise, rate=0.4, seed=seed, method=method, kind="training", average_precision=0.8,
        precision_at_count=0.7, accuracy=accuracy, seconds=2.0,
    )  # fmt: skip


def comparison():
    rows = [row("plain", 1, 0.60), row("plain", 2, 0.62), row("gce", 1, 0.70), row("gce", 2, 0.71),
            row("odd", 1, 0.50), row("odd", 2, 0.63)]  # fmt: skip
    return Comparison(pd.DataFrame(rows), {})


def test_the_verdict_tells_clear_leads_from_others():
    said = methods.verdict(comparison())
    assert said.startswith("Under symmetric 40 %, better than plain training")
    assert "gce (+0.095)." in said
    assert "Not better by more than the spread: odd (-0.045)." in said


def test_the_page_has_each_comparison_with_its_figures():
    page = methods.page({"waste": comparison()})
    assert "## photographs of waste" in page
    assert "| gce | 0.705 ± 0.007 |" in page
    assert "Seconds of training:" in page


def test_the_command_compares_and_writes_the_page(tmp_path, monkeypatch):
    points = blobs(240)
    drawn = methods.Row("blobs", ["symmetric 40 %"], lambda data: dict(
        samples=points.table, features=points.features))  # fmt: skip
    monkeypatch.setattr(methods, "ROWS", {"blobs": drawn})
    monkeypatch.setattr(methods, "RESULTS", tmp_path)
    chosen = ["--rows", "blobs", "--methods", "plain", "gce", "--seeds", "1", "--epochs", "6"]
    methods.main(["--data", str(tmp_path), *chosen])
    page = (tmp_path / "methods.md").read_text(encoding="utf-8")
    assert "## blobs" in page and "| gce | " in page and "| score | " in page
    written = (tmp_path / "methods_blobs" / "rows.csv").read_bytes()
    methods.main(["--report"])
    assert (tmp_path / "methods_blobs" / "rows.csv").read_bytes() == written
