"""ODD: simulated losses against closed forms, and a removal whose every number is known by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.mixup import MixUp
from fastai.vision.learner import create_head
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.odd import (
    Odd,
    empirical_losses,
    gaussian_losses,
    looks_gaussian,
    losses,
    mean_loss,
)
from o2u_nb.detect.scores import cyclic_margin
from o2u_nb.errors import RecordingError, TraceError
from o2u_nb.trace import Trace
from o2u_nb.training.learner import fit_odd  # noqa: F401  patches Learner
from o2u_nb.training.schedule import high_then_low
from o2u_nb.training.subset import only
from tests import lookup
from tests.learners import block, learner, pixel_loaders, stock_loaders
from tests.traces import odd, odd_trace


def test_losses_of_every_class_by_hand():
    found = losses(np.array([[0.0, np.log(3)], [1000.0, 0.0]]))
    np.testing.assert_allclose(found, [[np.log(4), np.log(4 / 3)], [0, 1000]], atol=1e-12)


def test_an_untrained_last_layer_gives_log_k():
    np.testing.assert_allclose(gaussian_losses(np.zeros((7, 5)), n=50), np.log(7))


def test_the_bias_counts():
    bias = np.log([0.5, 0.3, 0.2])
    found = gaussian_losses(np.zeros((3, 4)), bias, n=3000)
    values, counts = np.unique(found.round(6), return_counts=True)
    np.testing.assert_allclose(values, -np.log([0.5, 0.3, 0.2]), atol=1e-5)
    assert (np.abs(counts - 1000) < 150).all()


@pytest.mark.parametrize("slope", [0.5, 2.0])
def test_percentiles_of_a_layer_with_one_feature(slope):
    # logits (s r, -s r), r = relu(x): half of the draws have r = 0; label 0 then has the loss
    # log(1 + exp(-2 s r)), below t where x is above a quantile of the normal distribution
    found = gaussian_losses(np.array([[slope], [-slope]]), n=200_000)
    upper_fifth = 0.8416
    assert np.percentile(found, 10) == pytest.approx(
        np.log1p(np.exp(-2 * slope * upper_fifth)), rel=0.05
    )
    assert np.percentile(found, 50) == pytest.approx(np.log(2))
    assert np.percentile(found, 90) == pytest.approx(
        np.log1p(np.exp(2 * slope * upper_fifth)), rel=0.05
    )


def test_the_seed_decides_and_blocks_do_not_show(monkeypatch):
    weight = np.random.default_rng(0).normal(size=(4, 6))
    assert (gaussian_losses(weight, n=500) == gaussian_losses(weight, n=500)).all()
    assert (gaussian_losses(weight, n=500) != gaussian_losses(weight, n=500, seed=1)).any()
    monkeypatch.setattr("o2u_nb.detect.odd.BLOCK", 60)
    assert gaussian_losses(weight, n=505).shape == (505,)


def test_empirical_losses_pool_all_pairs_but_the_unseen():
    table = np.array([[0.1, 2.0], [np.nan, np.nan], [3.0, 0.2]])
    assert empirical_losses(table).tolist() == [0.1, 2.0, 3.0, 0.2]
    seen = np.array([[0.1, 2.0, 4.0], [3.0, 0.2, 5.0]])
    assert empirical_losses(seen, wrong_only=True).tolist() == [2.0, 4.0, 3.0, 5.0]
    assert seen[0, 0] == 0.1  # and nothing happened to the input


def test_features_are_compared_with_relu_of_unit_normals():
    normal = np.random.default_rng(0).normal(size=(500, 20))
    assert looks_gaussian(np.maximum(normal, 0))
    assert not looks_gaussian(np.maximum(normal, 0) * 3)
    assert not looks_gaussian(normal)  # a batch norm after the relu, as in fastai's own head
    pooled = np.maximum(normal, 0).reshape(50, 10, 20).mean(1)
    assert not looks_gaussian(pooled)
    assert not looks_gaussian(pooled * np.sqrt(0.5 / (pooled**2).mean()))  # with a fitting square


def test_mean_loss_takes_the_last_epochs_that_saw_a_sample():
    seen = odd_trace([[9, 9, 9], [1, 2, np.nan], [3, np.nan, np.nan], [7, 7, 7]], [0, 1, 2])
    np.testing.assert_array_equal(mean_loss(seen, epoch=3, h=2), [2, 2, np.nan])
    for epoch, h in ((3, 0), (1, 2), (5, 1)):
        with pytest.raises(TraceError, match="recorded epochs up to number"):
            mean_loss(seen, epoch=epoch, h=h)


def test_what_is_removed_by_hand():
    found = odd(
        odd_trace([[0, 4, 2, 1, 6]], [0, 0, 1, 1, 1]), [0, 4, 2, 1, np.nan], [0, 1, 2, 3, 4]
    )
    assert found.threshold == 2  # the median of the simulated; on the threshold is not above it
    assert found.removed.tolist() == [False, True, False, False, False]
    assert list(found.ids) == ["s1"] and found.at(25) == (1, 2)
    assert found.estimated_wrong == 2  # one removed, and half of the wrong ones are, by the model
    np.testing.assert_array_equal(found.score, [-2, 2, 0, -1, np.nan])
    assert found.by_class.to_dict("index") == {
        "ant": dict(samples=2, removed=1, share=0.5),
        "bee": dict(samples=3, removed=0, share=0.0),
        "cat": dict(samples=0, removed=0, share=0.0),
    }
    assert found.warnings == []
    assert repr(found) == found.describe() and found.describe().startswith(
        "Above a loss of 2.00, the 50th percentile of random labels, 1 of 5 samples (20 %) would be"
    )
    assert "2 of 5 samples (40 %) would be removed" in found.describe(25)


def test_a_class_that_goes_is_warned_of():
    found = odd(odd_trace([[5, 5, 5, 0]], [1, 1, 1, 0]), [5, 5, 5, 0], [1.0])
    (warning,) = found.warnings
    assert "100 % of the samples labelled 'bee'" in warning


def removed_pairs(seen, given, n_classes) -> Odd:
    """All samples removed; the network sees `seen` where `given` is the label."""
    classes = [f"class {k}" for k in range(n_classes)]
    loss = np.full(len(seen), 5.0)
    return odd(odd_trace(loss[None], given, pred=seen, classes=classes), loss, [1.0])


def test_uniform_noise_looks_uniform_and_a_pair_flip_does_not():
    rng = np.random.default_rng(0)
    seen = rng.integers(10, size=400)
    uniform = removed_pairs(seen, (seen + rng.integers(1, 10, size=400)) % 10, 10)
    flipped = removed_pairs(seen, (seen + 1) % 10, 10)
    assert uniform.unevenness()[0] < 0.1
    distance, (given, looks_like) = flipped.unevenness()
    assert distance == pytest.approx(1 - 1 / 9, abs=0.25)
    assert (int(given[-1]) - int(looks_like[-1])) % 10 == 1
    assert any("does not look like uniform noise" in line for line in flipped.warnings)
    assert not any("uniform" in line for line in uniform.warnings)


def test_nothing_is_said_of_a_few_samples_or_two_classes():
    seen = np.arange(49) % 3
    assert removed_pairs(seen, (seen + 1) % 3, 3).unevenness() == (None, None)
    seen = np.arange(90) % 2
    assert removed_pairs(seen, 1 - seen, 2).unevenness() == (None, None)


@settings(max_examples=30)
@given(st.permutations(range(12)), st.floats(1, 99))
def test_permuted_samples_permute_the_removal(order, percentile):
    loss, labels = np.random.default_rng(3).gamma(2, size=12), np.arange(12) % 3
    simulated = np.random.default_rng(4).gamma(3, size=50)
    one = odd(odd_trace(loss[None], labels), loss, simulated, percentile)
    order = np.array(order)
    other = odd(odd_trace(loss[order][None], labels[order]), loss[order], simulated, percentile)
    np.testing.assert_array_equal(one.removed[order], other.removed)
    pd.testing.assert_frame_equal(one.by_class, other.by_class)


def test_rates_are_high_then_fall_along_a_cosine():
    rates = high_then_low(6, lr=0.2, high=3)
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.2, 0.1707, 0.1, 0.0293], atol=1e-4)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_part_of_a_loader_draws_each_kept_sample_once(tmp_path, workers):
    for dl in (pixel_loaders().train, stock_loaders(tmp_path, num_workers=workers).train):
        keep = np.arange(len(dl.dataset)) % 3 > 0
        part = only(dl, keep)
        for _ in range(2):
            drawn = part.get_idxs()
            assert sorted(drawn) == np.flatnonzero(keep).tolist()
        assert sum(len(y) for _, y in part) <= keep.sum() < len(dl.dataset)
        assert len(list(part)) == len(part)


def test_a_part_of_a_weighted_loader_stays_weighted(tmp_path):
    root = lookup.write_folder(tmp_path)
    weights = np.where(np.arange(lookup.N_SAMPLES) % 2, 1.0, 1e-9)
    dl = (
        block(root)
        .weighted_dataloaders(root, weights, bs=4, num_workers=0, path=root, device="cpu")
        .train
    )
    keep = np.arange(dl.n) < 20
    drawn = only(dl, keep).get_idxs()
    assert drawn and max(drawn) < 20 and (dl.wgts[drawn] > 1e-6).all()


def test_less_than_a_batch_is_refused():
    with pytest.raises(RecordingError, match="only 6 of 53 are kept"):
        only(pixel_loaders(bs=7, drop_last=True).train, np.arange(53) < 6)
    with pytest.raises(RecordingError, match="only 0 of 53 are kept"):
        only(pixel_loaders(bs=7).train, np.zeros(53, bool))
    assert [len(y) for _, y in only(pixel_loaders(bs=7).train, np.arange(53) < 6)] == [6]


def fit(learn, epochs=5, **options) -> Odd:
    with learn.no_bar(), learn.no_logging():
        return learn.fit_odd(epochs, **{"lr": 0.0, "high": 3, **options})


def by_hand(percentile: float, trace: Trace):
    """Loss and removal of every sample of a trace, from the table of logits."""
    numbers = np.array([lookup.number_of(id) for id in trace.ids])
    logits, given = lookup.table().double().numpy()[numbers], lookup.labels()[numbers]
    every_class = losses(logits)
    loss = every_class[np.arange(len(given)), given]
    wrong = np.sort(every_class, axis=1)[:, 1:]
    return loss, loss > np.percentile(wrong, percentile)


@pytest.mark.parametrize("loaders", ["ours", "stock"])
@pytest.mark.parametrize("percentile", [30, 60])
def test_a_removal_is_exact(tmp_path, loaders, percentile):
    dls = pixel_loaders() if loaders == "ours" else stock_loaders(tmp_path, drop_last=False)
    whole, n = dls.train, len(dls.train.dataset)
    learn = learner(dls, scale=1.0 if loaders == "ours" else 255)
    found = fit(learn, percentile=percentile)
    loss, removed = by_hand(percentile, found.trace)
    assert found.variant == "wrong" and "no linear layer" in found.reason
    assert 0 < removed.sum() < n == len(loss)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-5)
    np.testing.assert_array_equal(found.removed, removed)
    assert found.trace.phase.tolist() == ["high"] * 3 + ["low"] * 2 and found.epoch == 3
    unseen = np.isnan(found.trace.loss)
    assert not unseen[:3].any() and (unseen[3:] == found.removed).all()
    assert dls.train is whole and len(list(dls.train.get_idxs())) == n
    # the ranking rests on the epochs that saw everybody
    np.testing.assert_allclose(
        cyclic_margin(Evidence(found.trace)), -found.trace.margin[:3].mean(0), rtol=1e-5
    )


def test_the_last_h_epochs_decide():
    found = fit(learner(pixel_loaders()), h=1, epochs=4)
    np.testing.assert_array_equal(found.loss, found.trace.loss[2].astype(float))


def test_the_published_variant_takes_weights_and_bias():
    learn = learner(pixel_loaders())
    learn.model = nn.Sequential(nn.Flatten(), nn.Linear(108, 16), nn.ReLU(), nn.Linear(16, 4))
    found = fit(learn, simulate="gaussian", percentile=99)
    last = learn.model[-1]
    expected = gaussian_losses(
        last.weight.detach().double().numpy(), last.bias.detach().double().numpy()
    )
    np.testing.assert_array_equal(found.simulated, expected)
    assert (found.variant, found.reason) == ("gaussian", "asked for")
    assert not last._forward_hooks


class UnitFeatures(nn.Module):
    """A head behind features that are just what the published formula assumes."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 4)

    def forward(self, x):
        return self.head(torch.randn(len(x), 64).relu())


