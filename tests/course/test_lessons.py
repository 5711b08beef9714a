"""What the lessons compute, against values worked out by hand, and against maintained libraries."""

import numpy as np
import pandas as pd
import pytest
from cleanlab.count import compute_confident_joint
from hypothesis import given as for_all
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import roc_auc_score

from o2u_nb.course import (
    cases,
    cleaning,
    confident,
    dynamics,
    entropy,
    memorising,
    noise_effect,
    reviewing,
)
from o2u_nb.course.capstone import Capstone
from o2u_nb.course.digits import NAMES, digits, picture
from o2u_nb.course.trial import Answers, Question
from o2u_nb.review.agreement import agreement


class TestDigits:
    def test_pixels_and_labels(self):
        pixels, labels = digits()
        assert pixels.shape == (1797, 64) and pixels.min() == 0 and pixels.max() == 1
        assert labels[:10].tolist() == list(range(10))

    def test_a_picture_is_dark_ink_on_white(self):
        pixels = np.zeros(64)
        pixels[9] = 1  # row 1, column 1
        shown = picture(pixels)
        assert shown.shape == (64, 64) and (shown[8:16, 8:16] == 0).all()
        assert (shown == 255).sum() == 63 * 64


class TestNoise:
    @pytest.mark.parametrize("kind", noise_effect.KINDS)
    def test_rows_are_distributions_with_the_rate_off_the_diagonal(self, kind):
        matrix = noise_effect.transition(kind, 0.3)
        np.testing.assert_allclose(matrix.sum(1), 1)
        np.testing.assert_allclose(np.diag(matrix), 0.7)

    def test_symmetric_noise_spreads_evenly(self):
        assert noise_effect.transition("symmetric", 0.9)[0, 1:] == pytest.approx(0.1)

    def test_look_alike_takes_the_nearest_mean_picture(self):
        pixels, labels = digits()
        means = [pixels[labels == k].mean(0) for k in range(10)]
        apart = {k: np.abs(means[k] - means[3]).dot(np.abs(means[k] - means[3])) for k in range(10)}
        assert noise_effect.look_alike()[3] == min((k for k in apart if k != 3), key=apart.get)

    def test_labels_are_drawn_from_the_row_of_their_class(self):
        matrix = noise_effect.transition("pair flip", 0.25)
        drawn = noise_effect.relabel(matrix, np.full(10_000, 9), seed=0)
        assert set(drawn) == {0, 9} and (drawn == 0).mean() == pytest.approx(0.25, abs=0.02)

    @pytest.mark.parametrize("kind, rate", [("odd", 0.1), ("symmetric", 1.1), ("pair flip", -0.1)])
    def test_what_cannot_be_is_an_error(self, kind, rate):
        with pytest.raises(ValueError, match="Expected one of"):
            noise_effect.transition(kind, rate)

    def test_calibration_by_hand(self):
        fitted = noise_effect.Fitted(
            0.5, np.array([0.95, 0.95, 0.65, 1.0]), np.array([True, False, False, True])
        )
        said, true, error = noise_effect.calibration(fitted)
        assert said[9] == pytest.approx(2.9 / 3) and true[9] == pytest.approx(2 / 3)
        assert said[6] == pytest.approx(0.65) and true[6] == 0 and np.isnan(said[0])
        assert error == pytest.approx((3 * 0.3 + 0.65) / 4)

    def test_more_noise_costs_accuracy(self):
        accuracy = noise_effect.by_rate("pair flip")
        assert accuracy[0] > 0.93 and (np.diff(accuracy) < 0.01).all() and accuracy[-1] < 0.1


class TestEntropy:
    @for_all(st.floats(0, 1), st.floats(0.01, 0.99))
    def test_the_two_parts_add_up(self, q, p):
        whole = -(q * np.log(p) + (1 - q) * np.log(1 - p))
        assert entropy.cross_entropy(q, p) == pytest.approx(whole)
        assert entropy.divergence(q, p) >= -1e-12

    def test_against_scipy(self):
        assert entropy.entropy(0.2) == pytest.approx(scipy_entropy([0.2, 0.8]))
        assert entropy.divergence(0.2, 0.6) == pytest.approx(scipy_entropy([0.2, 0.8], [0.6, 0.4]))

    def test_the_sentence(self):
        message = entropy.explain(0.8, 0.8).message
        assert "Loss 0.50 nats = 0.00" in message and "80 % of the labels" in message


def dynamics_of(probs: np.ndarray, given: list[int], truth: list[int]) -> memorising.Memorised:
    """A recorded training with these probabilities (n_epochs, n, n_classes)."""
    n = len(given)
    return memorising.Memorised(
        np.arange(n),
        np.array(given),
        np.array(truth),
        memorising._coded(probs),
        np.zeros(len(probs)),
    )


