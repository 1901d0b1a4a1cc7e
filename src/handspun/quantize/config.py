"""How weights are made smaller, as the verb `quantize` is told."""

from dataclasses import dataclass
from typing import Literal

Scheme = Literal["bf16", "int8", "int4"]
Format = Literal["fp32", "bf16", "int8", "int4"]
"""How one tensor is stored: a scheme keeps small tensors as they are, and those it would harm most in a wider format."""

GROUP = 32
"""Neighbours in a row that share a scale and a middle in int4."""
KERNEL_ROWS = 16
"""An int4 matrix has a multiple of so many rows, because its kernel reads them together."""
BITS: dict[Format, float] = {"fp32": 32, "bf16": 16, "int8": 8, "int4": 4 + 2 * 16 / GROUP}
"""Of a weight of a matrix, in int4 with its share of the scales."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizeConfig:
    """Which scheme, and on which text the loss is measured."""

    scheme: Scheme = "int8"
    """bf16 (half of fp32; what bfloat16 computes with anyway), int8 (a scale per row) or int4 (a scale per 32 weights)."""
    text: str | None = None
    """A UTF-8 text to measure on. Absent: the held-out text of the run."""
    max_tokens: int = 16_384
    """Measure on at most this many tokens of it."""
    max_kl: float | None = None
    """The mean KL divergence in nats per token above which the result is refused. Absent: that of the scheme."""

    def __post_init__(self) -> None:
        if self.max_tokens < 2:
            raise ValueError(f"max_tokens={self.max_tokens}: choose at least 2, because the first is not predicted")
        if self.max_kl is not None and not self.max_kl > 0:
            raise ValueError(f"max_kl={self.max_kl}: choose a number above 0, or leave it out")

    @property
    def limit(self) -> float:
        """The mean KL divergence above which the result is refused."""
        return LIMITS[self.scheme] if self.max_kl is None else self.max_kl


LIMITS: dict[Scheme, float] = {"bf16": 0.001, "int8": 0.005, "int4": 0.1}
"""Nats per token."""


def format_of(name: str, shape: tuple[int, ...], scheme: Scheme) -> Format:
    """How a scheme stores one tensor: matrices small, the table and the head no smaller than int8, what is left as it is.

    A matrix that int4 does not divide evenly is stored as int8.
    """
    is_table = name in ("embedding.weight", "head.weight")
    if len(shape) != 2 or not (is_table or name.startswith("blocks.")):
        return "fp32"
    if scheme == "int4" and (is_table or shape[0] % KERNEL_ROWS or shape[1] % GROUP):
        return "int8"
    return scheme
