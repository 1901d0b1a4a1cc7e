"""How fast this machine trains: real steps of a few shapes, for a few seconds."""

import importlib
import time
from collections.abc import Callable, Iterator

import torch

from handspun import machine
from handspun.device import Device, keep_freed_memory
from handspun.model.transformer import Transformer
from handspun.planner.devices import CUDA_RUNTIME_BYTES
from handspun.planner.rate import Measurement, Speed, this_machine
from handspun.sizing import PROBED, Size, size_of
from handspun.train.config import TrainConfig
from handspun.train.loss import next_token_loss
from handspun.train.optim import Optimizers

CORPUS_BYTES = 4_000_000
"""The shapes are measured with the vocabularies that a text of this size would give them."""
BENCHMARK_S = 5.0
"""How long a machine is measured."""
LOADED_LATER_BYTES = 36 << 20
"""Code and work space that the first training step brings into memory."""
ROWS = {"cpu": 4, "mps": 16, "cuda": 32}
"""Sequences per step."""


def measurement(device: Device, seconds: float, on_progress: Callable[[int, int | None], None]) -> Measurement:
    """All that a plan wants to know of this machine, measured for about so many seconds."""
    return Measurement(
        machine=this_machine(),
        kind=device.kind,
        name=device.name,
        count=torch.cuda.device_count() if device.kind == "cuda" else 1,
        free_bytes=device.free_bytes,
        runtime_bytes=runtime_bytes(device),
        computes_bfloat16=device.compute_dtype == "bfloat16",
        speeds=tuple(measured_speeds(device, seconds, on_progress)),
    )


def runtime_bytes(device: Device) -> int:
    """What the program itself takes of the device's memory, with everything loaded that an optimizer loads."""
    if device.kind == "cuda":
        return CUDA_RUNTIME_BYTES
    importlib.import_module("torch._dynamo")

    return machine.resident_bytes() + LOADED_LATER_BYTES


def measured_speeds(device: Device, seconds: float, on_progress: Callable[[int, int | None], None]) -> list[Speed]:
    """The speed of each shape of PROBED, measured for about so many seconds in all."""
    keep_freed_memory()
    speeds = []
    for number, shape in enumerate(PROBED):
        on_progress(number, len(PROBED))
        speeds.append(measured_speed(size_of(shape, CORPUS_BYTES), device, seconds / len(PROBED)))
    on_progress(len(PROBED), len(PROBED))
    return speeds


def measured_speed(size: Size, device: Device, seconds: float) -> Speed:
    """The speed of one size: whole optimizer steps on random tokens; the first, which finds its buffers, does not count."""
    steps = training_steps(size, device)
    next(steps)
    began, n_tokens = time.perf_counter(), 0
    while n_tokens == 0 or time.perf_counter() - began < seconds:
        n_tokens += next(steps)
    return Speed(size.flops, size.flops * n_tokens / (time.perf_counter() - began))


def training_steps(size: Size, device: Device) -> Iterator[int]:
    """Takes one step after the other and yields the tokens that each has read."""
    dtype, generator = getattr(torch, device.compute_dtype), torch.Generator().manual_seed(0)
    model = Transformer(size.model, size.vocab_size, compute_dtype=dtype).initialize(0).to(device.kind)
    optimizers = Optimizers(model, TrainConfig())
    ids = torch.randint(size.vocab_size, (ROWS[device.kind], size.seq_len), generator=generator).to(device.kind)
    while True:
        loss = next_token_loss(model, ids, ids.roll(-1, 1), torch.ones_like(ids, dtype=torch.bool)) / ids.numel()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizers.step(1e-3)
        yield ids.numel()