class TestMemorising:
    def test_a_training_repeats_itself_and_differs_by_seed(self):
        one, again = memorising.recorded(), memorising.record(0)
        np.testing.assert_array_equal(one.codes, again.codes)
        other = memorising.record(1)
        assert (one.given != other.given).any() and one.wrong.mean() == pytest.approx(0.3, abs=0.06)

    @pytest.mark.parametrize("seed", [0, 1])
    def test_right_labels_come_first_and_wrong_ones_later(self, seed):
        found = memorising.record(seed)
        agrees = found.answers() == found.given
        assert agrees[8][~found.wrong].mean() > 0.9 and agrees[8][found.wrong].mean() < 0.1
        assert agrees[-1][found.wrong].mean() > 0.8
        assert found.test.max() > found.test[-1] + 0.1

    def test_losses_are_kept_to_a_thirtieth_of_a_nat(self):
        probs = np.array([[[0.7, 0.2, 0.1]]])
        found = dynamics_of(probs, [1], [0])
        assert found.losses()[0, 0] == pytest.approx(-np.log(0.2), abs=1 / 60 + 1e-9)
        np.testing.assert_allclose(found.probs, probs, atol=0.01)
        assert found.wrong.tolist() == [True] and found.answers().tolist() == [[0]]


class TestDynamics:
    PROBS = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])

    def found(self) -> memorising.Memorised:
        return dynamics_of(self.PROBS[:, None, :], [0], [1])

    def test_margin(self):
        expected = np.log([0.5 / 0.3, 0.1 / 0.8, 0.6 / 0.3, 0.2 / 0.7])
        np.testing.assert_allclose(dynamics.margins(self.found())[:, 0], expected, atol=0.04)

    def test_forgetting(self):
        assert dynamics.forgotten(self.found()).tolist() == [2]
        assert dynamics.forgotten(self.found(), 3).tolist() == [1]

    def test_data_map(self):
        confidence, variability = dynamics.data_map(self.found())
        own = self.PROBS[:, 0]
        assert confidence[0] == pytest.approx(own.mean(), abs=0.01)
        assert variability[0] == pytest.approx(own.std(), abs=0.01)

    def test_higher_is_more_suspicious(self):
        probs = np.tile([[[0.9, 0.1], [0.9, 0.1]]], (3, 1, 1))
        found = dynamics_of(probs, [0, 1], [0, 0])
        for measure in ("loss", "low margin", "low confidence"):
            low, high = dynamics.suspicion(found, measure, 3)
            assert high > low
        with pytest.raises(ValueError, match="Expected one of"):
            dynamics.suspicion(found, "guess", 3)

    def test_precision_takes_as_many_as_are_wrong(self):
        assert (
            dynamics.precision(np.array([3.0, 1, 2, 0]), np.array([True, True, False, False]))
            == 0.5
        )

    def test_the_digit_that_was_clicked(self):
        found = memorising.recorded()
        position = int(np.flatnonzero(found.wrong)[0])
        figure = dynamics.digit_figure(found, position)
        np.testing.assert_allclose(
            figure.data[0].y, found.probs[:, position, found.given[position]]
        )
        assert NAMES[found.truth[position]] in figure.layout.title.text


class TestConfident:
    def test_against_cleanlab(self):
        data = confident.labelled()
        ours = confident.confident_joint(
            data.given, data.probs, confident.thresholds(data.given, data.probs)
        )
        theirs = compute_confident_joint(data.given, data.probs, calibrate=False)
        off = ~np.eye(10, dtype=bool)
        np.testing.assert_array_equal(ours[off], theirs[off])

    def test_nobody_reaches_a_threshold_above_one(self):
        data = confident.labelled()
        assert confident.confident_joint(data.given, data.probs, np.full(10, 1.1)).sum() == 0
        assert not confident.found(data.given, data.probs, np.full(10, 1.1)).any()

    def test_in_sample_hides_what_out_of_sample_shows(self):
        n = {
            model: confident.found(*data[::2], confident.thresholds(data.given, data.probs)).sum()
            for model in confident.MODELS
            for data in [confident.labelled(model=model)]
        }
        assert n["in sample"] < 0.05 * n["out of sample"]


