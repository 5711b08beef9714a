"""The detection benchmark: figures by hand, noise as promised, and no model scores what it saw."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import common
from benchmarks.detection import __main__ as command
from benchmarks.detection import comparing, frozen, report, scoring, sets, trainings
from o2u_nb.data import datasets
from o2u_nb.data.noise import Planted, realised_rate, symmetric
from o2u_nb.detect.neighbours import VOTERS, neighbourhoods
from o2u_nb.presets import PRESETS
from o2u_nb.trace import Trace
from o2u_nb.training.loaders import PixelData

TINY = replace(PRESETS["quick"], warmup=1, cycles=1, cycle=1, widths=(4, 8))


def ranked(*wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Give scores that fall from the first sample to the last, and the truth."""
    return -np.arange(len(wrong), dtype=float), np.array(wrong, dtype=bool)


def test_figures_of_a_ranking_by_hand():
    figures = common.ranking_figures(*ranked(1, 1, 0, 1, *[0] * 6))
    assert figures["AUROC"] == pytest.approx(20 / 21)  # one of 3 x 7 pairs is the wrong way round
    assert figures["AP"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert figures["precision at true count"] == pytest.approx(2 / 3)
    assert figures["effort 90 %"] == pytest.approx(4 / 3)  # 2.7 of 3 are met at the fourth


def test_top_shares_by_hand():
    figures = common.ranking_figures(*ranked(1, 0, 1, 1, 1, *[0] * 5, *[1] * 10, *[0] * 180))
    assert figures["precision top 1 %"] == 1 / 2  # of 200
    assert figures["precision top 5 %"] == 4 / 10
    assert figures["effort 90 %"] == 19 / 14  # 12.6 of 14: the 13th lies on place 19


def test_effort_counts_in_whole_labels():
    # 10 wrong labels: the 9th of them is enough, floating point or not
    assert common.ranking_figures(*ranked(*[1] * 10, *[0] * 10))["effort 90 %"] == 0.9


def test_tied_scores_are_taken_in_random_order():
    wrong = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    figures = common.ranking_figures(np.zeros(10), wrong)
    assert figures["AUROC"] == 0.5 and figures["AP"] == pytest.approx(0.3)
    assert figures["precision at true count"] == pytest.approx(0.3)
    assert figures["effort 90 %"] == pytest.approx(9 / 3)
    halves = common.found_after(np.repeat([1.0, 0.0], 5), wrong)
    np.testing.assert_allclose(halves, np.r_[np.arange(6) * 0.6, [3] * 5])


def test_figures_of_an_audit_count_effort_as_those_of_a_ranking():
    score, wrong = ranked(1, 1, 0, 1, *[0] * 6)
    table = pd.DataFrame(dict(score=score, rank=range(1, 11), suspect=True, p_wrong=0.3))
    figures = common.detection_figures(table, pd.Series(wrong))
    assert figures["effort 90 %"] == pytest.approx(4 / 3)
    assert figures["estimated / true"] == pytest.approx(10 / 3)


def test_samples_without_a_score_come_last():
    score, wrong = np.array([np.nan, 2.0, np.nan, -5.0]), np.array([1, 0, 0, 0], dtype=bool)
    np.testing.assert_allclose(common.found_after(score, wrong), [0, 0, 0, 0.5, 1])
    assert common.ranking_figures(score, wrong)["AUROC"] == pytest.approx(0.5 / 3)


def test_review_curve_of_a_perfect_ranking():
    curve = common.review_curve(*ranked(*[1] * 30, *[0] * 90))
    np.testing.assert_allclose(list(curve.values()), np.minimum(1, common.CURVE))
    assert (min(curve), max(curve)) == ("0.06", "3.00")


def test_figures_of_what_is_flagged_by_hand():
    flagged, wrong = np.array([1, 1, 1, 0, 0, 0], bool), np.array([1, 0, 0, 1, 0, 0], bool)
    figures = common.flag_figures(flagged, wrong)
    assert figures["flagged / true"] == 3 / 2 and figures["flag precision"] == pytest.approx(1 / 3)
    assert figures["flag recall"] == 1 / 2 and figures["flag F1"] == pytest.approx(0.4)
    assert common.flag_figures(None, wrong) == {}


@settings(max_examples=40)
@given(st.data(), st.integers(0, 2**31))
def test_the_order_of_samples_does_not_matter(data, seed):
    score = np.array(data.draw(st.lists(st.integers(0, 5), min_size=3, max_size=40)), dtype=float)
    rng = np.random.default_rng(seed)
    wrong = np.arange(len(score)) < rng.integers(1, len(score))
    order = rng.permutation(len(score))
    before = common.ranking_figures(score, wrong)
    assert common.ranking_figures(score[order], wrong[order]) == pytest.approx(before)


def test_runs_replace_the_rows_of_the_same_key_only(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    runs = common.Runs("some")
    for seed in (1, 2):
        runs.put(dict(set="a", seed=seed), [dict(method=m, AP=0.5) for m in "xyz"])
    runs.put(dict(set="a", seed=1), [dict(method="x", AP=0.7)])
    again = common.Runs("some")
    assert again.table["AP"].tolist() == [0.5, 0.5, 0.5, 0.7]
    assert again.has(dict(set="a", seed=2)) and not again.has(dict(set="b", seed=2))


@pytest.fixture
def fake(monkeypatch) -> pd.DataFrame:
    """A small Fashion-MNIST of noise, 600 a class, and sets drawn from it."""
    rng = np.random.default_rng(0)
    labels = np.repeat(datasets.FASHION_CLASSES, 600)
    pictures = rng.integers(0, 256, (len(labels), 8, 8), dtype=np.uint8)
    ids = pd.Index([f"train/{i:05d}" for i in range(len(labels))], name="sample_id")
    clean = pd.DataFrame(dict(label=labels, split="train", image=list(pictures)), ids)

    def load(name, *, root, n=None, seed=0):
        assert (name, root.name) == ("fashion_mnist", "fashion-mnist")
        return datasets.Dataset(datasets.subset(clean, n, seed=seed), None)

    monkeypatch.setattr(sets, "datasets", SimpleNamespace(load=load))
    monkeypatch.setattr(sets, "COUNT", 4000)
    monkeypatch.setattr(sets, "LARGEST", 600)
    return clean


@pytest.mark.parametrize(
    "name, rate",
    {
        "sym5": 0.05, "sym20": 0.2, "sym40": 0.4, "pair20": 0.2, "instance20": 0.2,
        "class20": 0.18, "imbalanced20": 0.2,
    }.items(),
)  # fmt: skip
def test_realised_noise_is_the_promised_one(fake, tmp_path, name, rate):
    draw = sets.SETS[f"fashion-{name}"].draw
    samples, truth = draw(tmp_path, 1)
    sd = np.sqrt(rate * (1 - rate) / len(samples))
    assert abs(realised_rate(samples, truth) - rate) < 4 * sd
    assert (truth == fake.loc[truth.index, "label"]).all() and (truth.index == samples.index).all()
    pd.testing.assert_series_equal(draw(tmp_path, 1).samples["label"], samples["label"])
    assert not draw(tmp_path, 2).samples["label"].equals(samples["label"])


def test_look_alikes_go_where_they_are_confused(fake, tmp_path):
    samples, truth = sets.SETS["fashion-class20"].draw(tmp_path, 1)
    wrong = samples["label"] != truth
    assert (samples["label"][wrong] == truth[wrong].map(sets.LOOK_ALIKES)).all()
    rates = wrong.groupby(truth).mean()
    assert rates.pop("Bag") == 0 and rates.between(0.12, 0.28).all()


def test_classes_of_unequal_size(fake, tmp_path):
    _, truth = sets.SETS["fashion-imbalanced20"].draw(tmp_path, 1)
    sizes = truth.value_counts().to_numpy()
    np.testing.assert_allclose(sizes, 600 * 20 ** (-np.arange(10) / 9), atol=0.5)
    other = sets.SETS["fashion-imbalanced20"].draw(tmp_path, 2).truth
    assert truth.value_counts().index[0] != other.value_counts().index[0]


def test_every_picture_of_the_large_set(fake, tmp_path):
    samples, truth = sets.SETS["fashion60k-sym20"].draw(tmp_path, 1)
    assert len(samples) == 6000 and realised_rate(samples, truth) == pytest.approx(0.2, abs=0.02)


def test_human_labels_keep_their_pictures(tmp_path):
    rows = [[f"train/cat/{i}.jpg", "cat", "cat", "dog" if i % 2 else "cat"] for i in range(6)]
    columns = ["path", "label_true", "label_aggre", "label_worst"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "cifar10n.csv", index=False)
    samples, truth = sets.human("label_worst", count=3)(tmp_path, 1)
    assert len(samples) == 3 and (truth == "cat").all()
    assert samples["path"].tolist() == [str(tmp_path / "cifar10" / i) for i in samples.index]
    odd = [int(i[-5]) % 2 for i in samples.index]
    assert samples["label"].tolist() == ["dog" if is_odd else "cat" for is_odd in odd]


def pixel_data(n: int = 43) -> PixelData:
    pixels = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return PixelData(pixels, np.arange(n) % 3, pd.Index([f"s{i}" for i in range(n)]), list("abcd"))


def test_probabilities_come_from_a_model_that_did_not_see_the_sample():
    data, folds = pixel_data(), []

    def fit(trained):
        folds.append(set(trained.ids))

        def predict(held_out):
            assert not folds[-1] & set(held_out.ids) and held_out.vocab == data.vocab
            assert len(folds[-1]) + len(held_out) == len(data)
            number = [int(name[1:]) for name in held_out.ids]
            assert (held_out.pixels == data.pixels[number]).all()
            assert (held_out.labels == data.labels[number]).all()
            return np.stack([number, *3 * [[len(folds)] * len(number)]], axis=1)

        return predict

    probs = trainings.out_of_sample(data, fit, seed=3)
    assert probs[:, 0].tolist() == list(range(len(data)))  # each row is its own sample's
    assert np.bincount(probs[:, 1].astype(int))[1:].tolist() == [9, 9, 9, 8, 8]
    counts = [np.bincount(data.labels[probs[:, 1] == k], minlength=3) for k in range(1, 6)]
    assert np.ptp(counts, axis=0).max() <= 1  # the same mix of labels in each fold


def random_trace(n: int = 60, epochs: int = 6) -> Trace:
    rng = np.random.default_rng(0)
    return Trace(
        ids=pd.Index([f"s{i:03d}" for i in range(n)], name="sample_id"),
        labels=rng.integers(0, 3, n),
        classes=list("abc"),
        loss=rng.exponential(size=(epochs, n)).astype(np.float32),
        margin=rng.normal(size=(epochs, n)).astype(np.float32),
        pred=rng.integers(0, 3, (epochs, n)).astype(np.int32),
        lr=np.full(epochs, 0.1),
        phase=np.repeat(["warmup", "cyclic"], epochs // 2),
        mean_probs={"cyclic": rng.dirichlet(np.ones(3), n).astype(np.float32)},
    )


def scores_of(training: str, order: np.ndarray) -> dict[str, scoring.Scored]:
    """Score samples in another order."""
    rng = np.random.default_rng(1)
    probs, labels, wrong = rng.dirichlet(np.ones(3), 60), rng.integers(0, 3, 60), rng.random(60)
    if training == "folds":
        return scoring.folds(labels[order], probs[order])
    if training == "neighbours":
        return scoring.votes_of(*neighbourhoods(probs[order], VOTERS), labels[order])
    trace = random_trace().take(order)
    if training == "o2u":
        return scoring.o2u(trace, rng.normal(size=(60, 4))[order].astype(np.float16))
    return scoring.plain(trace, wrong[order] < 0.2)


@pytest.mark.parametrize("training", ["o2u", "plain", "folds", "neighbours"])
def test_permuted_samples_have_permuted_scores(training):
    order = np.random.default_rng(5).permutation(60)
    before, after = scores_of(training, np.arange(60)), scores_of(training, order)
    assert list(before) == list(after) and len(before) >= 3
    for method, (score, flagged) in before.items():
        if score is not None:
            np.testing.assert_allclose(after[method].score, score[order], rtol=1e-6, err_msg=method)
        if flagged is not None:
            assert 0 < flagged.sum() < 60 and (after[method].flagged == flagged[order]).all()


def test_rivals_point_the_right_way():
    labels = np.zeros(12, dtype=int)
    labels[6:] = 1
    probs = np.tile([0.9, 0.1], (12, 1))
    probs[6:] = [0.2, 0.8]
    probs[5] = [0.05, 0.95]  # labelled 0, and looks like a 1
    for method, (score, _) in scoring.folds(labels, probs).items():
        assert score.argmax() == 5, method
    assert scoring.folds(labels, probs)["cleanlab, find_label_issues"].flagged[5]


def test_ties_are_broken_and_the_oracle_takes_the_best_epoch():
    ranks = scoring.tie_broken(np.array([2.0, 0, 2, 1]), np.array([0.1, 9, 0.2, 5]))
    assert ranks.tolist() == [2, 0, 3, 1]
    loss = np.array([[3.0, 2, 1], [1, 2, 3], [2, 3, 1]])
    assert scoring.best_epoch(loss, np.array([0, 0, 1], bool)).tolist() == [1, 2, 3]


def test_random_ranking_is_not_the_draw_that_planted_the_noise(fake, tmp_path):
    samples, truth = sets.SETS["fashion-sym20"].draw(tmp_path, 1)
    wrong = (samples["label"] != truth).to_numpy()
    score = scoring.score_all("random", tmp_path, wrong, wrong, seed=1)[scoring.RANDOM].score
    assert common.ranking_figures(score, wrong)["AUROC"] == pytest.approx(0.5, abs=0.05)


@pytest.fixture
def tiny(tmp_path, monkeypatch, fake) -> SimpleNamespace:
    """Options of a run that takes seconds."""
    some = datasets.subset(fake, 160, seed=0)

    def draw(data, seed):
        noisy = symmetric(0.3)
        return Planted(*sets.noise.plant(some, noisy, seed=seed))

    one = sets.SETS["fashion-sym20"]._replace(draw=draw)
    monkeypatch.setitem(sets.SETS, "fashion-sym20", one)
    monkeypatch.setitem(command.PRESETS, "quick", TINY)
    for module in (common, report):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")

    def features(samples, backbone, *, folder):
        assert folder is None and backbone == trainings.OFFLINE
        return np.stack(samples["image"]).reshape(len(samples), -1).astype(np.float16)

    monkeypatch.setattr(trainings, "features", features)
    monkeypatch.setattr(trainings, "backbone", lambda name: name)
    return SimpleNamespace(
        data=tmp_path, sets=["fashion-sym20"], seeds=[1], methods=list(command.TRAININGS),
        preset="quick", lr_max=0.05, fold_epochs=1, traces=tmp_path / "traces", results="tiny",
        features=None,
    )  # fmt: skip


def test_runs_are_not_repeated_and_can_be_scored_again(tiny, monkeypatch):
    command.run_all(tiny)
    rows = common.Runs("tiny").table
    assert (
        len(rows) == 2 + 11 + 5 + 5 + 1 + 2 + 1 + 5 + 3
        and (rows["share_wrong"].between(0.15, 0.45)).all()
    )
    passes = rows.groupby("training")[["training_passes", "evaluation_passes"]].first()
    assert passes.loc["o2u"].tolist() == [2, 1] and passes.loc["plain"].tolist() == [2, 0]
    assert passes.loc["folds"].tolist() == [4, 1]
    assert (passes.loc[list(frozen.TRAININGS)] == [0, 1]).all(axis=None)
    forbidden = dict.fromkeys(command.TRAININGS)  # calling one would fail
    monkeypatch.setattr(command, "TRAININGS", forbidden)
    command.run_all(tiny)
    pd.testing.assert_frame_equal(common.Runs("tiny").table, rows)
    command.rescore(tiny.traces, common.Runs("tiny"), common.Runs("tiny_curves"))
    keys = ["training", "method"]
    again = common.Runs("tiny").table
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), rows.sort_values(keys, ignore_index=True)
    )
    kept = tiny.traces / "fashion-sym20" / "1" / "folds"
    np.testing.assert_allclose(np.load(kept / "probs.npy").sum(1), 1, rtol=1e-5)
    assert json.loads((kept / "run.json").read_text())["classes"] == sorted(
        sets.LOOK_ALIKES | {"Bag": 0}
    )
    page = report.write([common.RESULTS / "tiny.csv"])
    assert "## Where we lose" in page.read_text() and "nan" not in page.read_text()
    assert {path.name for path in page.parent.glob("*.png")} == {
        "detection_ap.png", "detection_effort.png",
    }  # fmt: skip


def test_all_trainings_start_from_the_same_weights(tiny):
    samples = sets.SETS["fashion-sym20"].draw(tiny.data, 1).samples
    task = trainings.Task(samples, 1, TINY)
    first, part = task.learner(), task.learner(trainings.part(task.data, np.arange(50)))
    for one, other in zip(first.model.parameters(), part.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert first.dls.train.bs == part.dls.train.bs and first.dls.train.crop == part.dls.train.crop
    pictures, labels = first.dls.one_batch()
    again, same = task.learner().dls.one_batch()
    assert torch.equal(pictures, again) and torch.equal(labels, same)


def test_folds_take_about_twice_our_passes():
    for name, epochs in {"quick": 8, "standard": 13, "thorough": 20}.items():
        task = trainings.Task(pd.DataFrame(), 1, PRESETS[name])
        assert task.n_fold_epochs() == epochs
        assert epochs * 4 >= 2 * PRESETS[name].n_epochs


def rows_of(method: str, aps: dict[int, float]) -> list[dict]:
    passes = 20 if method == scoring.NETWORK else 30
    return [
        dict(set="digits-sym20", seed=seed, method=method, AP=ap, training_passes=passes)
        for seed, ap in aps.items()
    ]


def test_leads_are_taken_seed_by_seed():
    rows = pd.DataFrame(
        [
            *rows_of(scoring.NETWORK, {1: 0.5, 2: 0.9}),
            *rows_of("AUM", {1: 0.6, 2: 0.96}),
            *rows_of("data maps", {1: 0.4}),
            *rows_of(scoring.RANDOM, {1: 0.99, 2: 0.99}),
            *rows_of(scoring.ORACLE, {1: 0.8, 2: 0.8}),
        ]
    )
    found = report.compared(rows).set_index("rival")
    assert set(found.index) == {"AUM", "data maps", scoring.ORACLE}
    assert found.loc["AUM", "lead"] == pytest.approx(0.08)
    assert found.loc["AUM", "spread"] == pytest.approx(0.04 / np.sqrt(2))
    assert found.loc["AUM", "ahead"] == 2 and found.loc[scoring.ORACLE, "ahead"] == 1
    assert found.loc["data maps", "lead"] == pytest.approx(-0.1)
    text = "\n".join(report.losses_and_wins(rows))
    assert (
        "| digits, 1,797, symmetric 20 % | AUM | 0.780 | 0.700 | +0.080 ± 0.028 | 2.8 | 1.5 |"
        in text
    )
    assert text.endswith("None.")  # and no win


def test_the_best_of_a_column_is_bold_and_the_oracle_is_not():
    rows = pd.DataFrame(
        [
            *rows_of(scoring.NETWORK, {1: 0.5, 2: 0.7}),
            *rows_of("AUM", {1: 0.4, 2: 0.5}),
            *rows_of(scoring.ORACLE, {1: 0.8, 2: 0.8}),
        ]
    ).assign(**{"effort 90 %": lambda table: 1 + table["AP"]})
    cells = report.figure_table(rows, "AP", ["digits-sym20"]).iloc[:, 0]
    assert cells.tolist() == ["**0.600 ± 0.100**", "0.450 ± 0.050", "0.800 ± 0.000"]
    cells = report.figure_table(rows, "effort 90 %", ["digits-sym20"]).iloc[:, 0]
    assert cells.tolist()[:2] == ["1.600 ± 0.100", "**1.450 ± 0.050**"]


def test_losses_by_other_figures_are_listed():
    figures = {"AUROC": (0.9, 0.8), "effort 90 %": (1.5, 1.2), "precision top 1 %": (1.0, 1.0)}
    ours, theirs = ({name: values[k] for name, values in figures.items()} for k in (0, 1))
    rows = pd.DataFrame(
        [
            dict(set="digits-sym20", seed=1, method=scoring.NETWORK, AP=0.9, **ours),
            dict(set="digits-sym20", seed=1, method="AUM", AP=0.8, **theirs),
            dict(set="digits-sym20", seed=1, method=scoring.ORACLE, AP=1, **{"AUROC": 1.0}),
        ]
    )
    words, table = report.losses_by_other_figures(rows.assign(training_passes=1))
    assert "better in 1 of 4 comparisons" in words
    assert table.splitlines()[2:] == [
        "| digits, 1,797, symmetric 20 % | effort 90 % | AUM | 1.200 | 1.500 | +0.300 "
        "| 1 of 1 | 1 of 1 |"
    ]


def test_ours_is_the_product_where_it_was_run_and_its_parts_are_no_rivals():
    rows = pd.DataFrame(
        [
            *rows_of(scoring.NETWORK, {1: 0.6}),
            *rows_of(scoring.AUDIT, {1: 0.5}),
            *rows_of(scoring.AUDIT + scoring.OF_KIND_WRONG, {1: 0.7}),
            *rows_of(f"{scoring.FROZEN}AUM", {1: 0.4}),
            *[{**row, "set": "coats"} for row in rows_of(scoring.NETWORK, {1: 0.9})],
        ]
    )
    expected = {"digits-sym20": scoring.AUDIT, "coats": scoring.NETWORK}
    assert comparing.product(rows).to_dict() == expected
    pairs = comparing.compared(rows)
    assert comparing.rivals_of(pairs)["rival"].tolist() == [f"{scoring.FROZEN}AUM"]
    text = "\n".join(report.losses_and_wins(rows))
    lost, won = text.split("## Where we win")
    assert scoring.FROZEN not in lost and scoring.FROZEN in won
    assert f"| {scoring.AUDIT}{scoring.OF_KIND_WRONG} | 0.700 | 0.500 | +0.200 |" in lost


def test_too_many_and_too_few_flagged_are_equally_bad():
    ratios = {"flagged / true": [2.0, 0.5, 1.0, np.nan, 0.0]}
    found = comparing.with_count(pd.DataFrame(ratios).assign(n=100, share_wrong=0.1))
    np.testing.assert_allclose(found["count, off by a factor"], [2, 2, 1, np.nan, 10])


@pytest.fixture
def waste(tmp_path) -> pd.Series:
    """Class folders of waste, empty files in them; the classes by file."""
    for label in sets.WASTE_ALIKE:
        (tmp_path / "trashnet" / label).mkdir(parents=True)
        for number in range(300):
            (tmp_path / "trashnet" / label / f"{label}{number}.jpg").touch()
    ids = [f"{label}/{label}{number}.jpg" for label in sets.WASTE_ALIKE for number in range(300)]
    return pd.Series([name.split("/")[0] for name in ids], ids)


@pytest.mark.parametrize(
    "name, rate",
    {"sym10": 0.1, "sym30": 0.3, "pair20": 0.2, "class10": 0.1, "strangers": 1 / 6}.items(),
)
def test_noise_of_photographs_is_the_promised_one(waste, tmp_path, name, rate):
    samples, truth = sets.SETS[f"waste-{name}"].draw(tmp_path, 1)
    assert realised_rate(samples, truth) == pytest.approx(rate, abs=0.03)
    assert truth.to_dict() == waste.to_dict()
    assert all(path.endswith(f"/trashnet/{name}") for name, path in samples["path"].items())
    again = sets.SETS[f"waste-{name}"].draw(tmp_path, 2).samples
    assert not again["label"].equals(samples["label"])


def test_strangers_are_filed_under_every_other_class_and_no_other_label_is_wrong(waste, tmp_path):
    samples, truth = sets.SETS["waste-strangers"].draw(tmp_path, 1)
    strange = truth == sets.STRANGERS
    assert (samples["label"] != truth).equals(strange)
    counts = samples.loc[strange, "label"].value_counts()
    assert sets.STRANGERS not in counts and len(counts) == 5 and counts.min() > 30


def test_photographs_go_to_the_class_they_look_like(waste, tmp_path):
    samples, truth = sets.SETS["waste-class10"].draw(tmp_path, 1)
    wrong = samples["label"] != truth
    assert (samples["label"][wrong] == truth[wrong].map(sets.WASTE_ALIKE)).all()


def test_a_data_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no photographs in .*trashnet"):
        sets.SETS["waste-sym10"].draw(tmp_path, 1)


def test_a_picture_that_an_audit_left_out_comes_last_and_is_no_suspect():
    table = pd.DataFrame(
        dict(score=[1.0, np.nan], suspect=[True, None], kind=["wrong", None]), ["a", "b"]
    )
    found = scoring.named("ours", table)
    assert found["ours"].flagged.tolist() == [True, False]
    assert found["ours" + scoring.OF_KIND_WRONG].flagged.tolist() == [True, False]
    np.testing.assert_allclose(found["ours"].score, [1, np.nan])
