"""StarGAN's generator agrees with a direct formulation on torch's functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError
from studio.checkpoints.skeleton import Hollow, hollow
from studio.nets.roles import Translator
from studio.nets.stargan import StarGAN

CHANNELS, LABELS, BLOCKS = 3, 4, 3


def authors_file(width: int = 4, running: bool = True) -> dict[str, Tensor]:
    """Random tensors under the authors' names, with two halvings; running statistics that must not be used."""
    g = torch.Generator().manual_seed(3)
    sd: dict[str, Tensor] = {}

    def add(name: str, *shape: int) -> None:
        sd[f"{name}.weight"] = torch.randn(shape, generator=g) / (shape[1] * shape[2]) ** 0.5

    def norm(name: str, n: int) -> None:
        sd[f"{name}.weight"] = torch.rand(n, generator=g) + 0.5
        sd[f"{name}.bias"] = torch.randn(n, generator=g) / 2
        if running:
            sd[f"{name}.running_mean"] = torch.full((n,), 50.0)
            sd[f"{name}.running_var"] = torch.full((n,), 1e-3)
            sd[f"{name}.num_batches_tracked"] = torch.tensor(9)

    add("main.0", width, CHANNELS + LABELS, 7, 7)
    norm("main.1", width)
    add("main.3", 2 * width, width, 4, 4)
    norm("main.4", 2 * width)
    add("main.6", 4 * width, 2 * width, 4, 4)
    norm("main.7", 4 * width)
    for i in range(9, 9 + BLOCKS):
        for conv in (0, 3):
            add(f"main.{i}.main.{conv}", 4 * width, 4 * width, 3, 3)
            norm(f"main.{i}.main.{conv + 1}", 4 * width)
    n = 9 + BLOCKS
    add(f"main.{n}", 4 * width, 2 * width, 4, 4)
    norm(f"main.{n + 1}", 2 * width)
    add(f"main.{n + 3}", 2 * width, width, 4, 4)
    norm(f"main.{n + 4}", width)
    add(f"main.{n + 6}", CHANNELS, width, 7, 7)
    return sd


def direct(sd: dict[str, Tensor], x: Tensor, labels: Tensor) -> Tensor:
    def norm(y: Tensor, name: str) -> Tensor:
        y = (y - y.mean(dim=(2, 3), keepdim=True)) / (y.var(dim=(2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
        return y * sd[f"{name}.weight"].view(1, -1, 1, 1) + sd[f"{name}.bias"].view(1, -1, 1, 1)

    planes = labels[:, :, None, None] * torch.ones(1, 1, *x.shape[2:])
    y = F.relu(norm(F.conv2d(torch.cat((x, planes), dim=1), sd["main.0.weight"], padding=3), "main.1"))
    for i in (3, 6):
        y = F.relu(norm(F.conv2d(y, sd[f"main.{i}.weight"], stride=2, padding=1), f"main.{i + 1}"))
    for i in range(9, 9 + BLOCKS):
        z = F.relu(norm(F.conv2d(y, sd[f"main.{i}.main.0.weight"], padding=1), f"main.{i}.main.1"))
        y = y + norm(F.conv2d(z, sd[f"main.{i}.main.3.weight"], padding=1), f"main.{i}.main.4")
    n = 9 + BLOCKS
    for i in (n, n + 3):
        y = F.relu(norm(F.conv_transpose2d(y, sd[f"main.{i}.weight"], stride=2, padding=1), f"main.{i + 1}"))
    return torch.tanh(F.conv2d(y, sd[f"main.{n + 6}.weight"], padding=3))


def picture(*size: int) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.mark.parametrize("running", [True, False])
def test_agrees_with_the_direct_formulation(running: bool) -> None:
    sd = authors_file(running=running)
    net = StarGAN.from_state_dict(sd)
    assert isinstance(net, Translator)
    assert (net.c_dim, net.conv_dim, net.repeat_num, net.in_channels) == (LABELS, 4, BLOCKS, CHANNELS)
    x, labels = picture(2, 3, 24, 32), torch.tensor([[0.0, 1, 0, 1], [0.3, -0.5, 2, 0]])
    want = direct(sd, x, labels)
    assert float(want.std()) > 0.1
    for statistics in ("stored", "own", 0.5):
        assert float((net.translate(x, statistics, labels=labels) - want).abs().max()) < 1e-4


def test_labels_steer_and_default_to_none() -> None:
    net = StarGAN.from_state_dict(authors_file())
    x = picture(2, 3, 16, 16)
    plain = net.translate(x)
    assert torch.equal(plain, net.translate(x, labels=torch.zeros(2, 4)))
    other = net.translate(x, labels=torch.tensor([[1.0, 0, 0, 0]]))
    assert float((plain - other).abs().mean()) > 1e-3
    one = net.translate(x[1:], labels=torch.tensor([[1.0, 0, 0, 0]]))
    assert float((one - other[1:]).abs().max()) < 1e-5
    assert not net.has_stored_statistics
    assert not net.has_dropout
    for wrong in (torch.zeros(4), torch.zeros(2, 3), torch.zeros(3, 4)):
        with pytest.raises(ValueError, match="labels"):
            net.translate(x, labels=wrong)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (33, 18)])
def test_any_size(size: tuple[int, int]) -> None:
    y = StarGAN.from_state_dict(authors_file()).translate(picture(1, 3, *size))
    assert y.shape == (1, 3, *size)
    assert bool(y.isfinite().all())


@pytest.mark.parametrize(
    "hyper", [{"n_downsampling": 1}, {"c_dim": 0, "in_channels": 1}, {"repeat_num": 1}, {"up": "resize"}], ids=str
)
def test_the_plan_is_read_back(hyper: dict) -> None:
    net = StarGAN(**{"conv_dim": 4, "repeat_num": 2, **hyper}).eval()
    sd = net.state_dict()
    back = StarGAN.from_state_dict(sd)
    assert back.hyper == net.hyper
    x = picture(1, net.in_channels, 16, 16)
    assert torch.equal(back.translate(x), net.translate(x).detach())
    with Hollow(1 << 20):
        bare = StarGAN.from_state_dict({k: hollow(t.shape, t.dtype) for k, t in sd.items()})
    assert bare.hyper == net.hyper
    assert StarGAN.from_hyper(net.hyper).state_dict().keys() == sd.keys()


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda sd: sd.pop("main.0.weight"), "main.0.weight"),
        (lambda sd: sd.pop("main.4.bias"), "main.4.bias"),
        (lambda sd: sd.pop("main.10.main.3.weight"), "main.10.main.3.weight"),
        (lambda sd: [sd.pop(k) for k in list(sd) if k.startswith("main.10.")], "main.10"),
        (lambda sd: sd.pop("main.18.weight"), "main.18.weight"),
        (lambda sd: sd.update({"main.0.weight": torch.zeros(4, 2, 7, 7)}), "2 planes"),
        (lambda sd: sd.update({"main.3.weight": torch.zeros(8, 4, 3, 3)}), "main.3.weight"),
        (lambda sd: sd.update({"main.0.bias": torch.zeros(4)}), "main.0.bias"),
        (lambda sd: sd.clear(), "residual blocks"),
    ],
)
def test_wrong_tensors_are_told(harm, named: str) -> None:
    sd = authors_file()
    harm(sd)
    with pytest.raises(ModelError, match="StarGAN") as told:
        StarGAN.from_state_dict(sd)
    assert named in told.value.sentence()
