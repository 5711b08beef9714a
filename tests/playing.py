"""A small set of features, and a training of fractions of a second, to play with in tests."""

import numpy as np
import pandas as pd

SHORT = dict(warmup=1, cycles=1, cycle=3, r1=0.02, r2=0.002, bs=15)


def feature_set(n: int = 150, *, pictures: bool = True) -> tuple[np.ndarray, pd.DataFrame]:
    """Features (n, 4) in three clusters, at 0, 3 and 20 on the first axis, and their samples."""
    rng = np.random.default_rng(0)
    truth = np.arange(n) % 3
    features = rng.normal(0, 0.3, (n, 4)).astype(np.float32)
    features[:, 0] += np.array([0.0, 3.0, 20.0])[truth]
    ids = pd.Index([f"{k:03d}" for k in range(n)], name="sample_id")
    samples = pd.DataFrame({"label": np.array(["ant", "bee", "cow"])[truth]}, index=ids)
    if pictures:
        samples["image"] = [np.full((8, 8, 3), k % 256, np.uint8) for k in range(n)]
    return features, samples
