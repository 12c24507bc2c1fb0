"""Networks that are recognised and cannot be used here: other roles, whose panels come later, and dead ends.

Each entry is a condition on names and shapes and a sentence in plain words.  The order is from special to general.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from studio.checkpoints.card import Role
from studio.checkpoints.families.base import Recognised
from studio.checkpoints.unwrap import Candidate

_STYLE = "It is not complete, or laid out in a way that is not known here."
_MORPH = "The autoencoders that are read are Stable Diffusion's, SDXL's, SD3's and FLUX's, TAESD's, and PyTorch-VAE's."
_LARGER = "It is not complete, or the library spandrel, which runs such networks, is missing or does not start."
_CRITIC = "It makes no pictures."
_NEVER = "Latent Studio explores StyleGAN2, StyleGAN3 and DCGAN generators."


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of network: how it is told and what is said of it."""

    architecture: str
    role: Role
    what: str
    then: str
    test: Callable[[Candidate], bool]


def has(*names: str) -> Callable[[Candidate], bool]:
    """All these keys."""
    return lambda c: all(n in c for n in names)


def starts(*prefixes: str) -> Callable[[Candidate], bool]:
    """For each prefix some key that begins with it."""
    return lambda c: all(any(n.startswith(p) for n in c.tensors) for p in prefixes)


def match(pattern: str) -> Callable[[Candidate], bool]:
    """Some key that matches."""
    compiled = re.compile(pattern)
    return lambda c: any(compiled.search(n) for n in c.tensors)


def shaped(name: str, *shape: int | None) -> Callable[[Candidate], bool]:
    """A key of this shape (``None``: any size)."""

    def test(c: Candidate) -> bool:
        t = c.tensors.get(name)
        return (
            t is not None
            and len(t.shape) == len(shape)
            and all(want in (None, got) for want, got in zip(shape, t.shape, strict=True))
        )

    return test


def both(*tests: Callable[[Candidate], bool]) -> Callable[[Candidate], bool]:
    """All conditions."""
    return lambda c: all(t(c) for t in tests)


def either(*tests: Callable[[Candidate], bool]) -> Callable[[Candidate], bool]:
    """Any condition."""
    return lambda c: any(t(c) for t in tests)


def _pythae_settings(c: Candidate) -> bool:
    """The settings that pythae writes beside a model."""
    return {"input_dim", "latent_dim", "name"} <= set(c.config) and str(c.config["name"]).endswith("Config")


