"""The devices that a plan is made for: those of this machine, or some that are only named."""

import re
from dataclasses import dataclass

from handspun import machine
from handspun.errors import SettingsError
from handspun.gpus import GPUS, gpu_called, gpu_of_size
from handspun.planner.rate import AssumedRate, Kind, MeasuredRate, Rate, measured_here

GIB = 2**30
USABLE_SHARE = 0.98
"""GiB that torch finds per GB of a data sheet: the driver keeps some."""
DEVICES = re.compile(r"((?P<count>\d+)x)?((?P<size>\d+(\.\d+)?)Gi?B|(?P<name>[a-z][\w-]*))", re.IGNORECASE | re.ASCII)
CPU_RUNTIME_BYTES, CUDA_RUNTIME_BYTES = 350 << 20, 600 << 20
"""The interpreter, torch and its libraries: measured with torch 2.13 on Linux, and assumed of a CUDA context with cuBLAS."""


@dataclass(frozen=True, kw_only=True)
class Devices:
    """So many equal devices of one machine."""

    kind: Kind
    name: str
    count: int = 1
    free_bytes: int
    """What a training may take of each."""
    runtime_bytes: int
    """What the program itself takes of each, before there is a model."""
    computes_bfloat16: bool
    """Whether compute_dtype = "auto" means bfloat16 there."""
    rate: Rate
    """How fast each one trains."""

    @property
    def is_offload_useful(self) -> bool:
        """Whether the host has memory of its own."""
        return self.kind == "cuda"

    @property
    def text(self) -> str:
        """How a sentence calls them."""
        return f"{self.count} × {self.name}" if self.count > 1 else self.name


def named_devices(text: str) -> Devices:
    """What "4x24GiB", "4xRTX4090" or "H100" means. Raises SettingsError with the names that are known."""
    found = DEVICES.fullmatch(text.replace(" ", ""))
    count = int(found["count"] or 1) if found else 0
    gpu = None
    if found and count:
        gpu = gpu_of_size(float(found["size"])) if found["size"] else gpu_called(found["name"])
    if found is None or gpu is None:
        known = ", ".join(gpu.name.replace(" ", "") for gpu in GPUS)
        raise SettingsError(f'--devices "{text}" is not known; give a count and a memory such as 4x24GiB, or one of {known}.')
    gb = float(found["size"] or gpu.gb)
    return Devices(
        kind="cuda",
        name=f"{gb:g} GiB, taken for {gpu.name}" if found["size"] else gpu.name,
        count=count,
        free_bytes=int(USABLE_SHARE * gb * GIB),
        runtime_bytes=CUDA_RUNTIME_BYTES,
        computes_bfloat16=True,
        rate=AssumedRate(gpu.name, gpu.tflops * 1e12),
    )


def devices_here() -> Devices:
    """This machine as it was measured last; where it never was, its processor, as slow as it may be. torch is not asked."""
    measured = measured_here()
    memory = machine.memory()
    if measured is None or measured.kind == "cpu":
        claims = {"amx_bf16", "avx512_bf16", "bf16"} & set(machine.cpu_flags())
        return Devices(
            kind="cpu",
            name=machine.cpu_name(),
            free_bytes=memory.free_bytes,
            runtime_bytes=measured.runtime_bytes if measured else CPU_RUNTIME_BYTES,
            computes_bfloat16=measured.computes_bfloat16 if measured else bool(claims),
            rate=MeasuredRate(measured.speeds if measured else ()),
        )
    return Devices(
        kind=measured.kind,
        name=measured.name,
        count=measured.count,
        free_bytes=min(measured.free_bytes, memory.free_bytes) if measured.kind == "mps" else measured.free_bytes,
        runtime_bytes=measured.runtime_bytes,
        computes_bfloat16=measured.computes_bfloat16,
        rate=MeasuredRate(measured.speeds),
    )
