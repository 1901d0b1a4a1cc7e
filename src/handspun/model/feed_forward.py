"""The part of a block that looks at one token at a time."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from handspun.model.config import Activation, ModelConfig
from handspun.model.linear import Linear


class FeedForward(nn.Module):
    """Widen, bend, narrow. With swiglu (Shazeer 2020) one matrix product makes both the gate and the values."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation: Activation = config.activation
        self.up = Linear(config.d_model, (2 if config.is_gated else 1) * config.ff_width, bias=config.bias)
        self.down = Linear(config.ff_width, config.d_model, bias=config.bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.down(self.bend(self.up(x)))

    def bend(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F2"]:
        """The non-linearity."""
        match self.activation:
            case "swiglu":
                gate, values = x.chunk(2, dim=-1)
                return F.silu(gate) * values if torch.is_grad_enabled() else F.silu(gate).mul_(values)
            case "relu2":
                return SquaredReLU.apply(x) if torch.is_grad_enabled() else F.relu(x).square_()  # type: ignore[no-any-return]
            case "gelu":
                return F.gelu(x)
            case "gelu_tanh":
                return F.gelu(x, approximate="tanh")


class SquaredReLU(torch.autograd.Function):
    """max(x, 0)² (So 2021), keeping one tensor for the backward pass instead of two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return (grads[0] * positive).mul_(2)
