"""No sample is predicted from a copy of it."""

import numpy as np
import pandas as pd

from o2u_nb.detect.confident import out_of_sample_probs


def test_a_copy_in_another_fold_no_longer_predicts_its_twin():
    random = np.random.default_rng(0)
    own = random.normal(size=(40, 200)).astype(np.float32)  # says nothing about the labels
    labels = random.permutation(np.repeat(["a", "b"], 20))
    samples = pd.DataFrame({"label": np.tile(labels, 2)}, index=[f"s{k:02d}" for k in range(80)])
    groups = np.tile(np.arange(40), 2)
    given = (samples["label"].to_numpy() == "b").astype(int)

    def right(**options):
        probs = out_of_sample_probs(np.tile(own, (2, 1)), samples, **options)
        return (probs.argmax(1) == given).mean()

    assert right() > 0.85
    assert right(groups=groups) < 0.7
