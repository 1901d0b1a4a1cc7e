"""What a device can do at most, against which a run is measured: its FLOP/s, and the memory that was ever taken."""

import re
from typing import Any

from handspun import machine
from handspun.device import DtypeName, Kind, device_name, load_torch, probe_matmul

DENSE_BF16_TFLOPS = (
    *(("GB200", 2500), ("B200", 2250), ("GH200", 989), ("H200 NVL", 835), ("H200", 989)),
    *(("H100 PCIe", 756), ("H100 NVL", 835), ("H100", 989), ("A100", 312), ("A800", 312), ("A40", 149.7), ("A30", 165)),
    *(("A10G", 70), ("A10", 125), ("L40S", 362), ("L40", 181), ("L4", 121), ("RTX A6000", 154.8), ("RTX 6000 Ada", 364)),
    *(("RTX 5090", 209.5), ("RTX 4090", 165.2), ("RTX 3090", 71)),
)
"""By words of the name that the driver gives, the closer match first: bf16 products summed in fp32, without sparsity, as the
makers' data sheets state them."""
CUT_DOWN = re.compile(r"Laptop|Max-Q|MIG| D$")
"""In the name of a GPU that does less than its namesake."""


def peak_flops(kind: Kind, dtype: DtypeName) -> float | None:
    """FLOP/s that the device reaches at most in `dtype`: as its maker states, or else as one product measures; None if none."""
    torch = load_torch()
    if kind == "cuda" and dtype == "bfloat16" and (stated := stated_tflops(device_name(torch, kind))):
        return stated * 1e12
    probe = probe_matmul(torch, kind, dtype)
    return None if probe.gflops is None else probe.gflops * 1e9


def stated_tflops(name: str) -> float | None:
    """The entry of DENSE_BF16_TFLOPS for a GPU of this name; None where there is none."""
    if CUT_DOWN.search(name):
        return None
    return next((tflops for words, tflops in DENSE_BF16_TFLOPS if re.search(rf"\b{words}\b", name)), None)


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
