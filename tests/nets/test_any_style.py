"""AdaIN and MicroAST: exact against plain formulations, styles mix, tiles are the whole."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.nets.adain import AdaIN
from studio.nets.microast import MicroAST, part_of
from studio.nets.roles import Stylizer
from studio.nets.vgg import VGG

GEN = torch.Generator().manual_seed(11)
X = torch.rand(1, 3, 48, 40, generator=GEN)
STYLES = [torch.rand(1, 3, 32, 56, generator=GEN), torch.rand(1, 3, 64, 32, generator=GEN).square()]


def close(a: Tensor, b: Tensor, atol: float = 2e-5) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=1e-5)


def swap(content: Tensor, style: Tensor) -> Tensor:
    """Huang and Belongie's adaptive instance normalisation, with the unbiased variance of the public code."""

    def stats(f: Tensor) -> tuple[Tensor, Tensor]:
        flat = f.flatten(2)
        return flat.mean(2)[..., None, None], (flat.var(2) + 1e-5).sqrt()[..., None, None]

    (cm, cs), (sm, ss) = stats(content), stats(style)
    return (content - cm) / cs * ss + sm


# -- AdaIN
@pytest.fixture(scope="module")
def adain() -> AdaIN:
    torch.manual_seed(0)
    encoder = VGG([(4, 2), (6, 2), (8, 4), (12, 1)], preprocessing="none", padding="reflect", ceil=True, leading=True)
    net = AdaIN(encoder, (12, 8, 8, 8, 8, 6, 6, 4, 4)).eval().requires_grad_(False)
    net.decoder[-1].bias.add_(0.5)
    return net


def plain_adain(net: AdaIN) -> tuple[nn.Sequential, nn.Sequential]:
    """The public implementation's two sequences, filled from the network."""

    def conv(source: nn.Conv2d) -> list[nn.Module]:
        return [nn.ReflectionPad2d(1), source, nn.ReLU()]

    e = net.encoder
    steps: list[nn.Module] = [e.conv0]
    for block, count in ((1, 2), (2, 2), (3, 4), (4, 1)):
        if block > 1:
            steps.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        for i in range(1, count + 1):
            steps += conv(getattr(e, f"conv{block}_{i}"))
    s = net.state_dict()
    decoder: list[nn.Module] = []
    for at in (1, 5, 8, 11, 14, 18, 21, 25, 28):
        w = s[f"decoder.{at}.weight"]
        c = nn.Conv2d(w.shape[1], w.shape[0], 3).requires_grad_(False)
        c.load_state_dict({"weight": w, "bias": s[f"decoder.{at}.bias"]})
        decoder += conv(c) if at != 28 else conv(c)[:2]
        if at in (1, 14, 21):
            decoder.append(nn.Upsample(scale_factor=2, mode="nearest"))
    return nn.Sequential(*steps), nn.Sequential(*decoder)


def test_adain_is_the_papers(adain: AdaIN) -> None:
    """One style, two with weights, and alpha."""
    encode, decode = plain_adain(adain)
    assert isinstance(adain, Stylizer) and adain.wants_style
    content, styles = encode(X), [encode(s) for s in STYLES]
    one = swap(content, styles[0])
    assert float(decode(one).clamp(0, 1).std()) > 0.01
    close(adain.stylize(X, STYLES[:1]), decode(one).clamp(0, 1))
    close(adain.stylize(X, STYLES[:1], strength=0.3), decode(0.3 * one + 0.7 * content).clamp(0, 1))
    mixed = 0.75 * one + 0.25 * swap(content, styles[1])
    close(adain.stylize(X, STYLES, [3, 1]), decode(mixed).clamp(0, 1))
    again = AdaIN.from_state_dict(adain.state_dict())
    assert torch.equal(again.stylize(X, STYLES), adain.stylize(X, STYLES))


# -- MicroAST
@pytest.fixture(scope="module")
def micro() -> MicroAST:
    torch.manual_seed(4)
    net = MicroAST((4, 8, 16)).eval().requires_grad_(False)
    net.decoder.dec3[-1].conv_layer.bias.add_(0.5)
    return net


