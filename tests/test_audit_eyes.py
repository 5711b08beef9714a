"""An audit with several eyes: what is kept of each, and what a later audit takes from it."""

import os

import numpy as np
import pytest
import torch

from o2u_nb import folder as layout
from o2u_nb.audit import Audit
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.recommended import eye_score
from o2u_nb.errors import DownloadError, FeaturesError, OutputError, WeightsError
from o2u_nb.eye_names import NETWORK
from o2u_nb.offline_weights import LITE0, LITE2
from o2u_nb.presets import PRESETS
from o2u_nb.run import run_audit
from o2u_nb.training import eyes as choice
from o2u_nb.training.backbones import Backbone
from tests.sources import TINY, write_source

FROZEN = "colours"


class Colours(torch.nn.Module):
    """A frozen network of sorts: the mean colour of each quarter of a picture."""

    def forward(self, pictures):
        """Pictures (n, 3, 8, 8) in, rows (n, 12) out."""
        return torch.nn.functional.avg_pool2d(pictures, 4).flatten(1) + 1


@pytest.fixture
def frozen(monkeypatch):
    """Let every name of an eye mean a small frozen network; say how often it was asked."""
    rows = []
    model = Colours()
    model.register_forward_hook(lambda module, given, out: rows.append(len(out)))
    made = lambda name: Backbone(name, model, 8, (0.5,) * 3, (0.5,) * 3, f"{name}-8")  # noqa: E731
    monkeypatch.setattr(choice, "backbone", made)
    monkeypatch.setitem(PRESETS, "quick", TINY)
    return rows


@pytest.fixture
def source(tmp_path):
    return write_source(tmp_path / "source")


def audit(source, out, eyes, **options):
    return Audit(run_audit(source, out, preset="quick", eyes=eyes, **options).folder)


def test_each_eye_keeps_its_trace_and_the_score_is_the_mean_of_both(source, tmp_path, frozen):
    made = audit(source, tmp_path / "out", [NETWORK, FROZEN])
    assert list(made.eyes) == [NETWORK, FROZEN] and made.eyes[NETWORK] is made.trace
    assert [eye["frozen"] for eye in made.facts["eyes"]] == [False, True]
    rows = made.features[FROZEN]
    assert rows.shape == (60, 12) and rows.dtype == np.float16
    first = Evidence(made.trace, made.embeddings)
    second = Evidence(made.eyes[FROZEN], rows, eye=FROZEN)
    expected = (eye_score(first) + eye_score(second)) / 2
    scores = made.scores.loc[made.trace.ids]
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores[f"score_{FROZEN}"], eye_score(second), rtol=1e-4, atol=1e-4)
    classes = np.array(made.trace.classes)
    assert (scores[f"seen_as_{FROZEN}"] == classes[second.pooled_probs.argmax(1)]).all()
    assert made.findings.estimate.count == made.scores["suspect"].sum()


def test_planted_labels_come_first_by_a_head_alone(source, tmp_path, frozen):
    made = audit(source, tmp_path / "out", [FROZEN])
    assert list(made.eyes) == [FROZEN] and not (made.folder / layout.EYES).exists()
    np.testing.assert_array_equal(made.embeddings, made.features[FROZEN])
    assert not (made.folder / layout.EMBEDDINGS).exists()
    pixels = {id: made.scores.loc[id, "suggested_label"] for id in made.scores.index[:3]}
    assert set(pixels.values()) == {"red"} and set(made.scores["label"][:3]) == {"green"}
    assert f"score_{FROZEN}" not in made.scores


def test_a_second_audit_computes_only_the_new_pictures(source, tmp_path, frozen):
    audit(source, tmp_path / "out", [FROZEN])
    assert sum(frozen) >= 60
    before = audit(source, tmp_path / "out", [FROZEN], overwrite=True, seed=5)
    frozen.clear()
    again = audit(source, tmp_path / "out", [FROZEN], overwrite=True, seed=5)
    assert not frozen
    np.testing.assert_array_equal(before.features[FROZEN], again.features[FROZEN])
    np.testing.assert_array_equal(before.trace.loss, again.trace.loss)


