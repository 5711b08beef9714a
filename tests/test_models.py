"""Networks: shapes, what is trained, and what happens without the internet."""

from urllib.error import URLError

import pytest
import torch
from torchvision import models as zoo

from o2u_nb.errors import WeightsError
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.networks import pretrained


@pytest.mark.parametrize("side", [16, 28, 48, 64])
def test_compact_network_takes_any_small_picture(side):
    net = CompactResNet(7, widths=(4, 8, 8))
    assert net(torch.zeros(2, 3, side, side)).shape == (2, 7)


def test_compact_network_ends_in_a_linear_layer_over_relu_features():
    net = CompactResNet(7, widths=(4, 8))
    assert isinstance(net.head, torch.nn.Linear) and net.head.bias is not None
    assert (net.body(torch.randn(4, 3, 16, 16)) >= 0).all()


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A torch cache that holds ResNet-18 weights, all 0.01, as a download would leave them."""
    state = {k: torch.full_like(v, 0.01) if v.is_floating_point() else v
             for k, v in zoo.resnet18(weights=None).state_dict().items()}  # fmt: skip
    name = zoo.get_model_weights("resnet18").DEFAULT.url.rsplit("/", 1)[1]
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints" / name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))


def test_pretrained_weights_come_from_the_cache(weights):
    net = pretrained(5)
    assert torch.all(net.layer1[0].conv1.weight == 0.01)
    assert net.fc.out_features == 5 and not torch.all(net.fc.weight == 0.01)
    assert all(p.requires_grad for p in net.parameters())


def test_only_the_last_stages_are_trained(weights):
    net = pretrained(5, trained_stages=1)
    trained = {name.split(".")[0] for name, p in net.named_parameters() if p.requires_grad}
    assert trained == {"layer4", "fc"}


@pytest.mark.parametrize("error", [URLError("no route to host"), TimeoutError("timed out")])
def test_weights_that_cannot_be_had_are_one_clear_error(tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(WeightsError, match=r"resnet18 cannot be loaded .*checkpoints"):
        pretrained(5)
