"""Layers that only read, on weights that are small: a linear layer and a table."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from handspun.quantize.int4 import Int4
from handspun.quantize.int8 import Int8
from handspun.quantize.kernels import (
    Kernel,
    blocked_kernel,
    int4_kernel,
    int8_kernel,
    int8_row_kernel,
    whole_kernel,
    works,
)

Small = Int8 | Int4


class SmallLinear(nn.Module):
    """y = x Wᵀ + b by one kernel for a single row of states and another, or the same, for several."""

    def __init__(self, one: Kernel, several: Kernel, bias: Float[Tensor, " N"] | None) -> None:
        super().__init__()
        self.one, self.several = one, several
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Float[Tensor, "*M K"]) -> Float[Tensor, "*M N"]:
        product = (self.one if x.numel() == x.shape[-1] else self.several)(x)
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

    Where it may be packed twice, a single row and several get kernels of their own, which read different packings.
    """
    if isinstance(weight, Int8):
        return SmallLinear(*int8_kernels(weight, dtype, may_pack_twice=may_pack_twice), bias)
    return SmallLinear(*int4_kernels(weight, dtype, may_pack_twice=may_pack_twice), bias)


def int8_kernels(weight: Int8, dtype: torch.dtype, *, may_pack_twice: bool) -> tuple[Kernel, Kernel]:
    """For one row and for several: a single row is faster by FBGEMM, where there is memory for both."""
    several = int8_kernel(weight) if works("int8", dtype) else whole_kernel(weight.whole().to(dtype))
    return int8_row_kernel(weight) if may_pack_twice and works("int8 row", dtype) else several, several


def int4_kernels(weight: Int4, dtype: torch.dtype, *, may_pack_twice: bool) -> tuple[Kernel, Kernel]:
    """For one row and for several: these are faster with the weights as int8, where there is memory for both."""
    if not works("int4", dtype):
        stock = whole_kernel(weight.whole().to(dtype))
        return stock, stock
    one = int4_kernel(weight)
    return one, int8_kernel(Int8.of(weight.whole())) if may_pack_twice and works("int8", dtype) else one


def bf16_linear(weight: Float[Tensor, "N K"], bias: Tensor | None) -> SmallLinear:
    """A layer on a CPU with a bf16 matrix, in the blocks of the kernel that reads it, or else as it is."""
    kernel = blocked_kernel(weight) if works("blocked", torch.bfloat16) else whole_kernel(weight)
    return SmallLinear(kernel, kernel, bias)
