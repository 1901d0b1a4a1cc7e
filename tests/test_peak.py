"""What a device can do at most: as its maker states, or as it is measured; and the memory that was ever taken."""

import sys
from mmap import mmap

import pytest
import torch

from handspun.machine import forget_peak_memory, peak_memory_bytes
from handspun.peak import peak_flops


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
