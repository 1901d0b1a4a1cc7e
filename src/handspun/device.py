"""Which device computes, in which dtype and with how many threads: one small kernel of each kind is run, no flag is trusted.

A processor may claim bfloat16 and be slower in it, a GPU may be too new for the installed torch. So the first device whose
matrix multiplication works is taken (CUDA, then MPS, then CPU), and bfloat16 only where it was measured to be faster.
"""

import ctypes
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from handspun import machine
from handspun.errors import DeviceError

Kind = Literal["cuda", "mps", "cpu"]
DtypeName = Literal["float32", "bfloat16"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""
KEPT_BYTES = 1 << 30
"""Blocks up to this size are kept."""
KEPT_KERNELS = 256
"""Of oneDNN, which by itself keeps 1,024: one for each matrix and number of tokens."""
MATMUL_SIZE = {"cuda": 4096, "mps": 2048, "cpu": 512}
MEASURE_S = 0.05
MAX_REPEATS = 20
KERNEL_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, ImportError, OSError)
"""What torch raises where a kernel is absent, was not built, or finds no memory."""


@dataclass(frozen=True, slots=True)
class Device:
    """The device to compute on. `compute_dtype` is torch's name of a dtype; `reason` says why it was chosen."""

    kind: Kind
    name: str
    n_threads: int
    total_bytes: int
    free_bytes: int
    compute_dtype: DtypeName
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What one kernel did: the fastest of some runs, or the error it ended in."""

    name: str
    ok: bool
    milliseconds: float | None
    gflops: float | None
    error: str | None


def choose_device() -> Device:
    """The device that handspun computes on, and torch set to its number of threads. Raises DeviceError where none works."""
    torch = load_torch()
    torch.set_num_threads(n_threads())
    complaints = []
    for kind in available_kinds(torch):
        float32, bfloat16 = (probe_matmul(torch, kind, dtype) for dtype in ("float32", "bfloat16"))
        if float32.ok:
            reason = "; ".join([*complaints, dtype_reason(float32, bfloat16)])
            memory = device_memory(torch, kind)
            dtype = "bfloat16" if is_faster(bfloat16, float32) else "float32"
            return Device(kind, device_name(torch, kind), n_threads(), memory.total_bytes, memory.free_bytes, dtype, reason)
        complaints.append(f"{kind} fails ({float32.error})")
    raise DeviceError(
        f"no device can multiply two matrices: {'; '.join(complaints)}; install torch anew with `make quickstart`."
    )


def run_probes(kind: Kind) -> list[Probe]:
    """One small kernel of each kind that training and generation rest on. Raises DeviceError where torch is absent."""
    torch = load_torch()
    probes = [probe_matmul(torch, kind, "float32"), probe_matmul(torch, kind, "bfloat16")]
    probes += [probe_attention(torch, kind), probe_adamw(torch, kind)]
    return [*probes, probe_flex_attention(torch, kind)] if kind == "cuda" else probes


def compiler() -> str | None:
    """The C++ compiler that torch.compile would use on the CPU; None where there is none."""
    return shutil.which(os.environ.get("CXX", "")) or shutil.which("g++") or shutil.which("clang++")


def n_threads() -> int:
    """The threads to compute with: the usable cores, or OMP_NUM_THREADS where it asks for fewer."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    cores = machine.n_usable_cores()
    return max(1, min(cores, int(asked))) if asked.isdecimal() else cores


def load_torch() -> ModuleType:
    """torch itself, imported here and not before. Raises DeviceError where it cannot be."""
    try:
        import torch
    except (ImportError, OSError) as error:
        raise DeviceError(f"torch cannot be imported ({error}); install it with `make quickstart`.") from error
    return torch


def available_kinds(torch: Any) -> list[Kind]:
    """The kinds of device that torch says are there, the fastest first."""
    is_there: dict[Kind, bool] = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [kind for kind, there in is_there.items() if there]


def device_name(torch: Any, kind: Kind) -> str:
    """What the maker calls it."""
    return torch.cuda.get_device_name() if kind == "cuda" else machine.cpu_name()


def device_memory(torch: Any, kind: Kind) -> machine.Memory:
    """Memory of the device in bytes. MPS shares the machine's, up to a working set that it recommends."""
    if kind == "cuda":
        free_bytes, total_bytes = torch.cuda.mem_get_info()
        return machine.Memory(total_bytes, free_bytes)
    memory = machine.memory()
    if kind == "mps":
        limit = torch.mps.recommended_max_memory()
        return machine.Memory(min(memory.total_bytes, limit), min(memory.free_bytes, limit))
    return memory


