"""int8: whole numbers from -127 to 127 and one scale for each row."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

LARGEST = 127
SMALLEST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Int8:
    """A matrix of which each row is `values · scale`."""

    values: Int[Tensor, "N K"]
    scale: Float[Tensor, " N"]

    @classmethod
    def of(cls, weight: Float[Tensor, "N K"]) -> "Int8":
        """The nearest such matrix: the largest weight of each row becomes ±127."""
        values, scale = quantized_rows(weight.float())
        return cls(values, scale.squeeze(1))

    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by name."""
        return {"values": self.values, "scale": self.scale}

    def whole(self) -> Float[Tensor, "N K"]:
        """The matrix that it stands for, in fp32."""
        return self.values * self.scale.unsqueeze(1)

    def rows(self, ids: Int[Tensor, "*T"]) -> Float[Tensor, "*T K"]:
        """Some of its rows, in fp32."""
        return self.values[ids] * self.scale[ids].unsqueeze(-1)


def quantized_rows(x: Float[Tensor, "*M K"]) -> tuple[Int[Tensor, "*M K"], Float[Tensor, "*M 1"]]:
    """Each row as whole numbers and the scale that they are multiples of; a row of zeros has the smallest scale there is."""
    scale = torch.linalg.vector_norm(x, torch.inf, -1, keepdim=True, dtype=torch.float32).mul_(1 / LARGEST).clamp_(min=SMALLEST)
    return (x / scale).round_().to(torch.int8), scale
