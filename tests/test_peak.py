"""What a device can do at most: as its maker states, or as it is measured; and the memory that was ever taken."""

import sys
from mmap import mmap

import pytest
import torch

from handspun.machine import forget_peak_memory, peak_memory_bytes
from handspun.peak import peak_flops, stated_tflops


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA RTX A4000", None),
        ("Tesla V100-SXM2-16GB", None),
    ],
)
def test_a_gpu_is_known_by_its_name_and_a_lesser_namesake_is_not_taken_for_it(name: str, tflops: float | None) -> None:
    assert stated_tflops(name) == tflops


def test_the_peak_of_a_cpu_is_measured() -> None:
    assert 1e8 < (peak_flops("cpu", "float32") or 0) < 1e14


def test_what_cannot_be_measured_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(torch.Tensor, "__matmul__", fail)
    assert peak_flops("cpu", "float32") is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets the peak of a process")
def test_the_peak_of_memory_outlives_what_was_held_until_it_is_forgotten() -> None:
    forget_peak_memory()
    before = peak_memory_bytes()
    with mmap(-1, 64 << 20) as held:
        held[:: 1 << 12] = b"1" * (len(held) >> 12)  # touches every page
    assert peak_memory_bytes() - before > 48 << 20
    forget_peak_memory()
    assert peak_memory_bytes() - before < 48 << 20
