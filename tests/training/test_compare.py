"""The comparison itself, on features whose classes are known."""

import numpy as np
import pandas as pd
import pytest
from fastai.callback.core import Callback

from o2u_nb.__main__ import main
from o2u_nb.comparison import Comparison
from o2u_nb.data.duplicates import kept_together
from o2u_nb.data.readers.arrays import from_arrays
from o2u_nb.detect.registry import DETECTORS
from o2u_nb.detect.table import score_table
from o2u_nb.errors import O2UError, SourceError
from o2u_nb.training import compare as module
from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.compare import compare
from tests.features import blobs, head
from tests.sources import write_source

POINTS = blobs(240)
USUAL = dict(features=POINTS.features, epochs=6, seeds=(0, 1), noise=["symmetric 30 %"])


def test_every_method_and_detector_has_a_row_for_each_noise_and_seed():
    told = []
    found = compare(
        POINTS.table, ["plain", "gce"], detectors=["score"], features=POINTS.features, seeds=(0, 1),
        noise=["none", "pair flip 20 %"], progress=lambda *at: told.append(at),
    )  # fmt: skip
    rows = found.rows.groupby("method").size()
    assert rows.to_dict() == {"plain": 4, "gce": 4, "score": 4}
    assert told[-1] == ("methods", 12, 12)
    clean = found.rows[found.rows["noise"] == "none"]
    assert clean["average_precision"].isna().all() and (clean["rate"] == 0).all()
    noisy = found.rows[found.rows["noise"] == "pair flip 20 %"]
    assert noisy["rate"].between(0.1, 0.3).all()
    found_some = noisy[noisy["method"] != "gce"]  # which learns slowly at first
    assert (found_some["average_precision"] > 0.7).all()
    trained = found.rows[found.rows["kind"] == "training"]
    assert (trained["accuracy"] > 0.7).all() and (trained["seconds"] > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_of_copies_all_are_held_out_or_none(monkeypatch, seed):
    random = np.random.default_rng(seed)
    order = random.permutation(len(POINTS.table))
    own = random.integers(0, 120, len(order))  # most groups have several members
    table = POINTS.table.iloc[order].assign(group=pd.array(own, dtype="Int64"))
    table.iloc[:40, table.columns.get_loc("group")] = pd.NA  # 40 samples have no copies
    seen = []

    def spy(task, *_):
        seen.append(task)
        return dict(method="plain")

    monkeypatch.setattr(module, "_train", spy)
    compare(table, ["plain"], detectors=[], **{**USUAL, "features": POINTS.features[order]})
    for task in seen:
        held_out, kept = (set(part["group"].dropna()) for part in (task.held_out, task.train))
        assert held_out and not held_out & kept
        assert len(task.held_out) + len(task.train) == len(table)
        assert abs(len(task.held_out) / len(table) - module.HELD_OUT) < 0.08
    assert len(seen) == 2 and set(seen[0].held_out.index) != set(seen[1].held_out.index)


def test_other_groups_are_another_comparison(tmp_path):
    def compared(**columns):
        table = POINTS.table.assign(**columns)
        given = {**USUAL, "seeds": (0,), "epochs": 1}
        return compare(table, ["plain"], detectors=[], out=tmp_path / "out", **given)

    compared()
    compared(group=pd.array([pd.NA] * len(POINTS.table), dtype="Int64"))  # groups of one are none
    with pytest.raises(O2UError, match="another samples"):
        compared(group=np.arange(len(POINTS.table)) // 2)


def test_equal_files_are_held_out_together(tmp_path):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    table = from_arrays(np.concatenate([pictures, pictures]), list("ab") * 60).samples
    groups = kept_together(table)
    for seed in range(3):
        task = module._task(table, None, seed, None, None, groups)
        places = {name: k % 60 for k, name in enumerate(table.index)}
        held_out, kept = ({places[i] for i in part.index} for part in (task.held_out, task.train))
        assert len(task.held_out) == 2 * len(held_out) and not held_out & kept
        assert abs(len(held_out) / 60 - module.HELD_OUT) < 0.15


def test_all_methods_see_the_same_wrong_labels_and_held_out_samples(monkeypatch):
    seen = {}
    real = module._train

    def spy(task, method, *rest):
        seen[task.seed, method.name] = task
        return real(task, method, *rest)

    monkeypatch.setattr(module, "_train", spy)
    compare(POINTS.table, ["plain", "gce"], detectors=[], **USUAL)
    for seed in (0, 1):
        one, other = seen[seed, "plain"], seen[seed, "gce"]
        pd.testing.assert_frame_equal(one.train, other.train)
        pd.testing.assert_frame_equal(one.held_out, other.held_out)
        assert not set(one.train.index) & set(one.held_out.index)
        assert (one.held_out["label"] == POINTS.table["label"].loc[one.held_out.index]).all()
        assert one.trusted.groupby(one.trusted).size().eq(module.TRUSTED).all()
        assert (one.trusted == POINTS.table["label"].loc[one.trusted.index]).all()
    assert set(seen[0, "plain"].held_out.index) != set(seen[1, "plain"].held_out.index)


def test_given_wrong_labels_are_scored_against_the_truth():
    points = blobs(240, wrong=0.2)
    truth = blobs(240).table["label"]
    found = compare(
        points.table, ["plain"], noise=["as given"], truth=truth, detectors=["o2u_mean"],
        features=points.features, epochs=6, seeds=(0,),
    )  # fmt: skip
    assert found.rows["rate"].iloc[0] == pytest.approx(0.2, abs=0.05)
    assert (found.rows["average_precision"] > 0.6).all()
    with pytest.raises(O2UError, match="truth"):
        compare(points.table, ["plain"], noise=["as given"], features=points.features)
    with pytest.raises(SourceError, match="every sample"):
        compare(points.table, ["plain"], truth=truth[:5], features=points.features)


def test_a_comparison_that_was_stopped_goes_on_with_what_is_missing(tmp_path, monkeypatch):
    options = dict(detectors=["score"], out=tmp_path / "c", **USUAL)
    compare(POINTS.table, ["plain"], **options)
    trained = []
    real = module._train

    def spy(task, method, *rest):
        trained.append((task.seed, method.name))
        return real(task, method, *rest)

    monkeypatch.setattr(module, "_train", spy)
    monkeypatch.setattr(module, "_detect", None)  # their rows are there
    found = compare(POINTS.table, ["plain", "gce"], **options)
    assert trained == [(0, "gce"), (1, "gce")]
    assert found.rows.groupby("method").size().to_dict() == {"plain": 2, "score": 2, "gce": 2}
    pd.testing.assert_frame_equal(Comparison.open(tmp_path / "c").rows, found.rows)
    with pytest.raises(O2UError, match="another epochs"):
        compare(POINTS.table, ["plain"], **options | dict(epochs=7))
    with pytest.raises(O2UError, match="another network"):  # other features, the same samples
        compare(POINTS.table, ["plain"], **options | dict(features=2 * POINTS.features))


@pytest.mark.slow
def test_trainings_in_several_processes_give_the_same_rows_and_errors(tmp_path):
    options = dict(detectors=["score"], **USUAL)
    alone = compare(POINTS.table, ["plain", "co_teaching"], **options)
    told = []
    several = compare(
        POINTS.table, ["plain", "co_teaching"], processes=2, out=tmp_path,
        progress=lambda *at: told.append(at), **options,
    )  # fmt: skip
    pd.testing.assert_frame_equal(
        several.rows.drop(columns="seconds"), alone.rows.drop(columns="seconds")
    )
    assert told == [("methods", done, 6) for done in range(7)]
    pd.testing.assert_frame_equal(Comparison.open(tmp_path).rows, several.rows)

    def broken(train, held_out, seed):
        raise SourceError(f"No pictures with seed {seed}.")

    options = options | dict(features=None, learner=broken, processes=2)
    with pytest.raises(SourceError, match="No pictures with seed"):
        compare(POINTS.table, ["plain"], **options)
    with pytest.raises(O2UError, match="processes=0"):
        compare(POINTS.table, ["plain"], **options | dict(processes=0))


def test_what_cannot_be_compared_is_refused_before_anything_trains():
    with pytest.raises(O2UError, match="'gce'"):
        compare(POINTS.table, ["gcee"], **USUAL)
    with pytest.raises(O2UError, match="No detector 'nobody'"):
        compare(POINTS.table, ["plain"], detectors=["nobody"], **USUAL)
    with pytest.raises(O2UError, match="symmetric 40 %"):
        compare(POINTS.table, ["plain"], **USUAL | dict(noise=["asymmetric 10 %"]))
    with pytest.raises(TypeError, match="one of the two"):
        compare(POINTS.table, ["plain"])


def test_every_detector_of_the_registry_can_be_compared():
    names = list(DETECTORS)
    found = compare(
        POINTS.table, ["plain"], noise=["symmetric 20 %"], seeds=(0,), detectors=names,
        features=POINTS.features,
    )  # fmt: skip
    rows = found.rows[found.rows["kind"] == "detector"].set_index("method")
    assert set(rows.index) == set(names)
    assert rows["average_precision"].between(0, 1).all() and rows["accuracy"].isna().all()
    assert rows.loc["score", "average_precision"] > 0.7


def test_scores_that_are_not_known_come_last():
    wrong = np.array([True, False, False, True])
    figures = module._ranking(np.array([3.0, 2.0, np.nan, np.nan]), wrong)
    assert figures["precision_at_count"] == 0.5
    # one wrong label is first; the other shares the last place with a right one
    assert figures["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 0.5)


@pytest.mark.slow
def test_the_command_compares_on_pictures_and_writes_a_page(tmp_path, capsys):
    source = write_source(tmp_path / "source", n=120, wrong=0)
    options = ["--methods", "plain,gce", "--noise", "symmetric 30 %", "--seeds", "0", "--epochs",
               "4", "--eye", "network"]  # fmt: skip
    assert main(["compare", str(source), "--out", str(tmp_path / "out"), *options]) == 0
    said = capsys.readouterr().out
    assert "average precision of the wrong labels" in said and "gce" in said
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "plain" in page and page.count("plotly-graph-div") >= 2


def test_the_command_lists_every_method_with_its_paper_and_says_what_is_missing(capsys):
    assert main(["compare", "--list"]) == 0
    said = capsys.readouterr().out
    assert "generalised cross entropy (Zhang, Sabuncu, NeurIPS 2018)" in said
    lines = {line.split()[0]: line for line in said.splitlines() if line.startswith("  ")}
    papers = {entry.name: entry.paper for entry in (*METHODS.values(), *DETECTORS.values())}
    assert list(lines) == list(papers)
    assert all(f"({paper})" in lines[name] for name, paper in papers.items())
    assert main(["compare"]) == 2
    assert "SOURCE" in capsys.readouterr().err


@pytest.mark.parametrize("wrong, said", [
    (["--methods", "gcee"], "'gce'"), (["--detectors", "scor"], "'score'"),
    (["--noise", "symetric 40 %"], "symmetric 40 %"),
])  # fmt: skip
def test_the_command_refuses_unknown_names_before_it_reads_anything(tmp_path, capsys, wrong, said):
    out = tmp_path / "out"
    assert main(["compare", str(tmp_path / "nowhere"), "--out", str(out), *wrong]) == 2
    assert said in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("wrong", [["--seeds", "a"], ["--epochs", "0"]])
def test_numbers_that_are_none_are_refused_in_one_line(tmp_path, capsys, wrong):
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(tmp_path), "--out", str(tmp_path / "out"), *wrong])
    assert stopped.value.code == 2 and "expected" in capsys.readouterr().err


def test_o2u_ranks_by_its_cyclic_epochs_and_trains_again_without_the_suspects():
    points = blobs(240, wrong=0.25, spread=0.8)
    learn = head(points)
    given = {name: value.clone() for name, value in learn.model.state_dict().items()}
    seen = []
    loader = learn.dls.train
    with learn.no_bar(), learn.no_logging():
        found = METHODS["o2u"].fit(learn, [0.05] * 12, cbs=CountSamples(seen))
    table = score_table(found.trace, found.embeddings).loc[found.trace.ids]
    np.testing.assert_array_equal(found.suspicion, table["score"])
    suspects = int(table["suspect"].sum())
    assert 40 < suspects < 80 and found.trace.n_epochs == 12
    assert seen == [240] * 12 + [240 - suspects] * 12  # the second half without the suspects
    assert learn.dls.train is loader
    assert any((value != given[name]).any() for name, value in learn.model.state_dict().items())


class CountSamples(Callback):
    """Count the samples of each training epoch."""

    run_valid = False

    def __init__(self, seen):
        self.seen = seen

    def before_train(self):
        self.count = 0

    def before_batch(self):
        self.count += len(self.yb[0])

    def after_train(self):
        self.seen.append(self.count)
