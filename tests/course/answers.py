"""Right and wrong answers to every self-check of the course."""

import numpy as np
import pandas as pd

from o2u_nb.course import cases, cleaning, confident, memorising, reviewing
from o2u_nb.course.capstone import Score
from o2u_nb.review.certificate import most_wrong


def sorted_cases(n: int = 18) -> pd.DataFrame:
    return pd.DataFrame([{"answer": q.about["kind"], **q.about} for q in cases.cases()[:n]])


def trial(n: int = 20) -> pd.DataFrame:
    asked = reviewing.anchoring_trial()[:n]
    return pd.DataFrame([{"answer": q.about["truth"], **q.about} for q in asked])


def thresholds_over_all(given, probs):
    return probs.mean(0)


def joint_of_all(given, probs, thresholds):
    joint = np.zeros((10, 10))
    np.add.at(joint, (given, probs.argmax(1)), 1)
    return joint


def scores_of(n_wrong: int, n: int = 100) -> tuple[pd.DataFrame, pd.Series]:
    """A score table that ranks 30 planted labels; the mean finds them but for `n_wrong`."""
    planted = pd.Series(np.arange(n) < 30, [f"s{k}" for k in range(n)])
    mean = planted.astype(float) + 0.1
    mean.iloc[:n_wrong] = 0.0
    return pd.DataFrame({"o2u_mean": mean, "o2u_var": 1.0 - mean}), planted


PLAIN = memorising.recorded()
HEART = float((PLAIN.answers()[-1] == PLAIN.given)[PLAIN.wrong].mean())
MEANS = pd.DataFrame({"mean": [0.7, 0.8, 0.9, 0.8, 0.95], "std": [0.02] * 5}, cleaning.REMEDIES)
BY_METHOD = pd.DataFrame({"symmetric 40 %": [0.7, 0.8]}, ["plain", "gce"])
SEEN = confident.labelled(model="in sample")
NONE_IN_SAMPLE = int(confident.found(*SEEN[:1], SEEN.probs, confident.thresholds(*SEEN[::2])).sum())
BOOLS = np.arange(10) < 5
AT_COUNT = 0.55
MATRIX = np.array([[0.7, 0.3, 0], [0, 0.7, 0.3], [0.3, 0, 0.7]])

# The name of each check, the arguments of right answers, and those of several wrong ones.
ANSWERS = {
    "share_prediction": ([(0.1, 0.12)], [(20, 0.12), ("much", 0.1)]),
    "all_sorted": ([(sorted_cases(),)], [(sorted_cases(17),)]),
    "agreement_by_hand": ([(0.8, 0.524)], [(0.8, 0.8), (0.6, 0.524), (0.8, 0.6), (80, 0.5)]),
    "symmetric_prediction": ([(0.6,), (0.9,)], [(60,), ("high",), (None,)]),
    "pair_flip_matrix": ([(MATRIX,), (MATRIX.tolist(),)], [(MATRIX.T,), (np.eye(3),), (MATRIX[:2],),
                                                           (MATRIX * 2,), ("T",)]),
    "realised_rate": ([(0.36,)], [(0.4,), (0.44,), (36,)]),
    "most_harmful": ([("pair flip",), (" Pair  FLIP ",)], [("symmetric",), ("look-alike",)]),
    "confidence_after_noise": ([("underconfident",)], [("overconfident",), ("calibrated",)]),
    "best_epoch_prediction": ([(60,), (7,)], [(0,), (61,), (1.5,)]),
    "learnt_by_heart": ([(HEART,)], [(0.5,), (0.9,)]),
    "smallest_loss": ([(0.5,), (0.5004,)], [(0,), (0.69,), (0.8,)]),
    "early_part": ([("KL divergence",)], [("entropy",)]),
    "rate_by_hand": ([(0.02525,)], [(0.05,), (0.0305,), (0.0203,)]),
    "separates_prediction": ([("mean", *scores_of(2)), ("variance", *scores_of(2))],
                             [("both", *scores_of(2))]),
    "separated": ([scores_of(3)], [scores_of(4), (scores_of(0)[0], scores_of(0)[1] & False)]),
    "jump_back": ([("rises",)], [("falls",), ("stays",)]),
    "loss_of_random_label": ([(np.log(10), 10), (2.303, 10)], [(0.1, 10), (1.0, 10)]),
    "when_to_remove": ([("at the end of the high rate",)], [("before training",),
                                                            ("after the low rate",)]),
    "blind_spot": ([("pair flip",)], [("symmetric",)]),
    "margin_by_hand": ([(np.log(0.2 / 0.7),), (-1.25,)], [(-0.5,), (1.25,), (0.2,)]),
    "forgetting_by_hand": ([(2,)], [(3,), (1,), (2.5,)]),
    "best_measure": ([("low margin", 10), ("loss", 5)], [("variability", 10), ("loss", 99),
                                                         ("forgetting", 60)]),
    "corner_of_the_map": ([("low", "low")], [("high", "low"), ("low", "high"), ("left", "low")]),
    "my_thresholds": ([(confident.thresholds,)], [(thresholds_over_all,), (lambda g, p: [0, 0],),
                                                  (lambda g, p: ...,)]),
    "my_joint": ([(confident.confident_joint,)],
                 [(joint_of_all,), (lambda *a: confident.confident_joint(*a).T,),
                  (lambda *a: np.eye(10),)]),
    "in_sample": ([(NONE_IN_SAMPLE,)], [(NONE_IN_SAMPLE + 1,), (-1,)]),
    "same_as_cleanlab": ([(BOOLS, BOOLS)], [(BOOLS, ~BOOLS), (BOOLS, BOOLS[:5]),
                                            (BOOLS.astype(int), BOOLS)]),
    "lead_prediction": ([(0.1, BY_METHOD, "symmetric 40 %")], [(10, BY_METHOD, "symmetric 40 %")]),
    "agreement_is_better": ([("both", 0.9, 0.4, 0.3), ("only the first", 0.4, 0.9, np.nan)],
                            [("only the first", 0.9, 0.4, 0.3), ("none", 0.9, 0.4, 0.3)]),
    "precision_prediction": ([(0.95,)], [(95,)]),
    "same_auroc": ([("falls",)], [("stays",), ("rises",)]),
    "review_hours": ([(1.333,)], [(11.11,), (80,)]),
    "trial_done": ([(trial(),)], [(trial(19),)]),
    "better_remedy": ([("relabel", MEANS)], [("drop", MEANS), ("true labels", MEANS)]),
    "is_a_lead": ([("yes", MEANS, "relabel", "drop"), ("no", MEANS, "drop", "weight")],
                  [("no", MEANS, "relabel", "drop"), ("yes", MEANS, "drop", "weight")]),
    "dirty_test": ([("lowers it",)], [("raises it",), ("leaves it",)]),
    "clicks": ([(120, 200)], [(190, 200), (5, 200), (201, 200)]),
    "most_left": ([(most_wrong(1677, 80, 1), 1677, 80, 1)], [(21, 1677, 80, 1), (94, 1677, 80, 1)]),
    "capstone": ([(Score(132, 44, 200, 0, True),)],
                 [(Score(132, 140, 200, 9, True),), (Score(132, 44, 200, 0, None),),
                  (Score(132, 44, 200, 0, False),)]),
}  # fmt: skip