def is_faster(probe: Probe, other: Probe) -> bool:
    """Whether `probe` works and took less time."""
    return probe.milliseconds is not None and other.milliseconds is not None and probe.milliseconds < other.milliseconds


def dtype_reason(float32: Probe, bfloat16: Probe) -> str:
    """Why bfloat16 was taken or left, with what was measured."""
    if not bfloat16.ok:
        return f"bfloat16 fails ({bfloat16.error})"
    word = "faster" if is_faster(bfloat16, float32) else "no faster"
    return f"bfloat16 measured {word} than float32: {bfloat16.gflops:,.0f} against {float32.gflops:,.0f} GFLOP/s"


def probe_matmul(torch: Any, kind: Kind, dtype: DtypeName) -> Probe:
    """Multiply two square matrices."""
    size = MATMUL_SIZE[kind]

    def prepare() -> Callable[[], Any]:
        a = torch.randn(size, size, device=kind).to(getattr(torch, dtype))
        return lambda: a @ a

    return measure(torch, kind, f"matmul {dtype}", prepare, flops=2 * size**3)


def probe_attention(torch: Any, kind: Kind) -> Probe:
    """Scaled dot-product attention under an additive mask in bfloat16, forward and backward."""
    n_heads, seq_len, head_dim = 4, 256, 64

    def prepare() -> Callable[[], Any]:
        q = torch.randn(1, n_heads, seq_len, head_dim, device=kind, dtype=torch.bfloat16, requires_grad=True)
        mask = torch.full((seq_len, seq_len), float("-inf"), device=kind, dtype=torch.bfloat16).triu(1)
        attention = torch.nn.functional.scaled_dot_product_attention
        return lambda: torch.autograd.grad(attention(q, q, q, attn_mask=mask).sum(), q)

    flops = 3 * 4 * n_heads * seq_len**2 * head_dim
    return measure(torch, kind, "attention with mask bfloat16", prepare, flops)


def probe_adamw(torch: Any, kind: Kind) -> Probe:
    """One fused AdamW step over a million parameters."""

    def prepare() -> Callable[[], Any]:
        weights = torch.nn.Parameter(torch.zeros(1024, 1024, device=kind))
        weights.grad = torch.ones_like(weights)
        return torch.optim.AdamW([weights], fused=True).step

    return measure(torch, kind, "AdamW fused step", prepare)


def probe_flex_attention(torch: Any, kind: Kind) -> Probe:
    """Compiled flex_attention under a causal block mask in bfloat16, forward and backward. Compiling takes seconds."""
    seq_len, head_dim = 512, 64

    def prepare() -> Callable[[], Any]:
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        q = torch.randn(1, 4, seq_len, head_dim, device=kind, dtype=torch.bfloat16, requires_grad=True)
        mask = create_block_mask(lambda _b, _h, i, j: i >= j, None, None, seq_len, seq_len, device=kind)
        attention = torch.compile(flex_attention)
        return lambda: torch.autograd.grad(attention(q, q, q, block_mask=mask).sum(), q)

    return measure(torch, kind, "flex_attention bfloat16", prepare)


def measure(torch: Any, kind: Kind, name: str, prepare: Callable[[], Callable[[], Any]], flops: int | None = None) -> Probe:
    """Run the kernel that `prepare` makes: once to warm up, then for MEASURE_S or MAX_REPEATS; keep the fastest run."""
    try:
        kernel = prepare()
        kernel()
        seconds, began = [], time.perf_counter()
        while len(seconds) < MAX_REPEATS and time.perf_counter() - began < MEASURE_S:
            seconds.append(seconds_of(torch, kind, kernel))
    except KERNEL_ERRORS as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Probe(name, ok=False, milliseconds=None, gflops=None, error=first_line)
    return Probe(name, ok=True, milliseconds=min(seconds) * 1e3, gflops=flops and flops / min(seconds) / 1e9, error=None)


def seconds_of(torch: Any, kind: Kind, kernel: Callable[[], Any]) -> float:
    """Wall seconds of one run, the device's queue empty before and after."""
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize, "cpu": lambda: None}[kind]
    wait()
    began = time.perf_counter()
    kernel()
    wait()
    return time.perf_counter() - began


def keep_few_kernels() -> None:
    """Let oneDNN keep fewer kernels, where it was not told how many; to be called before torch computes anything.

    A server meets prompts of every length, and each needs kernels of its own: a thousand requests left 110 MiB of them.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KEPT_KERNELS))


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks instead of giving them back to the kernel: each step frees and takes the same ones.

    Page faults on blocks of some MiB otherwise cost as much as the arithmetic inside them. Without glibc nothing changes.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
