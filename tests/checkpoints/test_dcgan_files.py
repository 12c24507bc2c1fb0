"""DCGAN checkpoints as public code saves them: the pictures are those of the original modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from studio.base.steps import run
from studio.checkpoints import Library, ModelError, inspect, load_model


class Examples(nn.Module):
    """The generator of pytorch/examples: ``main.N``."""

    def __init__(self, nz: int = 20, ngf: int = 4, nc: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(),
        ]
        for i in (8, 4, 2):
            layers += [
                nn.ConvTranspose2d(ngf * i, ngf * i // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ngf * i // 2),
                nn.ReLU(),
            ]
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.main(z[:, :, None, None])


class Nested(nn.Module):
    """Blocks in blocks, biases in the last convolution (tutorials write it so)."""

    def __init__(self) -> None:
        super().__init__()

        def block(a: int, b: int, k: int, s: int, p: int) -> nn.Module:
            return nn.Sequential(nn.ConvTranspose2d(a, b, k, s, p, bias=False), nn.BatchNorm2d(b), nn.ReLU())

        self.net = nn.Sequential(
            block(16, 12, 4, 1, 0),
            block(12, 8, 4, 2, 1),
            block(8, 6, 4, 2, 1),
            nn.ConvTranspose2d(6, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.net(z[:, :, None, None]).expand(-1, 3, -1, -1)


class PyTorchGAN(nn.Module):
    """The generator of PyTorch-GAN's dcgan.py, acgan.py and infogan.py."""

    def __init__(self, latent: int = 24, size: int = 16, channels: int = 1, classes: int = 0, mode: str = "") -> None:
        super().__init__()
        self.mode, self.side = mode, size // 4
        if mode == "embed":
            self.label_emb = nn.Embedding(classes, latent)
        self.l1 = nn.Sequential(nn.Linear(latent + (classes if mode == "concat" else 0), 128 * self.side**2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(128),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 128, 3, 1, 1),
            nn.BatchNorm2d(128, 0.8),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 64, 3, 1, 1),
            nn.BatchNorm2d(64, 0.8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, channels, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        if self.mode == "embed":
            assert c is not None
            z = self.label_emb(c.argmax(dim=1)) * z
        elif self.mode == "concat":
            assert c is not None
            z = torch.cat((z, c), dim=1)
        x = self.conv_blocks(self.l1(z).reshape(-1, 128, self.side, self.side))
        return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x


def random(net: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if t.is_floating_point():
                t.copy_(torch.rand(t.shape) + 0.5 if "running_var" in name else torch.randn(t.shape) * 0.1)
    if isinstance(net, PyTorchGAN) and net.mode == "concat":
        # Classes weigh more than noise in a trained network; by this they are told apart.
        with torch.no_grad():
            net.l1[0].weight[:, 24:] *= torch.tensor([3.0, 4.0, 2.5, 5.0])
    return net.eval()


NETS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "examples": (Examples, 20, 0),
    "nested": (Nested, 16, 0),
    "PyTorch-GAN": (PyTorchGAN, 24, 0),
    "PyTorch-GAN colour": (lambda: PyTorchGAN(channels=3, size=32), 24, 0),
    "PyTorch-GAN classes joined": (lambda: PyTorchGAN(classes=4, mode="concat"), 24, 4),
    "PyTorch-GAN classes multiplied": (lambda: PyTorchGAN(classes=5, mode="embed"), 24, 5),
}


@pytest.mark.parametrize("name", NETS)
def test_same_pictures(name: str, tmp_path: Path) -> None:
    """As a file, and again from the library's own copy."""
    make, z_dim, c_dim = NETS[name]
    net = random(make())
    path = tmp_path / "netG_epoch_24.pth"
    torch.save(net.state_dict(), path)
    z = torch.randn(4, z_dim, generator=torch.Generator().manual_seed(1))
    c = torch.eye(c_dim)[[0, 1, 2, 1]] if c_dim else None
    want = net(z, c)
    loaded = load_model(path)
    assert (loaded.card.hyper["z_dim"], loaded.card.hyper["c_dim"]) == (z_dim, c_dim)
    assert torch.allclose(loaded.network.synthesize(loaded.network.map(z, c)), want, atol=1e-5)
    assert inspect(path) == loaded.card
    library = Library(tmp_path / "weights", tmp_path / "models")
    card = run(library.import_file(path))
    copy = library.find(card.sha256)
    assert copy is not None
    again = load_model(copy)
    assert torch.equal(
        again.network.synthesize(again.network.map(z, c)), loaded.network.synthesize(loaded.network.map(z, c))
    )
    assert again.card.sha256 == card.sha256 and again.card.assumptions == card.assumptions


def test_label_inputs_can_be_changed(tmp_path: Path) -> None:
    """How many inputs are classes is an assumption; all of them may be z."""
    net = random(PyTorchGAN(classes=4, mode="concat"))
    torch.save(net.state_dict(), tmp_path / "x.pt")
    by_name = {a.name: a for a in load_model(tmp_path / "x.pt").card.assumptions}
    assert by_name["label_inputs"].value == 4 and by_name["norm_eps"].value == 0.8
    g = load_model(tmp_path / "x.pt", assumptions={"label_inputs": 0, "norm_eps": 1e-5}).network
    assert (g.z_dim, g.c_dim) == (28, 0)
    library = Library(tmp_path / "weights", tmp_path / "models")
    card = run(library.import_file(tmp_path / "x.pt"))
    changed = library.set_assumptions(card.sha256, {"label_inputs": 2})
    assert changed.hyper["c_dim"] == 2 and changed.sha256 == card.sha256
    copy = library.find(card.sha256)
    assert copy is not None and load_model(copy).network.c_dim == 2


def test_critic_is_told_apart(tmp_path: Path) -> None:
    """The discriminator of the same code: a sentence."""
    layers = [nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.Conv2d(16, 1, 4, 1, 0)]
    torch.save(nn.Sequential(*layers).state_dict(), tmp_path / "netD.pth")
    with pytest.raises(ModelError, match="discriminator"):
        load_model(tmp_path / "netD.pth")


def test_real_file(shared: Path) -> None:
    """A class-conditional network that others trained: 22 of its 84 inputs are classes, which change the picture."""
    path = shared / "checkpoints" / "pytorchgan_dcgan_malware_generator_32px.pt"
    if not path.is_file():
        pytest.skip("the real file is not here")
    g = load_model(path).network
    assert (g.z_dim, g.c_dim, g.w_dim, g.resolution) == (62, 22, 84, 32)
    z = torch.randn(1, 62, generator=torch.Generator().manual_seed(0))
    a, b = (g.synthesize(g.map(z, torch.eye(22)[[i]])) for i in (0, 6))
    assert a.shape == (1, 3, 32, 32) and float(a.abs().max()) <= 1 and float((a - b).abs().mean()) > 0.05
