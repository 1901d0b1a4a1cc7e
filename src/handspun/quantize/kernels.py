"""Products with small weights on a CPU, by kernels that torch has but does not promise.

Each is tried before it is trusted: it must compute what the matrix it was made of computes, on this processor and this build of
torch. Where it does not, the matrix is multiplied as a whole one. None is chosen by a clock: kernels round differently, and the
same seed is to give the same reply at every start.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from handspun.quantize.config import GROUP
from handspun.quantize.int4 import Int4
from handspun.quantize.int8 import Int8, quantized_rows

Kernel = Callable[[Float[Tensor, "*M K"]], Float[Tensor, "*M N"]]
"""Multiplies states with the matrix that it was made of."""

TRIAL_SHAPE = (96, 160)
"""A matrix to try kernels on, of unlike sizes, and no power of two."""
TRIAL_ROWS = (1, 3, 40)
TOLERANCE = 0.02
"""Of the largest number in the product: states rounded to 8 bits stay within half of it."""
KERNEL_ERRORS = (RuntimeError, AttributeError, NotImplementedError, TypeError)
"""What torch raises where a kernel is absent, has other arguments, or cannot be made on this processor."""


def whole_kernel(weight: Float[Tensor, "N K"]) -> Kernel:
    """The stock product."""
    return lambda x: F.linear(x, weight)


def blocked_kernel(weight: Float[Tensor, "N K"]) -> Kernel:
    """A bf16 matrix, laid out by oneDNN in the blocks that it reads."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1)
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: multiply(x, packed, None, "none", [], "")


def int8_kernel(weight: Int8) -> Kernel:
    """Whole numbers times whole numbers, summed exactly in 32 bits by oneDNN: each row of states is rounded to int8 as well.

    A row's product depends on nothing but this row.
    """
    scale, zeros = weight.scale.float(), torch.zeros(len(weight.scale), dtype=torch.int32)
    packed = torch.ops.onednn.qlinear_prepack(weight.values.contiguous(), None)
    multiply = torch.ops.onednn.qlinear_pointwise.default

    def kernel(x: Float[Tensor, "*M K"]) -> Float[Tensor, "*M N"]:
        values, row_scale = quantized_rows(x)
        product = multiply(values, 1.0, 0, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], "")
        return product.mul_(row_scale).to(x.dtype)

    return kernel


def int8_row_kernel(weight: Int8) -> Kernel:
    """The same by FBGEMM, which rounds the states itself. It gives all rows one scale, so it may have a single row only."""
    zeros = torch.zeros(len(weight.scale), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantized tensors are to go; this kernel has no other way in
        make = torch._make_per_channel_quantized_tensor  # type: ignore[attr-defined]
        tensor = make(weight.values.contiguous(), weight.scale.double(), zeros, 0)
    packed = torch.ops.quantized.linear_prepack(tensor, None)
    multiply = torch.ops.quantized.linear_dynamic.default
    return lambda x: multiply(x.float(), packed).to(x.dtype)


def int4_kernel(weight: Int4) -> Kernel:
    """Groups of 4-bit numbers with bf16 states. With fp32 states it would be fifty times slower."""
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(weight.values().int(), 1)
    scale_and_middle = torch.stack((weight.scale.T, weight.middle.T), dim=2).contiguous()
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu.default

    def kernel(x: Float[Tensor, "*M K"]) -> Float[Tensor, "*M N"]:
        product = multiply(x.flatten(0, -2).bfloat16(), packed, GROUP, scale_and_middle)
        return product.view(*x.shape[:-1], -1).to(x.dtype)

    return kernel


def trial_matrix() -> Float[Tensor, "N K"]:
    """Always the same random numbers, and a row of ones: sums that are held in too few bits overflow in it."""
    matrix = torch.randn(TRIAL_SHAPE, generator=torch.Generator().manual_seed(0))
    matrix[0] = 1
    return matrix


def agrees(make: Callable[[], Kernel], whole: Float[Tensor, "N K"], dtype: torch.dtype, rows: Sequence[int]) -> bool:
    """Whether a kernel can be made here and computes what the whole matrix does with each of these numbers of rows."""
    states = torch.randn(max(rows), whole.shape[1], generator=torch.Generator().manual_seed(1)).to(dtype)
    states[0] = 1
    try:
        kernel = make()
        return all(is_near(kernel(states[:n]), states[:n].float() @ whole.T) for n in rows)
    except KERNEL_ERRORS:
        return False


def is_near(product: Float[Tensor, "*M N"], exact: Float[Tensor, "*M N"]) -> bool:
    """Whether two products differ by rounding only."""
    return bool((product.float() - exact).abs().max() <= TOLERANCE * exact.abs().max())


@cache
def works(name: str, dtype: torch.dtype) -> bool:
    """Whether a kernel of this module passes its trial with states of this dtype. It is tried once in a process."""
    trial = trial_matrix()
    int8, int4, bf16 = Int8.of(trial), Int4.of(trial), trial.bfloat16()
    match name:
        case "blocked":
            return agrees(lambda: blocked_kernel(bf16), bf16.float(), dtype, TRIAL_ROWS)
        case "int8":
            return agrees(lambda: int8_kernel(int8), int8.whole(), dtype, TRIAL_ROWS)
        case "int8 row":
            return agrees(lambda: int8_row_kernel(int8), int8.whole(), dtype, [1])
        case "int4":
            return agrees(lambda: int4_kernel(int4), int4.whole(), dtype, TRIAL_ROWS)
        case _:
            raise AssertionError(f"no kernel {name}")
