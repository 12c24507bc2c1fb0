"""A large checkpoint is in memory once: the network itself, and next to nothing beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints import makers
from tests.checkpoints.makers import tiny
from tests.checkpoints.test_hostile import MEASURE

ROOT = Path(__file__).parents[2]

_RUN = (
    MEASURE
    + """
import gc, json, sys
from studio.checkpoints import ModelError, inspect, load_model
load_model(sys.argv[1])
gc.freeze()
out = []
for path in sys.argv[2:]:
    shape = peak_of(lambda: inspect(path).architecture)
    whole = peak_of(lambda: str(load_model(path).network.resolution))
    out.append([path, shape, whole])
print(json.dumps(out))
"""
)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured through Linux's /proc")
def test_peak_memory_of_large_files(tmp_path: Path) -> None:
    """About 70 MB in every layout: a card costs almost nothing, loading at most 1.5 times the file."""
    net = tiny(channels={4: 512, 8: 512, 16: 512, 32: 512}, square=True, w_dim=64)
    sd = net.state_dict()
    clamp = {"synthesis.b4.conv1": {"conv_clamp": None}}
    paths = {
        "nvidia": makers.nvidia_pickle(tmp_path / "n.pkl", net, attributes=clamp, others=False),
        "tensorflow": makers.tensorflow_pickle(tmp_path / "t.pkl", net, alone=True),
        "genforce": tmp_path / "g.pth",
        "old torch": tmp_path / "o.pt",
        "safetensors": tmp_path / "s.safetensors",
    }
    torch.save({"generator_smooth": makers.genforce_state(net)}, paths["genforce"])
    state = {"g_ema": makers.rosinality_state(net), "latent_avg": net.w_avg}
    torch.save(state, paths["old torch"], _use_new_zipfile_serialization=False)
    save_file(sd, paths["safetensors"])
    cut = tmp_path / "cut.pkl"
    cut.write_bytes(paths["nvidia"].read_bytes()[: -(1 << 20)])
    small = tmp_path / "small.pt"
    torch.save(tiny().state_dict(), small)
    del net, sd, state
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(small), *map(str, paths.values()), str(cut)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout)
    for layout, (path, (said, shape), (size, peak)) in zip(paths, results[:-1], strict=True):
        assert said == "stylegan2" and size == "32"
        total = Path(path).stat().st_size
        assert 60 << 20 < total < 110 << 20
        assert shape <= 12 << 20, (layout, shape >> 20)
        assert peak <= 1.5 * total, (layout, peak >> 20, total >> 20)
    _, (refused, shape), (again, peak) = results[-1]
    assert "damaged" in refused and "damaged" in again
    assert max(shape, peak) <= 12 << 20
