"""The self-checks of the course: one plain function for each question of a notebook.

In comes a student's answer; out comes a `Verdict`, which a notebook shows, and which a grader asks
with `require`. Where the right answer can be computed, it is computed here, never written down. A
prediction is right as soon as it is one: its verdict says how far off it was.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from o2u_nb.course import (
    cases,
    confident,
    dynamics,
    entropy,
    memorising,
    noise_effect,
    reviewing,
)
from o2u_nb.course.capstone import Score
from o2u_nb.course.verdict import (
    NotYet,
    array,
    close,
    number,
    one_of,
    prediction,
    question,
    share,
    whole,
)
from o2u_nb.review.certificate import most_wrong
from o2u_nb.text import percent


def off(guess: float, found: float) -> str:
    """Say how far a predicted share is from what was found."""
    apart = abs(guess - found)
    words = "close" if apart <= 0.05 else "too high" if guess > found else "too low"
    return f"You said {percent(guess)}, it is {percent(found)}: {words}."


# 0. Quickstart, and wherever a share is predicted


@prediction
def share_prediction(guess: float, found: float) -> str:
    """Predict a share that the notebook has computed since."""
    return off(share(guess), float(found))


# 1. What is a wrong label?


@question
def all_sorted(table: pd.DataFrame) -> str:
    """All cases of the lesson are sorted; says of how many it was known what they were made as."""
    n = len(cases.cases())
    if len(table) < n:
        raise NotYet(f"{len(table)} of {n} cases are sorted: go on in the panel above.")
    same = int((table["answer"] == table["kind"]).sum())
    rest = "" if same == n else " The other answers are not mistakes: look at the table below."
    return f"Your answer is the kind that the case was made as in {same} of {n} cases.{rest}"


@question
def agreement_by_hand(observed: float, kappa: float) -> str:
    """Two people, 100 pictures: 60 times both say right, 20 times wrong, 20 times they differ."""
    close(
        share(observed),
        0.8,
        0.001,
        "Count the labels for which both say the same, and divide by 100.",
    )
    by_chance = 0.7 * 0.7 + 0.3 * 0.3
    if abs(number(kappa) - 0.8) < 0.001:
        raise NotYet(
            "That is the observed agreement. Kappa takes off the part that chance explains."
        )
    close(
        number(kappa),
        (0.8 - by_chance) / (1 - by_chance),
        0.005,
        "Each says “right” 70 times in 100, so by chance they agree with 0.7 · 0.7 + 0.3 · 0.3.",
    )
    return (
        "80 % sounds good, but it is only about half-way between chance (58 %) and full agreement."
    )


# 2. Make noise


@prediction
def symmetric_prediction(guess: float) -> str:
    """Predict the accuracy on right labels after 40 % symmetric noise."""
    found = noise_effect.fit(noise_effect.transition("symmetric", 0.4)).accuracy
    return off(share(guess), found) + " The right label is still the most frequent one by far."


@question
def pair_flip_matrix(matrix: np.ndarray) -> str:
    """Write the transition matrix of a pair flip of 30 % among three classes."""
    found = array(matrix, (3, 3))
    if not np.allclose(found.sum(1), 1):
        raise NotYet(
            "Each row holds the probabilities of all labels of one class, so it has the sum 1."
        )
    right = np.array([[0.7, 0.3, 0], [0, 0.7, 0.3], [0.3, 0, 0.7]])
    if np.allclose(found, right.T):
        raise NotYet("Rows and columns are exchanged: row i is the true class, column j the label.")
    if not np.allclose(found, right):
        raise NotYet(
            "In each class, three in ten get the label of the next class. The last class gets "
            "the label of the first one."
        )
    return "Row i holds the probabilities of the labels that class i gets."


@question
def realised_rate(rate: float) -> str:
    """Replace 40 % of the labels by one drawn from all ten classes: how many are wrong?"""
    if abs(share(rate) - 0.4) < 0.001:
        raise NotYet("A label that is drawn from all ten classes is sometimes the right one.")
    close(
        share(rate),
        0.4 * 9 / 10,
        0.001,
        "One draw in ten gives the right label again, so nine in ten of the 40 % are wrong.",
    )
    return "Papers differ in which of the two they mean, so report the share that is really wrong."


@question
def most_harmful(kind: str) -> str:
    """Say which noise costs most accuracy at 40 %."""
    losses = {
        k: noise_effect.fit(noise_effect.transition(k, 0.4)).accuracy for k in noise_effect.KINDS
    }
    worst = min(losses, key=losses.__getitem__)
    if one_of(kind, noise_effect.KINDS) != worst:
        raise NotYet(
            f"After {kind} noise the accuracy is {percent(losses[kind])}. Look at the other kinds."
        )
    return (
        f"The accuracy falls to {percent(losses[worst])}. All wrong labels of a class name the "
        "same other class, so they are nearly as many as the right ones."
    )


@question
def confidence_after_noise(word: str) -> str:
    """Say whether the classifier is over- or underconfident after 40 % symmetric noise."""
    fitted = noise_effect.fit(noise_effect.transition("symmetric", 0.4))
    said, true = fitted.confidence.mean(), fitted.accuracy
    right = "underconfident" if said < true else "overconfident"
    if one_of(word, ("overconfident", "underconfident")) != right:
        raise NotYet(
            "At 40 %, compare the mean probability of its answers with the share that is right."
        )
    return f"Its answers get {percent(said)} on average, and {percent(true)} of them are right."


# 3. Why networks memorise


@prediction
def best_epoch_prediction(epoch: int) -> str:
    """Predict after which epoch the network is best on digits that it did not learn from."""
    found = memorising.recorded().test
    best = int(found.argmax()) + 1
    guess = whole(epoch, 1, len(found))
    return (
        f"You said {guess}, it is {best}. The accuracy is {percent(found[best - 1])} there, and "
        f"{percent(found[-1])} after the last epoch."
    )


@question
def learnt_by_heart(found_share: float) -> str:
    """Say which share of the wrong labels the network agrees with after the last epoch."""
    found = memorising.recorded()
    right = float((found.answers()[-1] == found.given)[found.wrong].mean())
    close(
        share(found_share),
        right,
        0.02,
        "Drag the epoch to the end, and read the sentence below the figures.",
    )
    return "The network has memorised them: their losses are low, so they can no longer be found."


@question
def smallest_loss(nats: float) -> str:
    """Say the smallest mean loss that a model can have where 80 % of the labels say yes."""
    least = float(entropy.entropy(0.8))
    if abs(number(nats)) < 0.01:
        raise NotYet(
            "A loss of 0 is possible only if all labels say the same. Here one in five says no."
        )
    close(number(nats), least, 0.011, "Drag the model's p to where the curve is lowest.")
    return "It is the entropy of the labels, and the model gets there with p = 0.8, not p = 1."


@question
def early_part(word: str) -> str:
    """Say which part of the cross entropy falls while the network learns."""
    if one_of(word, ("entropy", "kl divergence")) == "entropy":
        raise NotYet("The entropy depends on the labels alone. What does the network change?")
    return (
        "Only the divergence can fall. A loss below the entropy means that the network has "
        "memorised labels."
    )


# 4. Under- and overfitting on purpose


@question
def rate_by_hand(rate: float) -> str:
    """Work out the rate of epoch 5 in a cycle of 10, from r1 = 0.05 to r2 = 0.0005."""
    found = number(rate)
    close(found, 0.5 * 0.05 + 0.5 * 0.0005, 0.0002, "s = 5 / 10; the rate is (1 − s) r1 + s r2.")
    return "It is half-way between the two rates, since half of the cycle is over."


@prediction
def separates_prediction(word: str, scores: pd.DataFrame, planted: pd.Series) -> str:
    """Predict whether the mean or the variance of the loss finds more of the planted labels."""
    said = one_of(word, ("mean", "variance"))
    mean, variance = (_found(scores[name], planted) for name in ("o2u_mean", "o2u_var"))
    better = "mean" if mean >= variance else "variance"
    return (
        f"You said the {said}, it is the {better}. We take as many first suspects as there are "
        f"planted labels: by the mean {percent(mean)} of them are planted, by the variance "
        f"{percent(variance)}."
    )


@question
def separated(scores: pd.DataFrame, planted: pd.Series) -> str:
    """Choose settings with which the mean loss finds at least nine in ten planted labels."""
    n = int(planted.sum())
    if n < 20:
        raise NotYet(f"Expected at least 20 planted labels, found {n}: choose a noise and a share.")
    hit = _found(scores["o2u_mean"], planted)
    if hit < 0.9:
        raise NotYet(
            f"{percent(hit)} of the first {n} suspects are planted. Wrong labels with low losses "
            "are memorised already: try a smaller rate, larger batches, or fewer cycles."
        )
    return f"{percent(hit)} of the first {n} suspects are planted."


def _found(column: pd.Series, planted: pd.Series) -> float:
    return dynamics.precision(column.to_numpy(dtype=float), planted[column.index].to_numpy())


@question
def jump_back(word: str) -> str:
    """Say what becomes of the loss of wrong labels when the rate jumps back up."""
    if one_of(word, ("rises", "stays", "falls")) != "rises":
        raise NotYet("Look at the figure where a cycle ends and the next one begins.")
    return "What was memorised is forgotten first. That makes the variance of wrong labels high."


# 5. ODD


@question
def loss_of_random_label(nats: float, n_classes: int) -> str:
    """Say the loss of any label for a network that knows nothing of `n_classes` classes."""
    close(number(nats), np.log(n_classes), 0.01, "Each class has the probability 1 / K.")
    return f"It is log {n_classes}: the same for every label, right or wrong."


@question
def when_to_remove(word: str) -> str:
    """Say when ODD should remove samples."""
    words = ("before training", "at the end of the high rate", "after the low rate")
    if one_of(word, words) != words[1]:
        raise NotYet(
            "Before training the network knows nothing; after the low rate it has memorised labels."
        )
    return "By then right labels are learned, and wrong ones are not yet memorised."


@question
def blind_spot(kind: str) -> str:
    """Say for which noise the assumption behind ODD's line fails."""
    if one_of(kind, ("symmetric", "pair flip")) != "pair flip":
        raise NotYet(
            "For which of the two is a wrong label *not* like one that is drawn at random?"
        )
    return "The network learns the flip as a rule: these labels have a lower loss than random ones."


