"""Directions as people share them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.checkpoints import ModelError, read_directions

RNG = np.random.RandomState(4)
V = RNG.randn(5, 64).astype(np.float32)


def test_plain_arrays(tmp_path: Path) -> None:
    """.npy of one or several directions, any precision and byte order, also in Fortran order."""
    for values in (V, V.astype(np.float64), V.astype(">f4"), np.asfortranarray(V), V.astype(np.float16)):
        np.save(tmp_path / "my_directions.npy", values)
        found = read_directions(tmp_path / "my_directions.npy")
        assert found.vectors.dtype == np.float32 and np.allclose(found.vectors, V, atol=2e-3)
        assert found.names == tuple(f"Direction {i + 1}" for i in range(5)) and found.sigmas is None
    np.save(tmp_path / "stylegan_ffhq_smile_w_boundary.npy", V[:1])
    found = read_directions(tmp_path / "stylegan_ffhq_smile_w_boundary.npy")
    assert found.names == ("Stylegan ffhq smile w boundary",) and found.vectors.shape == (1, 64)
    np.save(tmp_path / "flat.npy", V[0])
    assert read_directions(tmp_path / "flat.npy").vectors.shape == (1, 64)


def test_rows_or_layers(tmp_path: Path) -> None:
    """[14, w] is fourteen directions, or one for every layer of a network that has fourteen."""
    rows = RNG.randn(14, 32).astype(np.float32)
    torch.save(torch.from_numpy(rows), tmp_path / "x.pt")
    assert read_directions(tmp_path / "x.pt").vectors.shape == (14, 32)
    assert read_directions(tmp_path / "x.pt", num_ws=14).vectors.shape == (1, 14, 32)
    assert read_directions(tmp_path / "x.pt", num_ws=16).vectors.shape == (14, 32)
    torch.save(torch.from_numpy(rows)[None], tmp_path / "y.pt")
    assert read_directions(tmp_path / "y.pt").vectors.shape == (1, 14, 32)


@pytest.mark.parametrize("old", [False, True])
def test_ganspace(tmp_path: Path, old: bool) -> None:
    """comp, std and mean; and the tool's own .npz, compressed or not."""
    comp, std, mean = V[:, None], np.arange(5, 0, -1).astype(np.float32), RNG.randn(1, 64).astype(np.float32)
    data = {"comp": torch.from_numpy(comp), "std": torch.from_numpy(std), "mean": torch.from_numpy(mean)}
    torch.save(data, tmp_path / "x.pt", _use_new_zipfile_serialization=not old)
    save = np.savez_compressed if old else np.savez
    save(
        tmp_path / "x.npz", lat_comp=comp, lat_stdev=std, lat_mean=mean, act_comp=RNG.randn(5, 1, 7), note=np.array("w")
    )
    for name in ("x.pt", "x.npz"):
        found = read_directions(tmp_path / name)
        assert np.array_equal(found.vectors, V) and found.names[4] == "Component 5"
        assert found.sigmas is not None and np.array_equal(found.sigmas, std)
        assert found.mean is not None and np.array_equal(found.mean, mean[0])


def test_closed_form_factors(tmp_path: Path) -> None:
    """rosinality's eigvec: columns are directions."""
    torch.save({"ckpt": "550000.pt", "eigvec": torch.from_numpy(V.T.copy())}, tmp_path / "factor.pt")
    found = read_directions(tmp_path / "factor.pt")
    assert np.array_equal(found.vectors, V) and found.names[0] == "Factor 1"


def test_named_tables(tmp_path: Path) -> None:
    """Names are kept: dicts of tensors, dicts of arrays, safetensors, lists."""
    table = {"smile": torch.from_numpy(V[0]), "age": torch.from_numpy(V[1:2])}
    torch.save({"directions": table}, tmp_path / "x.pt")
    save_file({k: v.contiguous() for k, v in table.items()}, tmp_path / "x.safetensors")
    for name in ("x.pt", "x.safetensors"):
        found = read_directions(tmp_path / name)
        got = dict(zip(found.names, found.vectors, strict=True))
        assert np.array_equal(got["smile"], V[0]) and np.array_equal(got["age"], V[1])
    torch.save([torch.from_numpy(v) for v in V], tmp_path / "list.pt")
    assert read_directions(tmp_path / "list.pt").vectors.shape == (5, 64)


def test_no_directions(tmp_path: Path) -> None:
    """Wrong shapes, nothing, zeros, NaN, absurd sizes, pickled objects, bombs: a sentence."""
    cases = {
        "scalar.npy": np.float32(3),
        "picture.npy": np.zeros((2, 3, 4, 5), np.float32),
        "whole.npy": np.zeros((3, 64), np.int32),
        "zeros.npy": np.zeros((3, 64), np.float32),
        "nan.npy": np.where(V > 1, np.nan, V),
        "objects.npy": np.array([{"a": 1}], dtype=object),
    }
    for name, value in cases.items():
        np.save(tmp_path / name, value, allow_pickle=True)
        with pytest.raises(ModelError) as caught:
            read_directions(tmp_path / name)
        assert str(caught.value).endswith(".")
    torch.save({"a": torch.zeros(3, 4, 5, 6), "b": torch.ones(4)}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="no directions"):
        read_directions(tmp_path / "x.pt")
    torch.save({"a": torch.ones(8), "b": torch.ones(9)}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="no directions"):
        read_directions(tmp_path / "x.pt")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000), }"
    lie = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + b"\0" * 64
    (tmp_path / "lie.npy").write_bytes(lie)
    evil = b"__import__('os').system('echo evil > %s')" % str(tmp_path / "MARKER").encode()
    (tmp_path / "evil.npy").write_bytes(b"\x93NUMPY\x01\0" + len(evil).to_bytes(2, "little") + evil + b"\0" * 64)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.npy", b"\x93NUMPY" + b"\0" * (32 << 20))
    for name in ("lie.npy", "evil.npy", "bomb.npz"):
        with pytest.raises(ModelError):
            read_directions(tmp_path / name)
    assert not (tmp_path / "MARKER").exists()


def test_real_directions(shared: Path) -> None:
    """The files that e4e ships."""
    pca, smile = (shared / "checkpoints" / n for n in ("e4e_ganspace_ffhq_pca.pt", "e4e_interfacegan_smile.pt"))
    if not pca.is_file():
        pytest.skip("the real files are not here")
    found = read_directions(pca)
    assert found.vectors.shape == (80, 512) and found.sigmas is not None and found.sigmas.shape == (80,)
    assert found.mean is not None and found.mean.shape == (512,)
    raw = torch.load(pca, weights_only=True)
    assert np.array_equal(found.vectors, raw["comp"][:, 0].numpy())
    one = read_directions(smile)
    assert one.vectors.shape == (1, 512) and one.names == ("E4e interfacegan smile",)
    assert np.array_equal(one.vectors, torch.load(smile, weights_only=True).numpy())
