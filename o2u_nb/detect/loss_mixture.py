"""The mixture of losses by which DivideMix divides samples: small ones clean, large ones wrong.

In comes `Evidence`, of which only the losses after the warm-up are used; out comes one probability
for each sample. Li, Socher and Hoi, "DivideMix: Learning with Noisy Labels as Semi-supervised
Learning", ICLR 2020, section 3.1.
"""

import warnings
from typing import Any

import numpy as np

from o2u_nb.detect.dynamics import recorded
from o2u_nb.detect.evidence import Evidence

# Epochs whose losses are averaged. It is the authors' number for 90 % noise; else they take one
# epoch, in a clean pass. A single loss in training is too rough: it is of an augmented picture.
AVERAGED = 5
# The authors' settings of scikit-learn's GaussianMixture.
SETTINGS: dict[str, Any] = dict(max_iter=10, tol=1e-2, reg_covar=5e-4)


def loss_mixture(evidence: Evidence) -> np.ndarray:
    """Return how probable it is that a loss comes from the distribution of large losses.

    float (n_samples,), 0 to 1, higher = more suspicious, above 0.5 in DivideMix's unlabelled part;
    NaN where not seen in these epochs, and everywhere when all losses are equal. Two normal
    distributions are fitted to the losses, scaled to between 0 and 1, after the last epoch of the
    warm-up, averaged over its last `AVERAGED` epochs; a trace without a warm-up gives its last
    epochs to rank by. Where the two have very different widths, the wider one can also be the
    likelier for the very smallest losses, as published. DivideMix divides anew in each epoch, for
    the other one of two networks; this is its first division, for one.
    """
    trace = evidence.trace
    warm = trace.only("warmup")
    losses = (warm if warm.n_epochs else recorded(trace)).loss[-AVERAGED:]
    seen = ~np.isnan(losses)
    count = seen.sum(0)
    total = np.where(seen, losses, 0).sum(0, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    found = np.full(len(mean), np.nan)
    found[count > 0] = _posterior(mean[count > 0])
    return found


def _posterior(loss: np.ndarray) -> np.ndarray:
    """Return the probability of the component with the larger mean: float (n,), maybe all NaN."""
    if len(np.unique(loss)) < 2:
        return np.full(len(loss), np.nan)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    scaled = (loss - loss.min()) / (loss.max() - loss.min())
    # Sorted, so that the result does not depend on the order of the samples. The seed is fixed
    # because scikit-learn would otherwise draw from numpy's global random generator.
    values = np.sort(scaled)[:, None]
    mixture = GaussianMixture(2, **SETTINGS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten iterations are what they take
        mixture.fit(values)
    return mixture.predict_proba(scaled[:, None])[:, np.argmax(mixture.means_)]
