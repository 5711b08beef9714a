"""Frozen networks: right features from the right weights, and clear words where there are none."""

import socket

import numpy as np
import pytest
import timm
import torch
from fastai.basics import Learner
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    imagenet_stats,
    resnet18,
    vision_learner,
)
from safetensors.torch import save_file
from torch import nn

from o2u_nb import offline_weights
from o2u_nb.errors import O2UError, RecordingError, WeightsError
from o2u_nb.offline_weights import OFFLINE
from o2u_nb.training import weights
from o2u_nb.training.backbones import backbone, default_backbone
from o2u_nb.training.models import CompactResNet
from tests import learners, lookup

SMALL = "resnet10t"  # 5 million weights, the smallest of timm's residual networks


def pictures(n: int, size: int) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def offline():
    return backbone(OFFLINE)


def test_the_offline_network_gives_what_timm_gives_with_the_same_weights(offline):
    """The classifier of the original weights is kept here, and its inputs are compared."""
    state = torch.load(offline_weights.require(), weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0").eval()
    assert len(state) == 296
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    seen = []
    model.classifier.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    x = pictures(3, offline.size)
    with torch.no_grad():
        assert model(x).shape == (3, 1000)
        found = offline.model(x)
    torch.testing.assert_close(found, seen[0], rtol=1e-4, atol=1e-4)
    assert found.shape == (3, 1280) and found.std(0).max() > 0.1
    assert (offline.size, offline.mean, offline.std) == (224, (0.5,) * 3, (0.5,) * 3)


def test_the_offline_network_is_frozen_and_has_the_same_key_each_time(offline):
    assert not offline.model.training
    assert not any(p.requires_grad for p in offline.model.parameters())
    assert offline.key == backbone(OFFLINE).key
    assert offline.key != backbone(OFFLINE, size=192).key
    assert offline.key.startswith("efficientnet_lite0-224-")


def test_the_default_says_what_is_better():
    said = []
    assert default_backbone(said.append).name == OFFLINE
    (line,) = said
    assert "vit_small_patch14_dinov2.lvd142m" in line and "file" in line


def test_weights_of_another_network_are_named_with_the_first_difference(tmp_path):
    torch.save(timm.create_model(SMALL).state_dict(), tmp_path / "w.pt")
    wrong = r"w.pt are those of another network: expected conv_stem.weight of shape \(32, 3, 3, 3\)"
    with pytest.raises(WeightsError, match=wrong):
        backbone(OFFLINE, weights=tmp_path / "w.pt")


def test_one_tensor_too_few_or_too_many_is_noticed():
    model = nn.Sequential(nn.Linear(2, 3))
    few = {"a": torch.zeros(3, 2)}
    with pytest.raises(WeightsError, match=r"expected 0.bias of shape \(3,\), found none"):
        weights.put_in_order(model, few, where="w")
    many = {"a": torch.zeros(3, 2), "b": torch.zeros(3), "c": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"expected none .*, found c of shape \(1,\)"):
        weights.put_in_order(model, many, where="w")


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(3)
    return timm.create_model(SMALL).eval()


@pytest.mark.parametrize("form", ["pt", "safetensors", "checkpoint", "no classifier"])
def test_timm_with_a_local_file(tmp_path, small, form):
    state = dict(small.state_dict())
    if form == "no classifier":
        state = {k: v for k, v in state.items() if not k.startswith("fc.")}
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pt")
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3} if form == "checkpoint" else state, path)
    found = backbone(SMALL, weights=path, size=64)
    x = pictures(2, 64)
    with torch.no_grad():
        expected = small.forward_head(small.forward_features(x), pre_logits=True)
        torch.testing.assert_close(found.model(x), expected, rtol=1e-4, atol=1e-4)
    assert found.mean == (0.485, 0.456, 0.406)  # timm's own for this network


