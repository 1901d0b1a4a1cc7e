"""What a model takes of the memory where it only reads and writes text: chat, generation, evaluation."""

from dataclasses import dataclass

from handspun.model.config import ModelConfig
from handspun.model.cost import FP32_BYTES, kv_bytes, parameters, up_width
from handspun.planner.devices import Devices


@dataclass(frozen=True)
class Reading:
    """A model that reads so many rows of so many tokens at once."""

    model: ModelConfig
    vocab_size: int
    devices: Devices
    n_rows: int
    n_tokens: int

    @property
    def n_bytes(self) -> int:
        """The most it takes: weights are loaded as fp32 and then cast; keys, values and the widest layer's states join them."""
        dtype_bytes = 2 if self.devices.computes_bfloat16 else FP32_BYTES
        n_params = sum(parameters(self.model, self.vocab_size).values())
        cache = self.n_rows * kv_bytes(self.model, self.n_tokens, dtype_bytes=dtype_bytes)
        width = self.model.d_model + up_width(self.model) + self.model.ff_width
        states = self.n_rows * (self.n_tokens * width * dtype_bytes + 3 * self.vocab_size * FP32_BYTES)
        return max(FP32_BYTES * n_params, dtype_bytes * n_params + cache + states) + self.devices.runtime_bytes

    @property
    def fits(self) -> bool:
        """Whether the device has room for it."""
        return self.n_bytes <= self.devices.free_bytes
