"""How fast the devices of a run can talk: measured before the first step, because a slow link decides how to share the work."""

import time
from dataclasses import dataclass

import torch
import torch.distributed as dist

from handspun.processes import Processes

PROBE_BYTES = {"cuda": 64 << 20, "cpu": 4 << 20}
REPEATS = 3
SLOW_BYTES_PER_S = 10e9
"""Below this, exchanging the gradients of a model costs more than a little of a step; NVLink is ten times faster."""


@dataclass(frozen=True)
class Link:
    """What was measured between the processes of a run."""

    n_bytes: int
    seconds: float
    """Of one all-reduce of so many bytes, the fastest of some."""
    has_peer_access: bool
    """Whether every GPU of this machine reaches the memory of every other, without the detour through the host."""

    @property
    def bytes_per_s(self) -> float:
        """Bytes that are summed over all processes in a second."""
        return self.n_bytes / self.seconds

    @property
    def is_slow(self) -> bool:
        """Whether the work should be shared so that little has to be exchanged."""
        return self.bytes_per_s < SLOW_BYTES_PER_S

    def __str__(self) -> str:
        detour = "" if self.has_peer_access else ", without peer access between the GPUs"
        return f"{self.n_bytes >> 20} MiB summed in {1e3 * self.seconds:,.1f} ms ({self.bytes_per_s / 1e9:,.1f} GB/s{detour})"


def measure_link(processes: Processes, device: str) -> Link:
    """Sum some tensors over all processes and note the fastest; every process reports the slowest of them."""
    tensor = torch.ones(PROBE_BYTES[device] // 4, device=device)
    seconds = min(seconds_of_sum(tensor) for _ in range(REPEATS + 1))
    slowest = torch.tensor(seconds, dtype=torch.float64)
    dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
    return Link(tensor.nbytes, slowest.item(), not processes.any(not reaches_peers(device)))


def seconds_of_sum(tensor: torch.Tensor) -> float:
    """Wall seconds of one all-reduce."""
    began = time.perf_counter()
    dist.all_reduce(tensor)
    tensor[0].item()
    return time.perf_counter() - began


def reaches_peers(device: str) -> bool:
    """Whether this process's GPU reaches the memory of the others here; true where there are none."""
    if device != "cuda":
        return True
    own = torch.cuda.current_device()
    others = [other for other in range(torch.cuda.device_count()) if other != own]
    return all(torch.cuda.can_device_access_peer(own, other) for other in others)