# 6. Reading dynamics


@question
def margin_by_hand(margin: float) -> str:
    """Probabilities .2 for the label, .7 and .1 for the others: what is the margin?"""
    if abs(number(margin) - (0.2 - 0.7)) < 0.001:
        raise NotYet(
            "That is the difference of the probabilities. Take the difference of their logarithms."
        )
    if abs(number(margin) - np.log(0.7 / 0.2)) < 0.01:
        raise NotYet(
            "The number is right, the sign is wrong: take the label minus the best other class."
        )
    close(
        number(margin),
        np.log(0.2 / 0.7),
        0.01,
        "It is log(probability of the label) − log(largest other probability).",
    )
    return "It is negative: another class is likelier than the label."


@question
def forgetting_by_hand(events: int) -> str:
    """Right, right, wrong, right, wrong, wrong, right: how many forgetting events?"""
    found = whole(events, 0, 7)
    if found == 3:
        raise NotYet("Three answers are wrong, but an event is a step from right to wrong.")
    if found != 2:
        raise NotYet("Count the places where a right answer is followed by a wrong one.")
    return "A step from wrong to wrong does not count: there was nothing to forget."


@question
def best_measure(measure: str, epochs: int) -> str:
    """Choose a measure and a number of epochs that find at least nine in ten wrong labels."""
    found = memorising.recorded()
    chosen = one_of(measure, dynamics.MEASURES)
    n = whole(epochs, 2, len(found.test))
    hit = dynamics.precision(dynamics.suspicion(found, chosen, n), found.wrong)
    if hit < 0.9:
        raise NotYet(
            f"With “{chosen}” over {n} epochs it is {percent(hit)}. Try fewer epochs, or another "
            "measure."
        )
    return f"{percent(hit)} of the first suspects have a wrong label."


