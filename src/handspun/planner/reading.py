"""What a model takes of the memory where it only reads and writes text: chat, generation, evaluation."""

from dataclasses import dataclass

from handspun.model.config import ModelConfig
from handspun.model.cost import FP32_BYTES, kv_bytes, parameters, up_width
from handspun.planner.devices import Devices
from handspun.quantize.config import Scheme
from handspun.quantize.size import packed_bytes, stored_bytes


@dataclass(frozen=True)
class Reading:
    """A model that reads so many rows of so many tokens at once."""

    model: ModelConfig
    vocab_size: int
    devices: Devices
    n_rows: int
    n_tokens: int
    scheme: Scheme | None = None
    """How the weights are stored; None where they are those of a checkpoint"""

    @property
    def n_bytes(self) -> int:
        """The most it takes: the weights being loaded, or later with keys, values and the widest layer's states beside them."""
        dtype_bytes = 2 if self.devices.computes_bfloat16 else FP32_BYTES
        cache = self.n_rows * kv_bytes(self.model, self.n_tokens, dtype_bytes=dtype_bytes)
        width = self.model.d_model + up_width(self.model) + self.model.ff_width
        states = self.n_rows * (self.n_tokens * width * dtype_bytes + 3 * self.vocab_size * FP32_BYTES)
        loading, loaded = self.weight_bytes(dtype_bytes)
        return max(loading, loaded + cache + states) + self.devices.runtime_bytes

    def weight_bytes(self, dtype_bytes: int) -> tuple[int, int]:
        """What the weights take while they are loaded, and then.

        A checkpoint's are fp32 first. Quantized ones are packed on a CPU, and elsewhere become what is computed with.
        """
        n_params = sum(parameters(self.model, self.vocab_size).values())
        if self.scheme is None:
            return FP32_BYTES * n_params, dtype_bytes * n_params
        small = stored_bytes(self.model, self.vocab_size, self.scheme)
        if self.devices.kind == "cpu":
            return small, packed_bytes(self.model, self.vocab_size, self.scheme, dtype_bytes=dtype_bytes)
        return small, dtype_bytes * n_params

    @property
    def fits(self) -> bool:
        """Whether the device has room for it."""
        return self.n_bytes <= self.devices.free_bytes
