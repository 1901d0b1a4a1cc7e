"""int4: whole numbers from 0 to 15, with a scale and a middle for each 32 neighbours in a row."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt
from torch import Tensor

from handspun.quantize.config import GROUP

MIDDLE, LARGEST = 8, 15


@dataclass(frozen=True)
class Int4:
    """A matrix of which each group of neighbours is `(values - 8) · scale + middle`, two values in a byte, the first one low.

    The middle is stored, and not the smallest weight, because it is near zero, where bf16 is fine.
    """

    pairs: UInt[Tensor, "N half"]
    scale: Float[Tensor, "N groups"]
    middle: Float[Tensor, "N groups"]

    @classmethod
    def of(cls, weight: Float[Tensor, "N K"]) -> "Int4":
        """The matrix whose groups span from their smallest weight to their largest. K must be a multiple of GROUP."""
        groups = weight.float().unflatten(1, (-1, GROUP))
        low, high = groups.aminmax(dim=2)
        scale = ((high - low) / LARGEST).bfloat16()
        scale[scale == 0] = 1
        middle = (low + MIDDLE * scale).bfloat16()
        steps = (groups - middle.unsqueeze(2)) / scale.unsqueeze(2)
        values = (steps.round_() + MIDDLE).clamp_(0, LARGEST).to(torch.uint8).flatten(1)
        return cls(values[:, ::2] | values[:, 1::2] << 4, scale, middle)

    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by name."""
        return {"pairs": self.pairs, "scale": self.scale, "middle": self.middle}

    def values(self) -> UInt[Tensor, "N K"]:
        """The numbers from 0 to 15, a byte each."""
        return torch.stack((self.pairs & LARGEST, self.pairs >> 4), dim=2).flatten(1)

    def whole(self) -> Float[Tensor, "N K"]:
        """The matrix that it stands for, in fp32."""
        steps = self.values().unflatten(1, (-1, GROUP)).float().sub_(MIDDLE)
        return steps.mul_(self.scale.unsqueeze(2)).add_(self.middle.unsqueeze(2)).flatten(1)
