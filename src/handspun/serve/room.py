"""Whether there is memory for a model before any of it is taken, and what would fit where there is not."""

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from handspun import device
from handspun.errors import DeviceError
from handspun.generate.limits import Limits
from handspun.model.cost import FP32_BYTES, kv_bytes, up_width
from handspun.serve.config import ServeConfig
from handspun.serve.entry import LATEST, Entry

GIB = 2**30
CTX_STEP = 64
"""num_ctx is proposed in multiples of it."""
DTYPE_BYTES = {"F32": 4, "BF16": 2}
SCHEME_BITS = {"int8": 8.1, "int4": 5.0}
"""Of a weight with its share of the scales: int8 per row, int4 in groups of 32."""


@cache
def chosen_device() -> device.Device:
    """The device that models are served on; it is looked for once."""
    return device.choose_device()


def free_bytes() -> int:
    """Memory that models may take now, within the limits of this process."""
    return device.device_memory(device.load_torch(), chosen_device().kind).free_bytes


@dataclass(frozen=True)
class Room:
    """What a model takes of the memory while it serves."""

    entry: Entry
    config: ServeConfig

    @property
    def num_ctx(self) -> int:
        """Tokens of a prompt and its reply together that there is room for."""
        return min(self.config.num_ctx or self.entry.max_seq_len, self.entry.max_seq_len)

    @property
    def limits(self) -> Limits:
        """What the engine is told, so that it takes no more."""
        return Limits(
            max_rows=self.config.max_rows,
            cache_tokens=self.config.max_rows * self.num_ctx,
            max_waiting=self.config.queue,
        )

    @property
    def dtype_bytes(self) -> int:
        """Of an activation."""
        return DTYPE_BYTES.get(self.entry.quantization, 2)

    @property
    def weight_bytes(self) -> int:
        """The weights as they are computed with."""
        dtype_bytes = DTYPE_BYTES.get(self.entry.quantization)
        return self.entry.size_bytes if dtype_bytes is None else dtype_bytes * self.entry.n_params

    @property
    def kv_bytes(self) -> int:
        """Keys and values of all that may be written at once."""
        return self.config.max_rows * kv_bytes(self.entry.shape, self.num_ctx, dtype_bytes=self.dtype_bytes)

    @property
    def scratch_bytes(self) -> int:
        """The states of a prompt in the widest layer, and the probabilities of each row's next token."""
        shape = self.entry.shape
        n_tokens = max(self.num_ctx, self.limits.chunk_tokens + self.config.max_rows)
        states = n_tokens * (shape.d_model + up_width(shape) + shape.ff_width) * self.dtype_bytes
        return states + self.config.max_rows * 3 * self.entry.vocab_size * FP32_BYTES

    @property
    def n_bytes(self) -> int:
        """The most it takes: while it is loaded its weights are fp32, as checkpoints keep them."""
        loading = FP32_BYTES * self.entry.n_params if self.entry.quantization in DTYPE_BYTES else 0
        return max(loading, self.weight_bytes + self.kv_bytes + self.scratch_bytes)

    def refusal(self, free: int, entries: Sequence[Entry], in_use: Sequence[Entry] = ()) -> DeviceError:
        """The error with what is needed, what is free, and what would fit."""
        parts = (
            f"weights {gib(self.weight_bytes)}, keys and values of {self.config.max_rows} × {self.num_ctx:,} tokens "
            f"{gib(self.kv_bytes)}, scratch {gib(self.scratch_bytes)}"
        )
        busy = f" beside {', '.join(entry.short_name for entry in in_use)}, in use" if in_use else ""
        remedies = list(self.remedies(free, entries)) or ["close other programs, or serve a smaller model"]
        return DeviceError(
            f'loading "{self.entry.short_name}" needs {gib(self.n_bytes)} GiB of memory ({parts}), and {gib(free)} GiB are '
            f"free{busy}; {', or '.join(remedies)}."
        )

    def remedies(self, free: int, entries: Sequence[Entry]) -> Iterator[str]:
        """What would fit into the memory that is free, each computed."""
        if num_ctx := most(range(CTX_STEP, self.num_ctx, CTX_STEP), lambda n: self.changed(num_ctx=n).n_bytes <= free):
            yield f"serve it with serve.num_ctx={num_ctx}"
        if max_rows := most(range(1, self.config.max_rows), lambda n: self.changed(max_rows=n).n_bytes <= free):
            yield f"with serve.max_rows={max_rows}"
        yield from self.smaller(free, entries)

    def smaller(self, free: int, entries: Sequence[Entry]) -> Iterator[str]:
        """The scheme with the most bits that would fit: as it lies there, or as a command."""
        run, _, tag = self.entry.name.partition(":")
        if tag != LATEST or self.entry.base:
            return
        there = {entry.name: entry for entry in entries}
        for scheme, bits in SCHEME_BITS.items():
            quantized = there.get(f"{run}:{scheme}")
            estimate = replace(self.entry, quantization=scheme, size_bytes=int(self.entry.n_params * bits / 8))
            if Room(quantized or estimate, self.config).n_bytes <= free:
                yield f'ask for "{run}:{scheme}"' if quantized else f"quantize it: `handspun quantize {run} scheme={scheme}`"
                return

    def changed(self, **settings: int) -> "Room":
        """The same model under other settings."""
        return Room(self.entry, replace(self.config, **settings))


def most(values: range, fits: Callable[[int], bool]) -> int | None:
    """The largest value that fits, where all smaller ones do; None where none does."""
    n_fitting = bisect.bisect_left(values, True, key=lambda value: not fits(value))
    return values[n_fitting - 1] if n_fitting else None


def gib(n_bytes: int) -> str:
    """GiB with as many digits as tell two sizes apart."""
    return f"{n_bytes / GIB:,.2f}" if n_bytes >= GIB / 10 else f"{n_bytes / GIB:,.4f}"
