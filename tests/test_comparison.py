"""A comparison's rows: tables and leads by hand, what is kept, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.comparison import Comparison, Kept
from o2u_nb.errors import O2UError
from o2u_nb.plots.comparison import comparison as figure


def row(method, seed, precision, accuracy, noise="symmetric 40 %", kind="training"):
    return dict(
        noise=noise, rate=0.4, seed=seed, method=method, kind=kind, average_precision=precision,
        precision_at_count=precision, accuracy=accuracy, seconds=1.0,
    )  # fmt: skip


@pytest.fixture
def found():
    rows = [
        row("plain", 0, 0.5, 0.60), row("plain", 1, 0.7, 0.70),
        row("gce", 0, 0.8, 0.70), row("gce", 1, 0.8, 0.72),
        row("score", 0, 0.9, np.nan, kind="detector"), row("score", 1, 0.7, np.nan),
        row("plain", 0, np.nan, 0.9, noise="none"),
    ]  # fmt: skip
    return Comparison(pd.DataFrame(rows), {})


def test_a_table_has_mean_and_spread_of_each_method_and_noise(found):
    table = found.table("accuracy")
    assert list(table.index) == ["plain", "gce"]  # a detector trains nothing
    assert list(table.columns) == ["symmetric 40 %", "none"]
    assert table.loc["plain", "symmetric 40 %"] == "0.650 ± 0.071"
    assert table.loc["plain", "none"] == "0.900" and table.loc["gce", "none"] == "–"
    assert found.mean().loc["score", "symmetric 40 %"] == pytest.approx(0.8)
    with pytest.raises(O2UError, match="average_precision"):
        found.table("loss")


def test_what_is_ahead_of_the_recommended_score_is_said_for_each_noise(found):
    assert found.ahead() == []  # equal on average
    assert found.ahead(of="plain") == [
        "Under symmetric 40 %, ahead of 'plain': gce (+0.200), score (+0.200, not clear)."
    ]
    assert found.ahead(of="plain", figure="accuracy") == [
        "Under symmetric 40 %, ahead of 'plain': gce (+0.060)."
    ]
    assert found.ahead(of="aum") == []
    alone = Comparison(found.rows[found.rows["seed"] == 1], {})
    assert alone.ahead() == ["Under symmetric 40 %, ahead of 'score': gce (+0.100, one seed)."]
    with pytest.raises(O2UError, match="average_precision"):
        found.ahead(figure="loss")


def test_a_lead_is_taken_seed_by_seed_and_is_clear_when_it_exceeds_its_spread(found):
    leads = found.leads("accuracy").loc[("symmetric 40 %", "gce")]
    assert leads["lead"] == pytest.approx(0.06) and leads["seeds"] == 2
    assert leads["spread"] == pytest.approx(np.std([0.1, 0.02], ddof=1))
    assert leads["clear"]
    faster = found.leads("seconds").loc[("symmetric 40 %", "gce")]
    assert faster["lead"] == 0 and not faster["clear"]
    with pytest.raises(O2UError, match="'odd'"):
        found.leads(over="odd")


def test_rows_are_kept_and_a_comparison_goes_on(tmp_path):
    kept = Kept(tmp_path / "c", dict(epochs=4))
    kept.add([row("plain", 0, 0.5, 0.6)])
    again = Kept(tmp_path / "c", dict(epochs=4))
    assert again.has(noise="symmetric 40 %", seed=0, method="plain")
    assert not again.has(noise="symmetric 40 %", seed=1, method="plain")
    again.add([row("plain", 1, 0.7, 0.7)])
    opened = Comparison.open(tmp_path / "c")
    assert opened.rows["seed"].tolist() == [0, 1] and opened.settings == dict(epochs=4)


def test_another_comparison_in_the_folder_is_refused_and_stays(tmp_path):
    Kept(tmp_path, dict(epochs=4)).add([row("plain", 0, 0.5, 0.6)])
    with pytest.raises(O2UError, match="another epochs: 4, not 5"):
        Kept(tmp_path, dict(epochs=5))
    assert len(Comparison.open(tmp_path).rows) == 1
    with pytest.raises(O2UError, match="Expected a comparison in"):
        Comparison.open(tmp_path / "nowhere")


def test_the_figure_shows_the_best_method_first_with_a_mark_for_each_noise(found):
    drawn = figure(found, "accuracy")
    assert [trace.name for trace in drawn.data] == ["symmetric 40 %", "none"]
    np.testing.assert_allclose(drawn.data[0].x, [0.65, 0.71])  # plain is best on average
    spreads = [np.std([0.6, 0.7], ddof=1), np.std([0.7, 0.72], ddof=1)]
    np.testing.assert_allclose(drawn.data[0].error_x.array, spreads)
    assert len({trace.marker.symbol for trace in drawn.data}) == 2
    assert drawn.data[0].text == ("plain", "gce")


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / "rows.csv").write_text("mine")
    with pytest.raises(O2UError, match="no comparison has written"):
        Kept(tmp_path, dict(epochs=4))
    assert (tmp_path / "rows.csv").read_text() == "mine"
    (tmp_path / "settings.json").write_text("no json")
    with pytest.raises(O2UError, match=r"settings\.json"):
        Kept(tmp_path, dict(epochs=4))