@question
def corner_of_the_map(confidence: str, variability: str) -> str:
    """Say where in the data map the wrong labels lie after 10 epochs: low or high, twice."""
    words = ("low", "high")
    said = (one_of(confidence, words), one_of(variability, words))
    found = memorising.recorded()
    measured = dynamics.data_map(found, 10)
    right = tuple(
        "low" if np.median(m[found.wrong]) < np.median(m[~found.wrong]) else "high"
        for m in measured
    )
    if said != right:
        raise NotYet("Set the slider to 10 epochs, and compare the crosses with the dots.")
    return f"Confidence is {right[0]} and variability {right[1]}: wrong labels are not yet learned."


# 7. Confident learning


@question
def my_thresholds(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Write the function that computes the threshold of each class."""
    given = np.array([0, 0, 1, 1, 1])
    probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1]])
    found = array(function(given, probs), (2,))
    if np.allclose(found, probs.mean(0)):
        raise NotYet("That is the mean over all samples: take only those with the label k.")
    if not np.allclose(found, [0.7, 0.5]):
        raise NotYet(f"Expected [0.7, 0.5] for the small example, found {found.round(3)}.")
    return "So each threshold says how sure the classifier usually is of samples with that label."


@question
def my_joint(function: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Write the function that counts the confident joint."""
    data = confident.labelled()
    at_least = confident.thresholds(data.given, data.probs)
    right = confident.confident_joint(data.given, data.probs, at_least)
    found = array(function(data.given, data.probs, at_least), right.shape)
    if np.allclose(found, right.T):
        raise NotYet("Rows and columns are exchanged: row i is the given label.")
    if found.sum() == len(data.given) > right.sum():
        raise NotYet("A sample for which no class reaches its threshold is not counted.")
    if not np.allclose(found, right):
        raise NotYet(f"Expected {right.sum()} samples in all, found {found.sum():.0f}.")
    return f"{int(right.sum() - np.trace(right))} samples are off the diagonal: the suspects."


@question
def in_sample(n: int) -> str:
    """Say how many suspects there are with probabilities from the training set itself."""
    data = confident.labelled(model="in sample")
    at_least = confident.thresholds(data.given, data.probs)
    right = int(confident.found(data.given, data.probs, at_least).sum())
    if whole(n, 0, len(data.given)) != right:
        raise NotYet("Choose “in sample” in the panel, and move all thresholds by 0.")
    return "A classifier that has seen the wrong label agrees with it, so ask one that has not."


@question
def same_as_cleanlab(mine: np.ndarray, theirs: np.ndarray) -> str:
    """Compare the suspects of the lesson's few lines with those of cleanlab: bool (n,) each."""
    one, other = np.asarray(mine), np.asarray(theirs)
    if one.shape != other.shape or one.dtype != bool or other.dtype != bool:
        raise NotYet("Expected two arrays of True and False, one for each digit.")
    both = int((one & other).sum())
    if both < 0.8 * min(one.sum(), other.sum()):
        raise NotYet("The two hardly agree: pass the same labels and probabilities to both.")
    alone = int((one & ~other).sum()), int((other & ~one).sum())
    return f"{both} suspects are in both, {alone[0]} only in yours, {alone[1]} only in cleanlab's."


# 8. Methods side by side


@prediction
def lead_prediction(guess: float, accuracy: pd.DataFrame, noise: str) -> str:
    """Predict how much more accurate than plain training the best method is: a share."""
    means = accuracy[noise]
    best = means.drop("plain").idxmax()
    return off(share(guess), float(means[best] - means["plain"])) + f" The best is {best}."


@question
def agreement_is_better(word: str, both: float, one: float, other: float) -> str:
    """Say where most suspects are really wrong: where both methods agree, or where one does."""
    shares = {"both": both, "only the first": one, "only the second": other}
    best = max(shares, key=lambda name: -1 if np.isnan(shares[name]) else shares[name])
    if one_of(word, tuple(shares)) != best:
        raise NotYet("Compare the three shares above.")
    return f"{percent(shares[best])} of these labels are wrong."


# 9. The reviewer


@prediction
def precision_prediction(guess: float) -> str:
    """Predict the precision at the true count for AUROC .95 and 3 % wrong labels."""
    curve = reviewing.effort(0.95, 0.03)
    found = float(np.interp(0.03, curve.looked, curve.precision))
    return off(share(guess), found)


@question
def same_auroc(word: str) -> str:
    """Say what becomes of the precision when the labels get cleaner and the AUROC stays."""
    if one_of(word, ("rises", "stays", "falls")) != "falls":
        raise NotYet("Keep the AUROC, and drag the share of wrong labels from 0.30 to 0.03.")
    return "There are more right labels that look suspicious; the AUROC does not count them."


@question
def review_hours(hours: float) -> str:
    """10,000 pictures, 12 % to look at, 4 seconds each: how many hours?"""
    if abs(number(hours) - 10_000 * 4 / 3600) < 0.05:
        raise NotYet("That is the time for the whole set. Only 12 % of it is looked at.")
    close(
        number(hours),
        10_000 * 0.12 * 4 / 3600,
        0.05,
        "Multiply pictures by seconds, and divide by 3,600.",
    )
    return "A second reviewer doubles that."


@question
def trial_done(table: pd.DataFrame) -> str:
    """All questions of the anchoring trial are answered; says what was measured."""
    n = len(reviewing.anchoring_trial())
    if len(table) < n:
        raise NotYet(f"{len(table)} of {n} digits are named: go on in the panel above.")
    found = reviewing.anchoring(table)
    return (
        f"You gave the suggested answer in {percent(found.shown)} of the cases that showed it, and "
        f"in {percent(found.hidden)} of those that did not."
    )


# 10. Does cleaning help?


@question
def better_remedy(remedy: str, summary: pd.DataFrame) -> str:
    """Say which remedy gives the best mean accuracy, the true labels aside."""
    means = summary["mean"].drop("true labels")
    chosen = one_of(remedy, tuple(means.index))
    if chosen != means.idxmax():
        raise NotYet(f"“{chosen}” has an accuracy of {percent(means[chosen])}: compare the means.")
    best = percent(summary["mean"]["true labels"])
    return f"Its accuracy is {percent(means[chosen])}; with the true labels it would be {best}."


@question
def is_a_lead(answer: str, summary: pd.DataFrame, one: str, other: str) -> str:
    """Say whether the lead of one remedy over another is larger than both spreads together."""
    lead = abs(summary["mean"][one] - summary["mean"][other])
    spread = summary["std"][one] + summary["std"][other]
    right = "yes" if lead > spread else "no"
    if one_of(answer, ("yes", "no")) != right:
        raise NotYet(f"The lead is {lead:.3f}, and the two spreads together are {spread:.3f}.")
    return f"The lead is {lead:.3f}, and the two spreads together are {spread:.3f}."


@question
def dirty_test(word: str) -> str:
    """Say what a dirty test set does to the measured accuracy of a good classifier."""
    if one_of(word, ("raises it", "leaves it", "lowers it")) != "lowers it":
        raise NotYet("Where the test label is wrong, a right answer counts as a mistake.")
    return "It also favours a classifier that makes the same mistakes as the labels."


# 11. Capstone


@question
def clicks(for_suspects: int, budget: int) -> str:
    """Say how many clicks of the budget go to the ranking; the others are for a random sample."""
    n = whole(for_suspects, 0, budget)
    if budget - n < 30:
        raise NotYet(
            f"That leaves {budget - n} clicks for the random sample. Even if all of these labels "
            "are right, one in ten of the rest could be wrong."
        )
    if n < 20:
        raise NotYet("Then hardly any label is corrected: give more clicks to the suspects.")
    return f"{n} for suspects, {budget - n} for the random sample."


@question
def most_left(bound: int, rest: int, looked_at: int, wrong: int) -> str:
    """Say how many wrong labels are left at most, with 95 % confidence, by the random sample."""
    right = most_wrong(rest, looked_at, wrong)
    if whole(bound, 0, rest) == round(rest * wrong / looked_at):
        raise NotYet("That is the best guess. A bound has to be right for 19 of 20 such samples.")
    if whole(bound, 0, rest) != right:
        raise NotYet("Call `most_wrong(rest, looked_at, wrong)` with the numbers of the question.")
    return (
        f"At most {right} of {rest:,} are wrong, with 95 % confidence, if your answers are right."
    )


@question
def capstone(score: Score) -> str:
    """Say what came of the capstone; it is done if fewer labels are wrong and the promise holds."""
    if score.after >= score.before:
        raise NotYet(f"{score.before} labels were wrong before, and {score.after} are wrong now.")
    if score.kept is None:
        raise NotYet("Say how many wrong labels are left at most: score(promised=...).")
    if not score.kept:
        raise NotYet(
            f"{score.after} labels are wrong, more than you promised. That happens in one of 20 "
            "samples by chance, and more often if answers were wrong."
        )
    mended = score.before - score.after
    return (
        f"{score.before} labels were wrong, and {score.after} are after {score.clicks} clicks. "
        f"Each click corrected {mended / max(1, score.clicks):.2f} labels on average. "
        f"{score.harmed} right labels were made wrong. The promise holds."
    )