class TestReviewing:
    @pytest.mark.parametrize("auroc", [0.7, 0.95])
    def test_the_scores_have_the_auroc_that_they_should(self, auroc):
        rng = np.random.default_rng(0)
        wrong = rng.random(40_000) < 0.3
        scores = rng.normal(size=40_000) + wrong * reviewing.separation(auroc)
        assert roc_auc_score(wrong, scores) == pytest.approx(auroc, abs=0.006)

    def test_without_a_signal_effort_is_that_of_a_random_order(self):
        assert reviewing.to_find(0.5, 0.1) == pytest.approx(0.9, abs=0.01)
        assert reviewing.effort(0.5, 0.1).precision == pytest.approx(0.1)

    def test_the_same_auroc_is_worth_less_with_fewer_wrong_labels(self):
        at = []
        for wrong in (0.03, 0.3):
            curve = reviewing.effort(0.95, wrong)
            at.append(np.interp(wrong, curve.looked, curve.precision))
        assert at[0] < 0.6 < 0.8 < at[1]

    def test_a_trial_shows_half_of_the_suggestions_at_random(self):
        trial = reviewing.anchoring_trial()
        shown = [q.about["shown"] for q in trial]
        assert len(trial) == 20 and sum(shown) == 10 and shown != sorted(shown)
        assert len({q.id for q in trial}) == 20
        for q in trial:
            assert ("The computer says" in q.text) == q.about["shown"]

    def test_anchoring_by_hand(self):
        rows = [("1", "1", True)] * 3 + [("2", "1", True)] + [("1", "1", False)] * 1
        rows += [("2", "1", False)] * 3
        table = pd.DataFrame(rows, columns=["answer", "suggestion", "shown"])
        found = reviewing.anchoring(table)
        assert (found.shown, found.hidden, found.effect) == (0.75, 0.25, 0.5)
        # Wilson's intervals are .3006 to .9544 for 3 of 4, and .0456 to .6994 for 1 of 4
        low = 0.5 - np.hypot(0.75 - 0.3006, 0.6994 - 0.25)
        high = 0.5 + np.hypot(0.9544 - 0.75, 0.25 - 0.0456)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)
        with pytest.raises(ValueError, match="found 4 with and 0 without"):
            reviewing.anchoring(table[table["shown"]])

    def test_a_trial_without_answers_is_one_sentence_or_an_empty_table(self):
        table = Answers(reviewing.anchoring_trial(4)).table()
        with pytest.raises(ValueError, match="found 0 with and 0 without: go on with the trial"):
            reviewing.anchoring(table)
        assert reviewing.by_order(table).empty

    def test_both_halves(self):
        table = pd.DataFrame(
            {"seconds": [4.0, 2, 1, 1], "answer": list("1234"), "truth": list("1224")}
        )
        found = reviewing.by_order(table)
        assert found["seconds"].tolist() == [3, 1] and found["right"].tolist() == [1, 0.5]


class TestCases:
    def test_each_kind_is_there(self):
        made = cases.cases()
        assert pd.Series([q.about["kind"] for q in made]).value_counts().eq(3).all()
        assert len(made) == 18 and {q.choices for q in made} == {cases.KINDS}
        assert [q.id for q in made] == [q.id for q in cases.cases()]
        assert any("in the set twice" in q.text for q in made)

    def test_a_wrong_case_does_not_carry_the_right_label(self):
        rng = np.random.default_rng(0)
        pixels, labels = digits()
        scans = {picture(scan).tobytes(): label for scan, label in zip(pixels, labels, strict=True)}
        for _ in range(5):
            shown, label, _ = cases._wrong(rng)
            assert NAMES[scans[shown.tobytes()]] != label
            shown, label, _ = cases._right(rng)
            assert NAMES[scans[shown.tobytes()]] == label

    def test_agreement_by_hand(self):
        one = pd.Series(list("aabb"), list("wxyz"), name="ann")
        other = pd.Series(list("abbb"), list("wxyz"), name="bob")
        found = agreement(one, other).kappa
        assert (found.agreed, found.n) == (3, 4)
        assert found.value == pytest.approx((0.75 - 0.5) / 0.5)
        assert np.isnan(agreement(one[:1], other[:1]).kappa.value)

    def test_answers_go_round_a_folder(self, tmp_path):
        table = pd.DataFrame({"question": ["a", "b"], "answer": ["right", "wrong"], "seconds": 1.0})
        cases.keep(table, "ann", tmp_path / "votes")
        cases.keep(table[:1], "bob", tmp_path / "votes")
        votes = cases.kept(tmp_path / "votes")
        assert (
            votes["ann"].to_dict() == {"a": "right", "b": "wrong"}
            and votes["bob"].isna().sum() == 1
        )

    def test_pictures_with_votes(self):
        shown = np.zeros((4, 4), np.uint8)
        votes = pd.DataFrame({"ann": ["cat"], "bob": ["dog"]}, index=["x.png"])
        (question,) = cases.cases_of({"x.png": shown}, votes, ("cat", "dog"))
        assert question.about == {"ann": "cat", "bob": "dog"} and question.id == "x.png"


