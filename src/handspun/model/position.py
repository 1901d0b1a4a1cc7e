"""How a layer is told the order of tokens: rotary positions (Su 2021) and linear biases (ALiBi, Press 2021).

Learned positions (GPT-2) are a table beside the embedding and live in transformer.py; "nope" tells nothing.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

Rotary = tuple[Float[Tensor, "*B T 1 Dh"], Float[Tensor, "*B T 1 Dh"]]
"""For every token what each channel and its partner are multiplied with, the same in each head."""


def rotary_table(positions: Int[Tensor, "*B T"], head_dim: int, theta: float, dtype: torch.dtype) -> Rotary:
    """Cosines and sines of position · theta^(-2i / head_dim) for the pairs (i, i + head_dim / 2).

    The sine of the first of a pair is negative, because it is its partner that it is multiplied with.
    """
    frequencies = theta ** (torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / -head_dim)
    angles = positions.unsqueeze(-1).float() * frequencies
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), dim=-1).to(dtype).unsqueeze(-2), torch.cat((-sin, sin), dim=-1).to(dtype).unsqueeze(-2)


def rotate(
    x: Float[Tensor, "B T H Dh"], cos: Float[Tensor, "*B T 1 Dh"], sin: Float[Tensor, "*B T 1 Dh"]
) -> Float[Tensor, "B T H Dh"]:
    """Turn each pair of channels by the angle of its position."""
    if x.device.type == "cpu" and torch.is_grad_enabled() and not torch.compiler.is_compiling():
        return RotateFunction.apply(x, cos, sin)  # type: ignore[no-any-return]
    return torch.mul(x, cos).addcmul(x.roll(x.shape[-1] // 2, dims=-1), sin)


def turned(x: Tensor, cos: Tensor, sin: Tensor, *, backwards: bool = False) -> Tensor:
    """Rotation written straight into its result; `backwards` turns the other way, which is also the gradient."""
    result = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    half = x.shape[-1] // 2
    first, second, cos, sin = x[..., :half], x[..., half:], cos[..., :half], sin[..., half:]
    sign = -1 if backwards else 1
    torch.mul(first, cos, out=result[..., :half]).addcmul_(second, sin, value=-sign)
    torch.mul(second, cos, out=result[..., half:]).addcmul_(first, sin, value=sign)
    return result


class RotateFunction(torch.autograd.Function):
    """`rotate` without copies of the halves, for the CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return turned(grads[0], cos, sin, backwards=True), None, None


def alibi_slopes(n_heads: int) -> tuple[float, ...]:
    """One slope per head: 2^(-8h / n) for n heads, h from 1. Where n is no power of two, the slopes of the next lower power
    come first, and then every other one of twice that power."""
    power = 1 << (n_heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * (head + 1) / power) for head in range(power)]
    between = [2.0 ** (-4 * (2 * head + 1) / power) for head in range(n_heads - power)]
    return tuple(slopes + between)
