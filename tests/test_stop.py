"""The cyclic phase ends early when the ranking no longer changes, and only between two cycles."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from fastai.basics import Learner
from fastai.data.core import DataLoaders
from torch import nn

from o2u_nb.__main__ import main
from o2u_nb.audit import Audit
from o2u_nb.detect.stability import stability
from o2u_nb.presets import PRESETS
from o2u_nb.trace import Trace
from o2u_nb.training import job
from o2u_nb.training.learner import fit_o2u  # noqa: F401  patches Learner
from o2u_nb.training.loaders import PixelData, PixelLoader
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.stop import StopWhenStable
from tests import lookup
from tests.learners import learner, pixel_loaders
from tests.sources import TINY, write_source

SHORT = dict(warmup=1, cycles=4, cycle=2)


def tiny_learner() -> Learner:
    """A compact network on 24 pictures, the same at every call."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (24, 8, 8, 3), dtype=torch.uint8).numpy()
    ids = pd.Index([f"{number}.png" for number in range(24)], name="sample_id")
    data = PixelData(pixels, torch.arange(24).numpy() % 3, ids, ["a", "b", "c"])
    train = PixelLoader(data, bs=8, shuffle=True)
    train.rng.seed(0)
    dls = DataLoaders(train, train.new(shuffle=False), device="cpu")
    return Learner(dls, CompactResNet(3, widths=(4, 8)), loss_func=nn.CrossEntropyLoss())


def fit(learn: Learner, **options) -> Trace:
    with learn.no_bar(), learn.no_logging():
        return learn.fit_o2u(**{**SHORT, **options})


def test_it_stops_after_two_cycles_when_nothing_is_asked_for(tmp_path, capsys):
    learn, said, heard = tiny_learner(), [], []
    own = learn.opt_func
    trace = fit(
        learn,
        stop_early=0.0,
        out=tmp_path,
        say=said.append,
        on_epoch=lambda trace: heard.append(trace.n_epochs),
    )
    assert list(trace.phase) == ["warmup"] + ["cyclic"] * 4 and heard == [1, 2, 3, 4, 5]
    assert Trace.open(tmp_path).n_epochs == 5 and set(trace.mean_probs) == {"warmup", "cyclic"}
    (found,) = stability(trace, 2)
    assert said == [f"Stopped after 2 of 4 cycles: {found}."]
    assert learn.opt is None and learn.opt_func is own
    assert not any(isinstance(cb, StopWhenStable) for cb in learn.cbs)
    learn.fit(1, 1e-3)  # and the Learner can be used again
    assert capsys.readouterr().out.count("Stopped") == 0


def test_what_was_trained_up_to_there_is_the_same_as_without_stopping():
    whole, stopped = fit(tiny_learner()), fit(tiny_learner(), stop_early=0.0, say=lambda line: None)
    assert (whole.n_epochs, stopped.n_epochs) == (9, 5)
    assert (whole.margin[:5] == stopped.margin).all()


def test_it_goes_on_while_the_ranking_changes_and_says_nothing(capsys):
    assert fit(tiny_learner(), stop_early=1.0).n_epochs == 9
    assert capsys.readouterr().out == ""


def test_by_default_all_cycles_are_trained_even_if_nothing_changes(capsys):
    assert fit(learner(pixel_loaders())).n_epochs == 9  # logits that never change
    assert capsys.readouterr().out == ""


def test_a_ranking_that_never_changes_is_as_stable_as_can_be(capsys):
    assert fit(learner(pixel_loaders()), stop_early=1.0).n_epochs == 5
    same = "100 % of the top {} suspects are the same as a cycle ago (rank correlation 1.000)"
    n_top = stability(fit(learner(pixel_loaders())), 2)[-1].n_top
    assert 1 <= n_top <= lookup.N_SAMPLES
    line = f"Stopped after 2 of 4 cycles: {same.format(n_top)}.\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("cycles", [1, 2])
def test_the_last_cycle_is_no_early_stop(cycles, capsys):
    trace = fit(learner(pixel_loaders()), cycles=cycles, stop_early=0.0)
    assert trace.n_epochs == 1 + 2 * cycles and capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [True, False, -0.1, 98, float("nan")])
def test_what_is_no_share_is_refused_before_training(wrong):
    with pytest.raises(ValueError, match="stop_early"):
        fit(tiny_learner(), stop_early=wrong)


def test_an_audit_says_that_it_stopped_and_how_settled_its_ranking_is(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(PRESETS, "quick", replace(TINY, cycles=3))
    monkeypatch.setattr(job, "STOP_EARLY", 0.0)
    source = write_source(tmp_path / "source")
    assert main(["audit", str(source), "--out", str(tmp_path / "a"), "--preset", "quick"]) == 0
    said, audit = capsys.readouterr().out, Audit.open(tmp_path / "a")
    assert list(audit.trace.phase) == ["warmup"] * 2 + ["cyclic"] * 4
    (found,) = stability(audit.trace)
    assert f"Stopped after 2 of 3 cycles: {found}.\n" in said
    assert f"\nHow stable the ranking is: {found}.\n" in said
    assert audit.findings.stability == found


def test_an_audit_of_one_cycle_has_nothing_to_compare(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    source = write_source(tmp_path / "source")
    assert main(["audit", str(source), "--out", str(tmp_path / "a"), "--preset", "quick"]) == 0
    assert Audit.open(tmp_path / "a").facts["stability"] is None
    assert "settled" not in capsys.readouterr().out