def test_a_local_file_changes_the_key(tmp_path, small):
    state = small.state_dict()
    torch.save(state, tmp_path / "a.pt")
    save_file(state, tmp_path / "same.safetensors")
    state["conv1.0.weight"] = state["conv1.0.weight"] * 1.01
    torch.save(state, tmp_path / "b.pt")
    one, same, other = (
        backbone(SMALL, weights=tmp_path / name, size=64).key
        for name in ("a.pt", "same.safetensors", "b.pt")
    )
    assert one == same != other


@pytest.mark.parametrize("lost", ["conv1.0.weight", "layer1.0.bn1.running_mean"])
def test_a_file_without_all_weights_is_refused(tmp_path, small, lost):
    state = small.state_dict()
    del state[lost]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=f"those of another network: .*{lost}"):
        backbone(SMALL, weights=tmp_path / "w.pt")


class Evil:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_files_that_are_no_weights(tmp_path, capsys, name):
    path = tmp_path / name
    with pytest.raises(WeightsError, match=r"found no such file"):
        backbone(SMALL, weights=path)
    path.write_bytes(b"half of a file")
    with pytest.raises(WeightsError, match=r"cannot be read"):
        backbone(SMALL, weights=path)
    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"holds more than tensors"):
        backbone(SMALL, weights=tmp_path / "evil.pt")
    assert "executed" not in capsys.readouterr().out
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match=r"Expected a state dict in .*found list"):
        backbone(SMALL, weights=tmp_path / "list.pt")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("efficientnet-lite0", "efficientnet_lite0"),
        ("vit_small_patch14_dinov22", "vit_small_patch14_dinov2"),
        ("torchvision/resnet19", "torchvision/resnet18"),
        ("../../etc", "efficientnet_lite0"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name, near):
    with pytest.raises(WeightsError, match=f"The nearest: .*{near}") as raised:
        backbone(name)
    named = str(raised.value).partition("The nearest: ")[2].rstrip(".").split(", ")
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", [SMALL, "torchvision/resnet18"])
def test_without_internet_one_sentence_names_the_way_out(monkeypatch, name):
    def refuse(*_, **options):
        assert socket.getdefaulttimeout() == weights.DOWNLOAD_TIMEOUT
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(weights, "_answers", lambda address: False)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", refuse)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(WeightsError) as caught:
        backbone(name)
    message = str(caught.value)
    assert message.startswith(f"The pretrained weights of {name} are not on this machine")
    assert "(no route to host)" in message and f"use {OFFLINE!r}" in message
    assert "\n" not in message and message.count(". ") == 0
    assert socket.getdefaulttimeout() is None


def test_a_hub_that_does_not_answer_is_not_asked_again(monkeypatch):
    import huggingface_hub.constants as constants

    before = constants.HF_HUB_OFFLINE
    for answers in (False, True):
        monkeypatch.setattr(weights, "_answers", lambda address, answers=answers: answers)
        with weights.reachable_hub():
            assert constants.HF_HUB_OFFLINE is (before or not answers)
        assert constants.HF_HUB_OFFLINE is before


