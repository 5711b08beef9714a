# %% answer-thresholds
def my_thresholds(given, probs):
    return np.array([probs[given == k, k].mean() for k in range(probs.shape[1])])


# %% answer-joint
def my_joint(given, probs, thresholds):
    joint = np.zeros((probs.shape[1],) * 2, dtype=int)
    for label, row in zip(given, probs, strict=True):
        reached = np.flatnonzero(row >= thresholds)
        if len(reached):
            joint[label, reached[row[reached].argmax()]] += 1
    return joint


# %% answer-in-sample
seen = confident.labelled("look-alike", 0.2, "in sample")
in_sample_suspects = int(
    confident.found(seen.given, seen.probs, confident.thresholds(seen.given, seen.probs)).sum()
)
