"""The benchmark of the methods: its page says what the rows say."""

import pandas as pd
import pytest
from PIL import Image

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


def test_a_comparison_of_one_method_has_no_verdict():
    assert methods.verdict(Comparison(pd.DataFrame([row("plain", 1, 0.6)]), {})) == ""


def test_the_page_has_each_comparison_with_its_figures():
    page = methods.page({("waste", "laptop"): comparison()})
    assert "## photographs of waste" in page
    assert "| gce | 0.705 ± 0.007 |" in page
    assert "Not measured yet: o2u, gce_truncated, forward_correction, " in page
    assert "Seconds of training:" in page


def test_the_command_compares_and_writes_the_page(tmp_path, monkeypatch):
    points = blobs(240)
    drawn = methods.Row("blobs", ["symmetric 40 %"], lambda data, scale: dict(
        samples=points.table, features=points.features))  # fmt: skip
    monkeypatch.setattr(methods, "ROWS", {"blobs": drawn})
    monkeypatch.setattr(methods, "RESULTS", tmp_path)
    chosen = ["--rows", "blobs", "--methods", "plain", "gce", "--seeds", "1", "--epochs", "6"]
    methods.main(["--data", str(tmp_path), *chosen])
    page = (tmp_path / "methods.md").read_text(encoding="utf-8")
    assert "## blobs" in page and "| gce | " in page and "| score | " in page
    written = (tmp_path / "methods_blobs" / "rows.csv").read_bytes()
    reduced = ["--preset", "reduced", "--noise", "symmetric 40 %", *chosen]
    methods.main(["--data", str(tmp_path), *reduced])
    assert (tmp_path / "methods_blobs_reduced" / "rows.csv").read_bytes()
    methods.main(["--report"])
    assert (tmp_path / "methods_blobs" / "rows.csv").read_bytes() == written


def test_the_page_says_what_is_ahead_of_the_recommended_score():
    rows = [
        {**row(name, seed, 0.6), "average_precision": found}
        for name, *both in [("score", 0.80, 0.82), ("gce", 0.85, 0.88), ("odd", 0.86, 0.79)]
        for seed, found in enumerate(both)
    ]
    said = methods.rivals(Comparison(pd.DataFrame(rows), {}))
    assert (
        said == "* Under symmetric 40 %, ahead of 'score': gce (+0.055), odd (+0.015, not clear)."
    )
    rows = [one for one in rows if one["method"] == "score"]
    assert methods.rivals(Comparison(pd.DataFrame(rows), {})) == (
        "Nothing is ahead of the recommended score."
    )


def picture(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (shade, 80, 200 - shade)).save(path)


@pytest.mark.slow
def test_the_papers_settings_train_a_large_network_on_all_pictures(tmp_path, monkeypatch):
    for number in range(24):
        part = "test" if number % 3 == 2 else "train"
        label = ["airplane", "bird"][number % 2]
        picture(tmp_path / "cifar10" / part / label / f"{number}.png", 7 * number)
    made = []

    def noted(*args):
        made.append((methods.published(*args), len(args[0]), len(args[1])))
        return made[-1][0]

    scale = methods.SCALES["paper"]
    assert (scale.cifar, scale.human, scale.epochs) == (None, None, 250)
    monkeypatch.setitem(methods.SCALES, "paper", scale._replace(learner=noted))
    monkeypatch.setattr(methods, "RESULTS", tmp_path / "results")
    methods.main(["--data", str(tmp_path), "--preset", "paper", "--rows", "cifar", "--noise",
                  "none", "--methods", "plain", "--detectors", "--seeds", "1",
                  "--epochs", "1"])  # fmt: skip
    [(learn, n_train, n_test)] = made
    assert (n_train, n_test) == (16, 8) and learn.largest_rate == 0.01
    assert sum(p.numel() for p in learn.model.parameters()) > 42_000_000
    assert learn.model.conv1.stride == (1, 1)
    page = (tmp_path / "results" / "methods.md").read_text(encoding="utf-8")
    assert "## CIFAR-10, all pictures, networks from scratch (paper)" in page
    assert "| plain | " in page
