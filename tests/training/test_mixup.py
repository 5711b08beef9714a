"""mixup: the blended loss by hand, clean recording, and random numbers of its own."""

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from torch.nn import functional as F

from o2u_nb.training.methods import mixup, plain
from tests.features import accuracy, blobs, fitted, head


class Spy(Callback):
    """Keep what the first batch was trained on."""

    order = 60

    def after_loss(self):
        if self.training and not hasattr(self.learn, "seen"):
            blends = next(cb for cb in self.learn.cbs if isinstance(cb, mixup.Blends))
            self.learn.seen = self.xb[0], self.pred, self.y, blends.yb1[0], blends.lam, self.loss


def test_inputs_and_losses_are_blended_alike():
    points = blobs(30)
    learn = head(points)
    own = learn.loss_func
    fitted(mixup.fit, learn, 1, cbs=[Spy()])
    x, pred, label, other, lam, loss = learn.seen
    assert ((lam >= 0.5) & (lam <= 1)).all() and len(lam.unique()) == len(lam)
    losses = [F.cross_entropy(pred, labels, reduction="none") for labels in (label, other)]
    torch.testing.assert_close(loss, (lam * losses[0] + (1 - lam) * losses[1]).mean())
    # each blended input lies between two inputs of the two classes
    features, given = torch.from_numpy(points.features), torch.from_numpy(points.given)
    for k in range(len(x)):
        ends = (
            lam[k] * features[given == label[k]][:, None]
            + (1 - lam[k]) * features[given == other[k]]
        )
        assert (ends - x[k]).abs().amax(2).min() < 1e-5
    assert learn.loss_func is own


def test_the_trace_holds_plain_losses_of_clean_passes():
    points = blobs(60)
    learn, found = fitted(mixup.fit, head(points), 3)
    assert found.trace.record == "eval"
    learn.model.eval()
    with torch.no_grad():
        logits = learn.model(torch.from_numpy(points.features))
    expected = F.cross_entropy(logits, torch.from_numpy(points.given), reduction="none")
    np.testing.assert_allclose(found.trace.loss[-1], expected, rtol=1e-4, atol=1e-5)


def test_the_draws_have_their_own_seed_and_leave_the_global_one_alone():
    def trained(method, state: int, **options):
        torch.manual_seed(state)
        _, found = fitted(method, head(blobs(30)), 2, **options)
        return found.trace.loss, torch.get_rng_state()

    one, after = trained(mixup.fit, 0)
    _, after_plain = trained(plain.fit, 0, record="eval")
    assert torch.equal(after, after_plain)
    np.testing.assert_array_equal(trained(mixup.fit, 5)[0], one)
    assert (trained(mixup.fit, 0, seed=1)[0] != one).any()


def test_a_small_alpha_blends_little():
    points = blobs(60)
    _, barely = fitted(mixup.fit, head(points), 4, alpha=0.01)
    _, without = fitted(plain.fit, head(points), 4, record="eval")
    np.testing.assert_allclose(barely.trace.loss, without.trace.loss, rtol=0.1, atol=0.05)


def test_wrong_labels_are_memorised_less():
    points = blobs(150, wrong=0.3)
    shares, right = {}, {}
    for method, options in ((plain, dict(record="eval")), (mixup, dict(alpha=8.0))):
        learn, found = fitted(
            method.fit, head(points, hidden=64, dropout=0.0), 40, lr=0.1, **options
        )
        shares[method] = (found.trace.pred[-1] == points.given)[points.wrong].mean()
        right[method] = accuracy(learn, points)
    assert shares[mixup] < shares[plain] - 0.1
    assert right[mixup] > right[plain]


def test_an_impossible_alpha_is_refused():
    with pytest.raises(ValueError, match="alpha"):
        fitted(mixup.fit, head(blobs(12)), 2, alpha=0)