KINDS: tuple[Kind, ...] = (
    # -- generators of families that are not read
    Kind("lucidrains-stylegan2", "generator", "This is lucidrains' version of StyleGAN2, another network.", _NEVER,
         either(starts("GE.", "SE."), both(starts("G.", "S.net."), match(r"^G\.(initial_|blocks\.)")))),
    Kind("lightweight-gan", "generator", "This is a lightweight GAN (lucidrains).", _NEVER,
         either(both(starts("GE."), match(r"^GE?\.layers\.")), match(r"^G\.layers\.\d+\.0\."))),
    Kind("stylegan1", "generator", "This is a StyleGAN of the first generation.", _NEVER,
         either(starts("generator.progression."), starts("progression."), match(r"^g_synthesis\.blocks\."))),
    Kind("eg3d", "generator", "This is an EG3D generator, which needs a camera.", _NEVER,
         starts("backbone.synthesis.")),
    Kind("biggan", "generator", "This is a BigGAN.", _NEVER,
         either(match(r"^generator\.layers\.\d+\.bn_0\."), match(r"blocks\.\d+\.0\.bn1\.(gain|embed)"))),
    Kind("lora", "generator", "This is a LoRA, a small addition to a large text-to-image model.", _NEVER,
         match(r"\.lora_(up|down|A|B)\.|^lora_")),
    Kind("stable-diffusion", "autoencoder", "This is a Stable Diffusion checkpoint, which draws from text.",
         "The autoencoder inside it is not whole, and nothing else of it can be used here.",
         both(starts("model.diffusion_model."), starts("first_stage_model."))),
    Kind("diffusion", "generator", "This is the drawing part of a diffusion model, which draws from text.", _NEVER,
         either(starts("model.diffusion_model."), starts("down_blocks.", "time_embedding."),
                starts("double_blocks."), starts("joint_blocks."))),
    # -- critics and encoders
    Kind("stylegan2-discriminator", "features", "This is a discriminator, the critic of a GAN.", _CRITIC,
         either(has("b4.out.weight"), starts("final_linear.", "final_conv."), match(r"^b\d+\.fromrgb\.weight"))),
    Kind("dcgan-discriminator", "features", "This is a discriminator, the critic of a GAN.", _CRITIC,
         lambda c: _conv_critic(c)),
    Kind("patch-discriminator", "features", "This is a discriminator, the critic of a translator's training (net_D).",
         "It makes no pictures. The generator was saved beside it (net_G).", lambda c: _patch_critic(c)),
    Kind("upscaler-discriminator", "features", "This is a discriminator, the critic of an upscaler's training.",
         "It makes no pictures. The generator was saved beside it.",
         either(has("conv0_0.weight", "linear2.weight"), has("conv0.weight", "conv1.weight_orig", "conv9.weight"),
                both(shaped("net.0.weight", 64, 3, 3, 3), shaped("net.25.weight", 1, 1024, 1, 1)),
                both(shaped("net.23.weight", 1024, 512, 1, 1), shaped("net.25.weight", 1, 1024, 1, 1)))),
    Kind("gan-encoder", "features", "This is an encoder that finds w for photographs; the generator is not with it.",
         "Choose the file that also holds the decoder.", has("input_layer.0.weight", "styles.0.convs.0.weight")),
    # -- style
    Kind("johnson", "stylizer", "This is a feed-forward style network (Johnson).", _STYLE,
         either(both(shaped("conv1.conv2d.weight", None, None, 9, 9), starts("res1.", "deconv1.")),
                both(shaped("conv1.weight", None, None, 9, 9), starts("res1.conv1.", "deconv1.")))),
    Kind("microast", "stylizer", "This is one part of a MicroAST style transfer.", _STYLE,
         either(match(r"^enc1\.\d+\.(conv1\.)?conv_layer\."), match(r"^dec1\.conv1\.conv_layer\."),
                match(r"^(weight|bias)1\.\d+\.conv_layer\."))),
    Kind("vgg", "features", "This is a VGG network, which sees pictures and makes none.", _STYLE,
         either(both(shaped("features.0.weight", 64, 3, 3, 3), starts("features.")), has("conv1_1.weight"),
                both(shaped("0.weight", 3, 3, 1, 1), shaped("2.weight", 64, 3, 3, 3)))),
    Kind("adain-decoder", "stylizer", "This is the decoder of an AdaIN style transfer.", _STYLE,
         shaped("1.weight", 256, 512, 3, 3)),
    # -- autoencoders
    Kind("vq-gan", "autoencoder", "This is a VQ-GAN, whose latents are words of a code book and cannot be mixed.",
         _MORPH,
         either(match(r"(^|\.)quantize\.(embedding|embed|codebook)"), match(r"(^|\.)codebook\.weight$"))),
    Kind("video-autoencoder", "autoencoder", "This is the autoencoder of a video model.",
         "Latent Studio works with single pictures.",
         both(match(r"(^|\.)encoder\."), lambda c: any(len(t.shape) == 5 for t in c.tensors.values()))),
    Kind("autoencoder-kl", "autoencoder",
         "This is a part of the autoencoder of a diffusion model (AutoencoderKL), not the whole.",
         "Both its halves are needed, in one file.",
         either(match(r"(^|\.)(en|de)coder\.(down|up)_blocks\.0\.resnets\."),
                match(r"(^|\.)(en|de)coder\.(down|up)\.0\.block\."),
                match(r"^(down_blocks\.0\.resnets|up_blocks\.0\.resnets|down\.0\.block|up\.0\.block)\."))),
    Kind("autoencoder-tiny", "autoencoder", "This is a part of a tiny autoencoder (TAESD) that does not hold together.",
         "Get both its halves again from their author.",
         either(both(match(r"^\d+\.conv\.0\.weight$"), match(r"^\d+\.weight$")),
                match(r"^(encoder|decoder)\.(layers\.)?\d+\.conv\.0\.weight$"),
                match(r"^taesd_(encoder|decoder)\."))),
    Kind("pythae", "autoencoder",
         "This is an autoencoder made with pythae, whose file does not say how its layers are joined.",
         "Its code would have to be run, which Latent Studio never does.",
         either(both(match(r"^encoder\.(layers|conv_layers)\."), starts("encoder.embedding."), starts("decoder.")),
                both(starts("encoder.", "decoder."), _pythae_settings))),
    Kind("vae", "autoencoder", "This is a variational autoencoder of a kind that is not read.", _MORPH,
         either(starts("fc_mu."), starts("encoder.fc_mu."),
                match(r"(^|\.)(log_?var|fc_(log)?var|embedding)\.weight$"))),
    # -- enlarging
    Kind("swinir", "upscaler", "This is a SwinIR network, which enlarges or mends pictures.", _LARGER,
         both(has("conv_first.weight"), match(r"^layers\.0\.residual_group\."))),
    Kind("esrgan", "upscaler", "This is an ESRGAN network, which enlarges pictures.", _LARGER,
         either(both(has("conv_first.weight"), match(r"rdb1\.conv1|RDB1\.conv1|RRDB_trunk")),
                match(r"(^|\.)1\.sub\.0\.RDB1\."))),
    # -- translators
    Kind("pix2pixhd-local", "translator", "This is pix2pixHD with its local enhancer.",
         "Its global network alone (latest_net_G.pth of a training without the enhancer) can be used.",
         both(match(r"(^|\.)model1_1\."), match(r"conv_block\."))),
    Kind("cut-features", "translator", "This is the feature network of a CUT training (net_F).",
         "It is needed for training only. Open latest_net_G.pth, which was saved beside it.",
         has("mlp_0.0.weight", "mlp_0.2.weight")),
    # -- everything else that is met often
    Kind("language", "features", "This is a language or text model.", _NEVER,
         match(r"self_attn\.(q|k|v|out|o)_proj|lm_head|text_model\.|transformer\.resblocks\.|token_embedding")),
    Kind("resnet", "features", "This is an image classifier (ResNet).", _NEVER,
         has("conv1.weight", "layer1.0.conv1.weight")),
)  # fmt: skip


