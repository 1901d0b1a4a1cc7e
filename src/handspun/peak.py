"""What a device can do at most, against which a run is measured: its FLOP/s, and the memory that was ever taken."""

from typing import Any

from handspun import machine
from handspun.device import DtypeName, Kind, device_name, load_torch, probe_matmul
from handspun.gpus import gpu_of_driver


def peak_flops(kind: Kind, dtype: DtypeName) -> float | None:
    """FLOP/s that the device reaches at most in `dtype`: as its maker states, or else as one product measures; None if none."""
    torch = load_torch()
    if kind == "cuda" and dtype == "bfloat16" and (gpu := gpu_of_driver(device_name(torch, kind))):
        return gpu.tflops * 1e12
    probe = probe_matmul(torch, kind, dtype)
    return None if probe.gflops is None else probe.gflops * 1e9


def forget_peak_memory(kind: Kind) -> None:
    """Begin to count anew, where the system can."""
    if kind == "cuda":
        load_torch().cuda.reset_peak_memory_stats()
    else:
        machine.forget_peak_memory()


def peak_memory_bytes(kind: Kind) -> int:
    """The most that tensors have taken on a GPU, or this process of the machine's memory."""
    torch: Any = load_torch()
    return torch.cuda.max_memory_allocated() if kind == "cuda" else machine.peak_memory_bytes()