class TestCleaning:
    def test_the_reviewers_list_is_as_good_as_asked(self):
        rng = np.random.default_rng(0)
        truth = np.arange(1000) % 10
        given = np.where(np.arange(1000) < 200, (truth + 1) % 10, truth)
        listed = cleaning._listed(given, truth, 0.5, 0.8, None, rng)
        assert listed[:200].sum() == 100 and listed.sum() == 125

    def test_rare_samples_are_suspected_first(self):
        truth = np.r_[np.full(90, 1), np.full(10, 8)]
        given = np.where(np.arange(100) < 20, 2, truth)
        listed = cleaning._listed(given, truth, 1.0, 0.5, 8, np.random.default_rng(0))
        assert listed[90:].all() and listed.sum() == 40

    def test_remedies(self):
        given, truth = np.array([1, 2, 3]), np.array([1, 5, 3])
        listed = np.array([False, True, True])
        labels, weights = cleaning._remedied("relabel", given, truth, listed)
        assert labels.tolist() == [1, 5, 3] and weights.tolist() == [1, 1, 1]
        assert cleaning._remedied("drop", given, truth, listed)[1].tolist() == [1, 0, 0]
        assert cleaning._remedied("weight", given, truth, listed)[1].tolist() == [1, 0.1, 0.1]

    def test_relabelling_helps_and_dropping_costs_the_rare(self):
        means = cleaning.summary(cleaning.runs(seeds=(0, 1)))["mean"]
        assert means["as it is"] < means["drop"] < means["true labels"]
        rare = cleaning.runs(seeds=(0, 1), rare=8, precision=0.5)
        eights = cleaning.summary(rare, "rare_accuracy")["mean"]
        assert eights["drop"] < eights["as it is"]


class TestTrial:
    def answers(self) -> Answers:
        self.now = 0.0
        shown = np.zeros((2, 2), np.uint8)
        asked = [Question(f"q{k}", "?", shown, ("yes", "no"), {"k": k}) for k in range(2)]
        return Answers(asked, clock=lambda: self.now)

    def test_answers_their_times_and_taking_back(self):
        answers = self.answers()
        self.now = 3.0
        answers.give(1)
        self.now = 5.0
        answers.take_back()
        self.now = 6.0
        answers.give(0)
        self.now = 1000.0
        answers.give(1)
        assert answers.question is None and answers.table().to_dict("records") == [
            {"question": "q0", "answer": "yes", "seconds": 1.0, "k": 0},
            {"question": "q1", "answer": "no", "seconds": 120.0, "k": 1},
        ]
        with pytest.raises(ValueError, match="Expected a choice"):
            answers.give(0)

    def test_a_choice_that_there_is_not(self):
        with pytest.raises(ValueError, match="found 2"):
            self.answers().give(2)

    def test_nothing_is_answered_at_first(self):
        answers = self.answers()
        answers.take_back()
        assert list(answers.table().columns) == ["question", "answer", "seconds", "k"]


class TestCapstone:
    def answered(self, task: Capstone, positions, answer=None) -> pd.DataFrame:
        truth = task.truth_of(positions)
        return pd.DataFrame([{"position": k, "answer": answer or str(truth[k])} for k in positions])

    def test_the_seed_decides_the_noise(self):
        one, again, other = Capstone(1), Capstone(1), Capstone(2)
        np.testing.assert_array_equal(one.given, again.given)
        assert (one.given != other.given).any()

    def test_answers_mend_labels_and_cost_clicks(self):
        task = Capstone(1, budget=50)
        wrong = np.flatnonzero(task.given != digits().labels)[:10]
        task.record(self.answered(task, wrong))
        assert task.left == 40 and task.changed(wrong) == 10
        before = int((task.given != digits().labels).sum())
        assert task.score(before - 10) == (before, before - 10, 10, 0, True)
        assert task.score(before - 11).kept is False and task.score().kept is None

    def test_wrong_answers_do_harm_and_unread_ones_nothing(self):
        task = Capstone(1)
        right = np.flatnonzero((task.given == digits().labels) & (digits().labels != 3))[:4]
        task.record(self.answered(task, right[:2], "3"))
        task.record(self.answered(task, right[2:], "cannot be read"))
        assert task.score().harmed == 2 and task.left == task.budget - 4
        assert task.labels()[right[2]] == task.given[right[2]]

    def test_clicks_are_not_spent_twice(self):
        task = Capstone(1, budget=3)
        task.record(self.answered(task, [5, 6]))
        task.record(self.answered(task, [5, 6]))
        assert task.left == 1
        for positions in ([5], [7, 8], [7, 7]):
            with pytest.raises(ValueError, match="Expected at most 1 digits"):
                task.questions(positions)
        with pytest.raises(ValueError, match="new answers"):
            task.record(self.answered(task, [7, 8]))

    def test_a_question_does_not_show_the_label(self):
        task = Capstone(1)
        (question,) = task.questions([5])
        assert question.about == {"position": 5} and "label" not in question.text

    def test_samples(self):
        task = Capstone(1)
        samples = task.samples()
        assert len(samples) == 1797 and samples["label"].iloc[7] == NAMES[task.given[7]]