def _conv_critic(c: Candidate) -> bool:
    """Convolutions [out, in, 4, 4] that start from a picture and end in one number."""
    shapes = [t.shape for t in c.tensors.values() if len(t.shape) == 4]
    return (
        3 <= len(shapes) <= 16
        and all(s[2:] == (4, 4) for s in shapes)
        and shapes[0][1] in (1, 3)
        and shapes[-1][0] == 1
        and all(a[0] == b[1] for a, b in pairwise(shapes))
    )


def _patch_critic(c: Candidate) -> bool:
    """Convolutions from a picture, or a pair of them, to a plane of verdicts (StarGAN's: and to classes)."""
    if any("conv_block" in n or ".model." in n for n in c.tensors):
        return False
    # Blurs between the convolutions are no convolutions.
    shapes = [t.shape for n, t in c.tensors.items() if len(t.shape) == 4 and not n.endswith(".filt")]
    kernels = {s[2:] for s in shapes}
    of_pixels = kernels == {(1, 1)} and len(shapes) == 3 and "net.0.weight" in c
    classes = "conv1.weight" in c and "conv2.weight" in c and "main.0.weight" in c
    return len(shapes) >= 3 and (kernels == {(4, 4)} or of_pixels or classes) and any(s[0] == 1 for s in shapes)


def detect(c: Candidate) -> Recognised | None:
    """The first kind whose condition holds."""
    if not c.tensors:
        return None
    for kind in KINDS:
        if kind.test(c):
            return Recognised(kind.role, kind.architecture, kind.what, sentence=f"{kind.what} {kind.then}")
    return None
