"""GPUs by name: the memory and the FLOP/s that their makers state."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU as its data sheet has it: GB of memory, and TFLOP/s of bf16 products summed in fp32, without sparsity."""

    name: str
    gb: int
    tflops: float


GPUS = (
    *(Gpu("GB200", 186, 2500), Gpu("B200", 180, 2250), Gpu("GH200", 96, 989), Gpu("H200 NVL", 141, 835), Gpu("H200", 141, 989)),
    *(Gpu("H100 PCIe", 80, 756), Gpu("H100 NVL", 94, 835), Gpu("H100", 80, 989), Gpu("A100-40GB", 40, 312)),
    *(Gpu("A100", 80, 312), Gpu("A800", 80, 312), Gpu("A40", 48, 149.7), Gpu("A30", 24, 165), Gpu("A10G", 24, 70)),
    *(Gpu("A10", 24, 125), Gpu("L40S", 48, 362), Gpu("L40", 48, 181), Gpu("L4", 24, 121), Gpu("RTX A6000", 48, 154.8)),
    *(Gpu("RTX 6000 Ada", 48, 364), Gpu("RTX 5090", 32, 209.5), Gpu("RTX 5080", 16, 112.6), Gpu("RTX 4090", 24, 165.2)),
    *(Gpu("RTX 4080", 16, 97.5), Gpu("RTX 4060", 8, 30.2), Gpu("RTX 3090", 24, 71), Gpu("RTX 3060", 12, 25.5)),
)
"""The closer match first where one name holds another."""
TYPICAL = ("RTX 4060", "RTX 3060", "RTX 4080", "RTX 4090", "RTX 5090", "A100-40GB", "L40S", "H100", "H200", "B200")
"""What a size of memory alone is taken for, smallest first."""
NAMESAKE = re.compile(r"Laptop|Max-Q|MIG| D$| Ti\b| SUPER\b", flags=re.IGNORECASE)
"""In the name of a GPU that does less, or more, than the one it is called after."""


def gpu_of_driver(name: str) -> Gpu | None:
    """The GPU that a driver calls by this name, such as "NVIDIA GeForce RTX 4090"; None for one that is not known."""
    if NAMESAKE.search(name):
        return None
    return next((gpu for gpu in GPUS if re.search(rf"\b{gpu.name}\b", name)), None)


def gpu_called(name: str) -> Gpu | None:
    """The GPU that a person calls by this name, however it is spaced: "RTX4090", "h100-pcie"."""
    return next((gpu for gpu in GPUS if squeezed(gpu.name) == squeezed(name).removeprefix("NVIDIA")), None)


def gpu_of_size(gb: float) -> Gpu:
    """The largest of the typical ones that has no more memory; where all have more, the smallest."""
    typical = [gpu for name in TYPICAL for gpu in GPUS if gpu.name == name]
    return next((gpu for gpu in reversed(typical) if gpu.gb <= gb), typical[0])


def squeezed(name: str) -> str:
    """A name without what people leave out of it."""
    return re.sub(r"[\s_-]", "", name).upper()