def test_features_outlive_an_audit_that_failed(source, tmp_path, frozen, monkeypatch):
    from o2u_nb.training import job

    out = tmp_path / "out"

    def fail(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(job, "head_learner", fail)
        with pytest.raises(KeyboardInterrupt):
            audit(source, out, [FROZEN])
    assert layout.FEATURES in layout.made_in(out)
    frozen.clear()
    made = audit(source, out, [FROZEN], overwrite=True)
    assert not frozen and made.features[FROZEN].shape == (60, 12)


def test_what_others_put_among_the_features_is_never_removed(source, tmp_path, frozen):
    out = tmp_path / "out"
    audit(source, out, [FROZEN])
    stranger = out / layout.FEATURES / "mine.txt"
    stranger.write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.txt"):
        audit(source, out, [FROZEN], overwrite=True)
    assert stranger.read_text() == "mine"


def test_features_of_other_samples_are_refused_when_an_audit_is_opened(source, tmp_path, frozen):
    made = audit(source, tmp_path / "out", [FROZEN])
    (rows,) = (made.folder / layout.FEATURES).glob("*/rows.npy")
    found = np.load(rows)
    os.remove(rows)
    np.save(rows, found[:-1])
    with pytest.raises(FeaturesError, match="lack the sample"):
        _ = Audit.open(made.folder).features


def test_the_same_seed_gives_the_same_scores_of_all_eyes(source, tmp_path, frozen):
    one, two = (audit(source, tmp_path / str(k), [NETWORK, FROZEN], seed=4) for k in range(2))
    assert one.scores.equals(two.scores)


def test_without_internet_the_offline_network_is_used_and_said(monkeypatch):
    def get(name):
        if name == LITE0:
            return "offline"
        raise DownloadError(f"{name} cannot be downloaded.")

    monkeypatch.setattr(choice, "backbone", get)
    found = choice.available(["vit", NETWORK])
    assert found.networks == {LITE0: "offline", NETWORK: None}
    assert found.notes == [f"vit cannot be downloaded. Going on with {LITE0}."]
    assert list(choice.available(["vit", LITE0]).networks) == [LITE0]


def test_the_report_says_which_eye_could_not_be_had(source, tmp_path, frozen, monkeypatch):
    offline = choice.backbone(LITE0)

    def get(name):
        if name == LITE0:
            return offline
        raise DownloadError(f"{name} cannot be downloaded.")

    monkeypatch.setattr(choice, "backbone", get)
    said = []
    made = audit(source, tmp_path / "out", ["vit"], say=said.append)
    note = f"vit cannot be downloaded. Going on with {LITE0}."
    assert list(made.eyes) == [LITE0] and note in said
    assert made.findings.doubts[0] == note and note in made.report.read_text(encoding="utf-8")


def test_eyes_that_a_folder_could_not_tell_apart_are_refused(frozen):
    with pytest.raises(WeightsError, match=r"vit\.a, vit_a"):
        choice.available(["vit.a", "vit_a"])


def test_an_unknown_eye_is_refused_with_the_nearest_name(source, tmp_path):
    with pytest.raises(WeightsError, match="efficientnet_lite0"):
        run_audit(source, tmp_path / "out", eyes=["eficientnet_lite0"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(WeightsError, match="at least one eye"):
        choice.available([])


def test_photographs_are_looked_at_by_pretrained_eyes(tmp_path):
    from o2u_nb.data import sources

    small = sources.read(write_source(tmp_path / "small", n=6)).samples
    large = sources.read(write_source(tmp_path / "large", n=6, side=100)).samples
    assert choice.usual_eyes(small, PRESETS["standard"])[0] == NETWORK
    assert choice.usual_eyes(large, PRESETS["standard"]) == (LITE0, LITE2)
