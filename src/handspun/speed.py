"""How fast this machine trains: real steps of a few shapes, for a few seconds."""

import time
from collections.abc import Callable, Iterator

import torch

from handspun.device import Device, keep_freed_memory
from handspun.model.transformer import Transformer
from handspun.sizing import PROBED, Size, Speed, size_of
from handspun.train.config import TrainConfig
from handspun.train.loss import next_token_loss
from handspun.train.optim import Optimizers

CORPUS_BYTES = 4_000_000
"""The shapes are measured with the vocabularies that a text of this size would give them."""
ROWS = {"cpu": 4, "mps": 16, "cuda": 32}
"""Sequences per step."""


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