def plain_micro(s: dict[str, Tensor], content: Tensor, style: Tensor) -> Tensor:
    """The paper's figure, from the tensors."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        w, b = s[f"{name}.conv_layer.weight"], s[f"{name}.conv_layer.bias"]
        p = w.shape[2] // 2
        x = F.pad(x, (p, p, p, p), mode="reflect") if p else x
        return F.conv2d(x, w, b, stride, groups=x.shape[1] // w.shape[1])

    def encoder(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
        for at, stride in ((0, 1), (2, 2), (4, 1), (6, 2), (8, 1)):
            x = conv(f"{name}.enc1.{at}", x, stride).relu()
        one = x + conv(f"{name}.enc1.10.conv2", conv(f"{name}.enc1.10.conv1", x).relu())
        return one, one + conv(f"{name}.enc2.0.conv2", conv(f"{name}.enc2.0.conv1", one).relu())

    def steered(name: str, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        y = (w * conv(f"{name}.conv1", x) + b * x).relu()
        return x + w * conv(f"{name}.conv2", y) + b * y

    s1, s2 = encoder("style_encoder", style)
    signal = [conv(f"modulator.{n}.0", f).mean(dim=(2, 3), keepdim=True)
              for n, f in (("weight1", s1), ("bias1", s1), ("weight2", s2), ("bias2", s2))]  # fmt: skip
    x = encoder("content_encoder", content)[1]
    x = steered("decoder.dec1", swap(x, s2), signal[2], signal[3])
    x = steered("decoder.dec2", swap(x, s1), signal[0], signal[1])
    for first, second in ((1, 3), (6, 8)):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = conv(f"decoder.dec3.{second}", conv(f"decoder.dec3.{first}", x).relu()).relu()
    return conv("decoder.dec3.10", x)


def test_microast_is_the_papers(micro: MicroAST) -> None:
    """Moments and filters of one style."""
    want = plain_micro(micro.state_dict(), X, STYLES[0])
    assert float(want.clamp(0, 1).std()) > 0.01
    close(micro.stylize(X, STYLES[:1]), want.clamp(0, 1))
    again = MicroAST.from_state_dict(micro.state_dict())
    assert again.widths == (4, 8, 16) and torch.equal(again.stylize(X, STYLES), micro.stylize(X, STYLES))


def test_microasts_strength_goes_to_the_pictures_own_style(micro: MicroAST) -> None:
    """At 0 it paints the picture in its own style; in between the signals are mixed."""
    close(micro.stylize(X, STYLES[:1], strength=0), plain_micro(micro.state_dict(), X, X).clamp(0, 1))
    close(micro.stylize(X, STYLES[:1], strength=0.25), micro.stylize(X, [STYLES[0], X], [0.25, 0.75]))


def test_parts_are_told_apart(micro: MicroAST) -> None:
    """Names of one part and nothing else."""
    for part, kind in (("content_encoder", "encoder"), ("modulator", "modulator"), ("decoder", "decoder")):
        names = [k.removeprefix(f"{part}.") for k in micro.state_dict() if k.startswith(f"{part}.")]
        assert part_of(names) == kind and part_of([*names, "other.weight"]) == ""
    assert part_of([]) == ""


# -- both
@pytest.mark.parametrize("which", ["adain", "micro"])
def test_tiles_are_the_whole(which: str, request: pytest.FixtureRequest) -> None:
    """Content and styles in tiles, odd sizes, moments of the whole pictures."""
    net = request.getfixturevalue(which)
    x, style = torch.rand(1, 3, 150, 93), torch.rand(1, 3, 71, 130)
    for strength in (1.0, 0.6):
        whole = net.stylize(x, [style], strength=strength)
        assert whole.shape == x.shape
        close(run(net.stylize_steps(x, [style], strength=strength, tile=48)), whole, atol=1e-5)


@pytest.mark.parametrize("which", ["adain", "micro"])
def test_small_pictures_and_wrong_styles(which: str, request: pytest.FixtureRequest) -> None:
    """A pixel is a picture; no style is a mistake."""
    net = request.getfixturevalue(which)
    y = net.stylize(torch.rand(1, 3, 1, 5), [torch.rand(1, 3, 2, 2)])
    assert y.shape == (1, 3, 1, 5) and bool(y.isfinite().all())
    with pytest.raises(ValueError, match="take the style from"):
        net.stylize(X)
    with pytest.raises(ValueError, match="weight for each"):
        net.stylize(X, STYLES, [1.0])
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\]"):
        net.stylize(X[:, :1], STYLES)


def test_what_does_not_fit(adain: AdaIN, micro: MicroAST) -> None:
    """Tensors are named."""
    a, m = dict(adain.state_dict()), dict(micro.state_dict())
    with pytest.raises(ModelError, match=r"decoder\.8\.weight"):
        AdaIN.from_state_dict({k: v for k, v in a.items() if k != "decoder.8.weight"})
    with pytest.raises(ModelError, match="fit together"):
        AdaIN.from_state_dict({k: v for k, v in a.items() if not k.startswith("encoder.conv4_1")})
    with pytest.raises(ModelError, match="dec2"):
        MicroAST.from_state_dict({k: v for k, v in m.items() if "dec2" not in k})
    with pytest.raises(ModelError, match="multiple"):
        MicroAST.from_state_dict({**m, "content_encoder.enc1.2.conv_layer.weight": torch.zeros(9, 1, 3, 3)})
