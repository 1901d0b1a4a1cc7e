"""Whether there is memory for a model before any of it is taken, and what would fit where there is not."""

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from handspun import device
from handspun.errors import DeviceError
from handspun.generate.limits import Limits
from handspun.model.cost import FP32_BYTES, kv_bytes, up_width
from handspun.quantize.config import Scheme
from handspun.quantize.size import packed_bytes, stored_bytes
from handspun.serve.config import ServeConfig
from handspun.serve.entry import Entry

GIB = 2**30
CTX_STEP = 64
"""num_ctx is proposed in multiples of it."""
DTYPE_BYTES = {"float32": 4, "bfloat16": 2}
SCHEMES: tuple[Scheme, ...] = ("bf16", "int8", "int4")
"""The most bits first."""


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
    kind: device.Kind = "cpu"

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
        return DTYPE_BYTES[self.entry.compute_dtype]

    @property
    def weight_bytes(self) -> int:
        """The weights as they are computed with. On a CPU quantized ones are packed, elsewhere they become whole."""
        if self.entry.scheme and self.kind == "cpu":
            return packed_bytes(self.entry.shape, self.entry.vocab_size, self.entry.scheme, dtype_bytes=self.dtype_bytes)
        return self.dtype_bytes * self.entry.n_params

    @property
    def loading_bytes(self) -> int:
        """The weights as they are stored, from where they are converted."""
        if self.entry.scheme:
            return stored_bytes(self.entry.shape, self.entry.vocab_size, self.entry.scheme)
        return FP32_BYTES * self.entry.n_params

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
        """The most it takes, while it is loaded or later."""
        return max(self.loading_bytes, self.serving_bytes)

    @property
    def serving_bytes(self) -> int:
        """What it takes once it is loaded, when it has most to do."""
        return self.weight_bytes + self.kv_bytes + self.scratch_bytes

    def refusal(self, free: int, entries: Sequence[Entry], in_use: Sequence[Entry] = ()) -> DeviceError:
        """The error with what is needed, what is free, and what would fit."""
        parts = (
            f"weights {gib(self.weight_bytes)}, keys and values of {self.config.max_rows} × {self.num_ctx:,} tokens "
            f"{gib(self.kv_bytes)}, scratch {gib(self.scratch_bytes)}"
        )
        if self.loading_bytes > self.serving_bytes:
            parts = f"while its weights are loaded as fp32; then {gib(self.serving_bytes)}: {parts}"
        busy = f" beside {', '.join(entry.short_name for entry in in_use)}, in use" if in_use else ""
        remedies = list(self.remedies(free, entries)) or ["close other programs, or serve a smaller model"]
        return DeviceError(
            f'loading "{self.entry.short_name}" needs {gib(self.n_bytes)} GiB of memory ({parts}), and {gib(free)} GiB are '
            f"free{busy}; {', or '.join(remedies)}."
        )

    def remedies(self, free: int, entries: Sequence[Entry]) -> Iterator[str]:
        """What would fit into the memory that is free: each change by itself, or else two together."""
        num_ctx, max_rows = self.fitting("num_ctx", free), self.fitting("max_rows", free)
        schemes: tuple[Scheme, ...] = () if self.entry.base or self.entry.scheme else SCHEMES
        fitting: list[Scheme] = [scheme for scheme in schemes if self.under(scheme).n_bytes <= free]
        if num_ctx:
            yield f"serve it with serve.num_ctx={num_ctx}"
        if max_rows:
            yield f"with serve.max_rows={max_rows}"
        if fitting:
            yield self.quantized(fitting[0], entries)
        if num_ctx or max_rows or fitting:
            return
        for scheme in schemes:
            if num_ctx := self.under(scheme).fitting("num_ctx", free):
                yield f"{self.quantized(scheme, entries)}, and serve it with serve.num_ctx={num_ctx}"
                return

    def fitting(self, key: Literal["num_ctx", "max_rows"], free: int) -> int | None:
        """The most that a key may say for the model to fit; None where nothing does."""
        values = range(CTX_STEP, self.num_ctx, CTX_STEP) if key == "num_ctx" else range(1, self.config.max_rows)
        return most(values, lambda value: replace(self, config=replace(self.config, **{key: value})).n_bytes <= free)

    def under(self, scheme: Scheme) -> "Room":
        """The same model with its weights in a scheme."""
        return replace(self, entry=replace(self.entry, scheme=scheme))

    def quantized(self, scheme: Scheme, entries: Sequence[Entry]) -> str:
        """How to get at the model in a scheme: by its name where it is there, or else by a command."""
        name = f"{self.entry.short_name}:{scheme}"
        if any(entry.name == name for entry in entries):
            return f'ask for "{name}"'
        return f"quantize it: `handspun quantize {self.entry.short_name} scheme={scheme}`"


def most(values: range, fits: Callable[[int], bool]) -> int | None:
    """The largest value that fits, where all smaller ones do; None where none does."""
    n_fitting = bisect.bisect_left(values, True, key=lambda value: not fits(value))
    return values[n_fitting - 1] if n_fitting else None


def gib(n_bytes: int) -> str:
    """GiB with as many digits as tell two sizes apart."""
    return f"{n_bytes / GIB:,.2f}" if n_bytes >= GIB / 10 else f"{n_bytes / GIB:,.4f}"