def test_torchvision_with_a_local_file(tmp_path):
    from torchvision.models import resnet18 as build

    model = build(weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    found = backbone("torchvision/resnet18", weights=tmp_path / "w.pt", size=64)
    x = pictures(2, 64)
    with torch.no_grad():
        expected = nn.Sequential(*list(model.children())[:-1], nn.Flatten())(x)
        torch.testing.assert_close(found.model(x), expected, rtol=1e-4, atol=1e-4)
    assert found.std == (0.229, 0.224, 0.225)


def test_the_body_of_our_own_learner():
    dls = learners.pixel_loaders()
    net = CompactResNet(lookup.N_CLASSES, widths=(4, 8))
    learn = Learner(dls, net.train(), loss_func=nn.CrossEntropyLoss())
    found = backbone(learn)
    assert found.size == lookup.SIDE and found.name == "body of CompactResNet"
    assert found.mean == (0, 0, 0) and found.std == pytest.approx([1 / 255] * 3)
    x = pictures(4, found.size)
    with torch.no_grad():
        expected = net.eval().body(x)
        torch.testing.assert_close(found.model(x), expected, rtol=1e-4, atol=1e-5)
    before = found.model(x)
    net.head.weight.data += 1
    net.body[0][0].weight.data += 1  # what the Learner learns later does not change the copy
    torch.testing.assert_close(found.model(x), before)
    assert net.head.weight.requires_grad and not net.head._forward_pre_hooks
    assert backbone(learn).key != found.key


def test_the_body_of_a_stock_learner(tmp_path):
    root = lookup.write_folder(tmp_path / "pictures")
    dls = ImageDataLoaders.from_folder(root, valid_pct=0.2, seed=1, bs=7, num_workers=0,
                                       device="cpu")  # fmt: skip
    learn = vision_learner(dls, resnet18, pretrained=False)
    assert backbone(learn, size=32).mean == (0, 0, 0)  # vision_learner normalises for its weights
    dls.add_tfms([Normalize.from_stats(*imagenet_stats)], "after_batch")
    found = backbone(learn, size=32)
    model = learn.model.eval()
    x = pictures(2, 32)
    with torch.no_grad():
        expected = model[1][:-1](model[0](x))
        torch.testing.assert_close(found.model(x), expected, rtol=1e-4, atol=1e-4)
    assert found.mean == pytest.approx([0.485, 0.456, 0.406])
    assert found.std == pytest.approx([0.229, 0.224, 0.225])


def test_a_learner_without_a_last_linear_layer_is_refused():
    learn = learners.learner(learners.pixel_loaders())
    with pytest.raises(RecordingError, match=r"no torch.nn.Linear of Lookup gives its output"):
        backbone(learn)


def test_a_callable():
    found = backbone(lambda x: x.mean((2, 3)), size=8)
    assert found.model(torch.ones(2, 3, 8, 8)).shape == (2, 3) and found.size == 8
    assert found.key != backbone(lambda x: x.mean((2, 3)), size=8).key  # nothing shows it is equal
    with pytest.raises(O2UError, match="size=PIXELS with a callable"):
        backbone(lambda x: x)
    with pytest.raises(O2UError, match=r"of shape \(2, d\); found \(2, 3, 8, 8\)"):
        backbone(lambda x: x, size=8)
    with pytest.raises(O2UError, match="found int"):
        backbone(3)
    with pytest.raises(WeightsError, match="has its own weights"):
        backbone(lambda x: x.mean((2, 3)), weights="w.pt", size=8)


def test_a_network_as_a_callable_is_copied_and_known_again():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5), nn.Dropout(0.5)).train()
    one, two = backbone(net, size=8), backbone(net, size=8)
    assert one.key == two.key and net.training and net[1].weight.requires_grad
    x = pictures(2, 8)
    torch.testing.assert_close(one.model(x), net[1](x.flatten(1)))
    net[1].bias.data += 1
    assert backbone(net, size=8).key != one.key


class Twice(nn.Flatten):
    def forward(self, x):
        return 2 * super().forward(x)


class Thrice(nn.Flatten):
    def forward(self, x):
        return 3 + super().forward(x)


def test_the_key_knows_what_a_network_computes():
    Thrice.__qualname__ = Twice.__qualname__
    Thrice.__name__ = Twice.__name__
    assert backbone(Twice(), size=8).key != backbone(Thrice(), size=8).key


def test_a_size_that_a_network_cannot_take():
    with pytest.raises(O2UError, match=r"cannot take pictures of 9 x 9 pixels .*size=PIXELS"):
        backbone(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5)), size=9)


def test_checksums_do_not_depend_on_layout():
    conv = nn.Conv2d(3, 4, 3)
    before = weights.checksum(conv)
    assert weights.checksum(conv.to(memory_format=torch.channels_last)) == before
    conv.weight.data[0, 0, 0, 0] += np.float32(1e-3)
    assert weights.checksum(conv) != before