@pytest.mark.slow
def test_auto_looks_at_the_head():
    learn = learner(pixel_loaders())
    learn.model = UnitFeatures()
    found = fit(learn, percentile=99.9)
    assert found.variant == "gaussian" and "layer look like" in found.reason
    learn.model.head = create_head(64, 4, pool=False)  # fastai's own: batch norm after the relu
    found = fit(learn, percentile=60)
    assert found.variant == "wrong" and "do not look like" in found.reason


def test_a_model_without_a_linear_layer_has_no_published_variant():
    learn = learner(pixel_loaders())
    with pytest.raises(RecordingError, match="linear layer at its end"):
        fit(learn, simulate="gaussian")
    assert fit(learn, percentile=60).reason == "the model has no linear layer at its end"


def test_mixup_takes_clean_passes_when_it_matters():
    for where in ("cbs", "learner"):
        learn = learner(pixel_loaders())
        if where == "learner":
            learn.add_cb(MixUp())
        found = fit(learn, percentile=60, cbs=MixUp() if where == "cbs" else None)
        loss, removed = by_hand(60, found.trace)
        assert found.trace.n_epochs == 2 and found.trace.record == "eval"
        np.testing.assert_allclose(found.loss, loss, rtol=1e-5)
        np.testing.assert_array_equal(found.removed, removed)


def test_every_epoch_up_to_the_removal_can_be_watched():
    heard = []
    found = fit(learner(pixel_loaders()), percentile=60, on_epoch=heard.append)
    assert [(odd.epoch, odd.final) for odd in heard] == [
        (1, False), (2, False), (3, False), (3, True),
    ]  # fmt: skip
    np.testing.assert_array_equal(heard[2].removed, found.removed)
    assert heard[-1] is found and found.trace.n_epochs == 5


class Stop(Callback):
    def before_batch(self):
        if self.epoch == 4:
            raise KeyboardInterrupt


def test_an_interruption_gives_the_whole_training_set_back():
    learn = learner(pixel_loaders())
    whole = learn.dls.train
    with pytest.raises(KeyboardInterrupt):
        fit(learn, percentile=60, cbs=Stop())
    assert learn.dls.train is whole
    assert not any(cb.name.startswith("odd") for cb in learn.cbs)


@pytest.mark.parametrize(
    "options",
    [dict(high=5), dict(high=0), dict(h=4), dict(rates=[0.1]), dict(simulate="guess")],
)
def test_settings_that_do_not_fit_are_refused(options):
    with pytest.raises(ValueError, match="xpected"):
        fit(learner(pixel_loaders()), **options)
