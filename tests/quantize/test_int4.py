"""int4: no weight moves by more than half a step of its group, but for the rounding of the scales."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.quantize.config import GROUP
from handspun.quantize.int4 import LARGEST, Int4

BF16_ROUNDING = 2**-8


@given(st.integers(0, 999), st.sampled_from([0.0, 3.0]))
def test_no_weight_moves_by_more_than_half_a_step(seed: int, offset: float) -> None:
    weight = offset + torch.randn(3, 2 * GROUP, generator=torch.Generator().manual_seed(seed))
    groups = weight.unflatten(1, (-1, GROUP))
    low, high = groups.aminmax(dim=2, keepdim=True)
    step = (high - low) / LARGEST
    error = (Int4.of(weight).whole().unflatten(1, (-1, GROUP)) - groups).abs()
    assert (error <= step / 2 + BF16_ROUNDING * (high - low + abs(offset))).all()


def test_two_values_share_a_byte_and_come_apart_again() -> None:
    small = Int4.of(torch.arange(2.0 * GROUP).view(1, -1))
    assert small.pairs.shape == (1, GROUP) and small.pairs.dtype == torch.uint8
    assert small.values()[0, :GROUP].tolist() == sorted(small.values()[0, :GROUP].tolist())
    assert {0, LARGEST} <= set(small.values().flatten().tolist())


def test_a_group_of_equal_weights_keeps_them() -> None:
    weight = torch.full((2, GROUP), 0.5)
    assert torch.equal(Int4.of(weight).whole(), weight)
