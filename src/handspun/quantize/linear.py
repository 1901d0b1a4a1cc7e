"""Layers that only read, on weights that are small: a linear layer and a table."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from handspun.quantize.int4 import Int4
from handspun.quantize.int8 import Int8
from handspun.quantize.kernels import FEW_ROWS, Kernel, bf16_kernel, int4_kernel, int8_kernel, whole_kernel, works

Small = Int8 | Int4


class SmallLinear(nn.Module):
    """y = x Wᵀ + b by the kernels that are fastest for a few rows of states and for many."""

    def __init__(self, few: Kernel, many: Kernel, bias: Float[Tensor, " N"] | None) -> None:
        super().__init__()
        self.few, self.many = few, many
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Float[Tensor, "*M K"]) -> Float[Tensor, "*M N"]:
        product = (self.few if x.numel() <= FEW_ROWS * x.shape[-1] else self.many)(x)
        return product if self.bias is None else product.add_(self.bias)


class SmallTable(nn.Module):
    """Rows of an int8 table as vectors."""

    def __init__(self, weight: Int8) -> None:
        super().__init__()
        self.small = weight

    def forward(self, ids: Int[Tensor, "*T"]) -> Float[Tensor, "*T K"]:
        return self.small.rows(ids)


def small_linear(weight: Small, bias: Tensor | None, dtype: torch.dtype, *, may_pack_twice: bool) -> SmallLinear:
    """A layer on a CPU that reads states of this dtype.

    An int4 matrix is kept as int8 as well where it may be, for many rows at a time: for them the int4 kernel is slower.
    """
    if isinstance(weight, Int8):
        kernel = int8_kernel(weight) if works("int8", dtype) else whole_kernel(weight.whole().to(dtype))
        return SmallLinear(kernel, kernel, bias)
    if not works("int4", dtype):
        kernel = whole_kernel(weight.whole().to(dtype))
        return SmallLinear(kernel, kernel, bias)
    few = int4_kernel(weight)
    return SmallLinear(few, int8_kernel(Int8.of(weight.whole())) if may_pack_twice and works("int8", dtype) else few, bias)


def bf16_linear(weight: Float[Tensor, "N K"], bias: Tensor | None) -> SmallLinear:
    """A layer on a CPU with a bf16 matrix in the layout that is read fastest."""
    kernel = bf16_kernel(weight) if works("bf16", torch.bfloat16) else whole_kernel(weight)
    return SmallLinear(kernel, kernel, bias)
