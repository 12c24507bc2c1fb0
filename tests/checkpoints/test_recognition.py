"""Everything that is dropped on the window is named: what it is, and what to do with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.checkpoints import ModelError, inspect, load_model
from studio.checkpoints.families.others import KINDS
from tests.checkpoints import makers
from tests.checkpoints.makers import tiny

Shapes = dict[str, tuple[int, ...]]
W3 = (8, 8, 3, 3)
EXAMPLES: dict[str, Shapes] = {
    "lucidrains-stylegan2": {"S.net.0.weight": (8, 8), "G.initial_conv.weight": W3, "SE.net.0.weight": (8, 8),
                             "GE.blocks.0.conv1.weight": W3},
    "lightweight-gan": {"G.layers.0.0.1.weight": W3, "D.residual_layers.0.0.weight": W3},
    "stylegan1": {"generator.progression.0.conv1.conv.weight": W3, "style.1.linear.weight_orig": (8, 8)},
    "eg3d": {"backbone.synthesis.b4.const": (8, 4, 4), "backbone.mapping.fc0.weight": (8, 8)},
    "biggan": {"embeddings.weight": (8, 8), "generator.layers.0.bn_0.scale.weight_orig": (8, 8)},
    "lora": {"lora_unet_down_blocks_0.lora_down.weight": (4, 8), "lora_unet_down_blocks_0.lora_up.weight": (8, 4)},
    "stable-diffusion": {"model.diffusion_model.input_blocks.0.0.weight": W3,
                         "first_stage_model.encoder.conv_in.weight": W3},
    "diffusion": {"down_blocks.0.resnets.0.conv1.weight": W3, "time_embedding.linear_1.weight": (8, 8)},
    "stylegan2-discriminator": {"b4.out.weight": (1, 8), "b8.fromrgb.weight": (8, 3, 1, 1)},
    "dcgan-discriminator": {"main.0.weight": (8, 3, 4, 4), "main.2.weight": (16, 8, 4, 4),
                            "main.5.weight": (1, 16, 4, 4)},
    "patch-discriminator": {"model.0.weight": (8, 6, 4, 4), "model.2.weight": (16, 8, 4, 4),
                            "model.5.weight": (1, 16, 4, 4)},
    "upscaler-discriminator": {"conv0_0.weight": (8, 3, 3, 3), "conv0_1.weight": (8, 8, 4, 4),
                               "linear1.weight": (8, 8), "linear2.weight": (1, 8)},
    "gan-encoder": {"input_layer.0.weight": W3, "styles.0.convs.0.weight": W3, "body.0.res_layer.1.weight": W3},
    "johnson": {"conv1.conv2d.weight": (8, 3, 9, 9), "res1.conv1.conv2d.weight": W3, "deconv1.conv2d.weight": W3},
    "microast": {"enc1.0.conv_layer.weight": (16, 3, 9, 9), "enc1.2.conv_layer.weight": (32, 1, 3, 3)},
    "vgg": {"features.0.weight": (64, 3, 3, 3), "features.2.weight": (64, 64, 3, 3), "classifier.0.weight": (8, 8)},
    "adain-decoder": {"1.weight": (256, 512, 3, 3), "5.weight": (256, 256, 3, 3)},
    "vq-gan": {"encoder.down.0.block.0.conv1.weight": W3, "quantize.embedding.weight": (8, 4)},
    "video-autoencoder": {"encoder.conv1.weight": (8, 3, 3, 3, 3), "encoder.downsamples.0.shortcut.weight": W3},
    "autoencoder-kl": {"first_stage_model.encoder.down.0.block.0.conv1.weight": W3,
                       "first_stage_model.quant_conv.weight": (8, 8, 1, 1)},
    "autoencoder-tiny": {"1.weight": (64, 4), "3.conv.0.weight": (64, 64, 3, 3),
                         "3.conv.2.weight": (64, 64, 3, 3)},
    "pythae": {"encoder.layers.0.0.weight": (8, 8), "encoder.embedding.weight": (4, 8),
               "encoder.log_var.weight": (4, 8), "decoder.layers.0.0.weight": (8, 4)},
    "vae": {"encoder.0.0.weight": W3, "fc_mu.weight": (8, 8), "fc_var.weight": (8, 8), "decoder_input.weight": (8, 8)},
    "swinir": {"conv_first.weight": W3, "layers.0.residual_group.blocks.0.norm1.weight": (8,)},
    "esrgan": {"conv_first.weight": W3, "body.0.rdb1.conv1.weight": W3},
    "pix2pixhd-local": {"model.1.weight": (8, 3, 7, 7), "model.4.conv_block.1.weight": W3,
                        "model1_1.1.weight": (4, 3, 7, 7)},
    "cut-features": {"mlp_0.0.weight": (8, 3), "mlp_0.2.weight": (8, 8), "mlp_1.0.weight": (8, 3)},
    "language": {"model.layers.0.self_attn.q_proj.weight": (8, 8), "lm_head.weight": (9, 8)},
    "resnet": {"conv1.weight": (64, 3, 7, 7), "layer1.0.conv1.weight": W3, "fc.weight": (10, 8)},
}  # fmt: skip


def save(path: Path, shapes: Shapes) -> Path:
    torch.save({k: torch.randn(v) for k, v in shapes.items()}, path)
    return path


def test_every_kind_has_an_example() -> None:
    """No sentence without a test."""
    assert [k.architecture for k in KINDS] == list(EXAMPLES)


@pytest.mark.parametrize("architecture", EXAMPLES)
def test_recognised_and_named(architecture: str, tmp_path: Path) -> None:
    """inspect gives a card with the role; load_model says the sentence."""
    path = save(tmp_path / "x.pth", EXAMPLES[architecture])
    kind = next(k for k in KINDS if k.architecture == architecture)
    card = inspect(path)
    assert (card.architecture, card.role, card.usable) == (architecture, kind.role, False)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{kind.what} {kind.then}" == card.notes[0]
    assert type(card).from_json(card.to_json()) == card


def test_pythae_folders(tmp_path: Path) -> None:
    """Own networks have any names; the settings beside them tell who wrote the file.  Packed code is refused."""
    torch.save({"model_state_dict": {f"{s}.body.0.weight": torch.zeros(4, 4) for s in ("encoder", "decoder")}},
               tmp_path / "model.pt")  # fmt: skip
    settings = {"name": "BetaVAEConfig", "input_dim": [3, 64, 64], "latent_dim": 16, "uses_default_encoder": False}
    (tmp_path / "model_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="pythae"):
        load_model(tmp_path)
    (tmp_path / "decoder.pkl").write_bytes(b"\x80\x04ccloudpickle.cloudpickle\n_make_skeleton_class\n)R.")
    with pytest.raises(ModelError, match="contains a program, packed with cloudpickle"):
        load_model(tmp_path / "decoder.pkl")


def test_unknown_networks_list_their_tensors(tmp_path: Path) -> None:
    """What nobody knows: how many tensors and the first names; all of them in the details."""
    shapes = {f"strange.layer{i}.kernel": (4, 4) for i in range(30)}
    with pytest.raises(ModelError, match="does not know") as caught:
        load_model(save(tmp_path / "x.pt", shapes))
    assert "30 tensors" in str(caught.value) and "strange.layer29.kernel [4, 4] float32" in caught.value.detail


def test_families_that_are_not_read(tmp_path: Path) -> None:
    """SWAGAN, the first StyleGAN in TensorFlow and genforce, LabelConcat: each its own sentence."""
    swagan: Shapes = {"input.input": (1, 8, 4, 4), "conv1.conv.weight": (1, 8, 8, 3, 3)}
    swagan.update({"to_rgb1.conv.weight": (1, 12, 8, 1, 1), "to_rgbs.0.iwt.ll": (2, 2)})
    with pytest.raises(ModelError, match="SWAGAN"):
        load_model(save(tmp_path / "x.pt", swagan))
    old = {
        "mapping.dense0.weight": (8, 8),
        "synthesis.early_layer.const": (1, 8, 4, 4),
        "synthesis.layer0.epilogue": (8,),
    }
    with pytest.raises(ModelError, match="first generation"):
        load_model(save(tmp_path / "x.pt", old))
    net = tiny()

    def tensorflow(extra: str) -> Path:
        real = makers.tf_variables

        def more(n: Any) -> Any:
            own, mapping, syn = real(n)
            return own, [*mapping, (extra, net.w_avg.numpy())], syn

        makers.tf_variables = more
        try:
            return makers.tensorflow_pickle(tmp_path / "x.pkl", net)
        finally:
            makers.tf_variables = real

    for extra, word in (("4x4/StyleMod/weight", "first generation"), ("LabelConcat/weight", "LabelConcat")):
        with pytest.raises(ModelError, match=word):
            load_model(tensorflow(extra))
    with pytest.raises(ModelError, match="activation"):
        load_model(makers.tensorflow_pickle(tmp_path / "x.pkl", net, nonlinearity="relu"))


def test_stylegan3_with_a_missing_layer(tmp_path: Path) -> None:
    """The network's own words about what is missing reach the person."""
    from safetensors.torch import load_file

    sd = load_file(Path(__file__).parents[1] / "fixtures" / "stylegan3_t_64px.safetensors")
    torch.save({k: v for k, v in sd.items() if ".L5_" not in k}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="StyleGAN3"):
        load_model(tmp_path / "x.pt")


REAL = {
    "e4e_ganspace_ffhq_pca.pt": "directions",
    "e4e_interfacegan_smile.pt": "directions",
    "invoke_Juggernaut_XL_v9_vae_config.json": "settings file",
    "SOURCES.md": "text file",
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str, shared: Path) -> None:
    """Files that others trained: the right sentence."""
    path = shared / "checkpoints" / name
    if not path.is_file():
        pytest.skip("the real file is not here")
    with pytest.raises(ModelError, match=REAL[name]):
        load_model(path)
