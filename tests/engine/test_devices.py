"""Devices: what there is, what is chosen, what is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio.base.errors import ResourceError
from studio.engine import devices


def test_the_processor_is_always_there_and_comes_last() -> None:
    found = devices.available_devices()
    assert found[-1].id == "cpu" and found[-1].memory > 1 << 28 and found[-1].name
    assert len({info.id for info in found}) == len(found)
    for info in found:
        torch.zeros(1, device=info.id)


def test_auto_takes_the_best_and_wishes_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.choose("auto") == devices.choose("") == devices.available_devices()[0].id
    assert devices.choose("cpu") == "cpu"
    card = devices.DeviceInfo("cuda:0", "Card", "cuda", 1)
    cpu = devices.DeviceInfo("cpu", "CPU", "cpu", 1)
    monkeypatch.setattr(devices, "available_devices", lambda: [card, cpu])
    assert devices.choose() == "cuda:0" == devices.choose("cuda")
    with pytest.raises(ResourceError, match="It has cpu, cuda:0"):
        devices.choose("mps")


def test_memory_figures() -> None:
    use = devices.memory_use("cpu")
    assert 1 << 24 < use.used < use.total
    keep = bytearray(64 << 20)
    keep[::4096] = b"x" * len(keep[::4096])
    assert devices.memory_use("cpu").used > use.used + (32 << 20)
    assert 1 << 30 <= devices.model_budget("cpu") <= 16 << 30


def test_a_card_that_does_not_answer_has_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(device: str) -> None:
        raise torch.AcceleratorError("lost")

    monkeypatch.setattr(torch.cuda, "mem_get_info", gone)
    assert devices.memory_use("cuda:0") == devices.MemoryUse(0, 0)


@pytest.mark.parametrize(("physical", "usable", "threads"), [(2, 2, 2), (4, 8, 4), (8, 16, 7), (16, 4, 4)])
def test_threads(monkeypatch: pytest.MonkeyPatch, physical: int, usable: int, threads: int) -> None:
    asked: list[int] = []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: physical)
    monkeypatch.setattr(devices, "usable_cores", lambda: usable)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    devices.set_threads()
    assert asked == [threads]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    devices.set_threads()
    assert asked == [threads]


def test_torch_loads_after_its_libraries_were_mapped() -> None:
    code = (
        "import sys; from studio.engine import devices; assert 'torch' not in sys.modules; devices.load_torch();"
        " import torch; assert float(torch.ones(3).sum()) == 3; devices.empty_cache('cpu')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_library_that_cannot_be_mapped_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "libc10.so").write_bytes(b"no library")
    devices._map_libraries(tmp_path, ("c10", "missing"))
