"""int8: no weight moves by more than half a step of its row."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.quantize.int8 import LARGEST, Int8


@given(st.integers(0, 999), st.sampled_from([1e-6, 1.0, 1e4]))
def test_no_weight_moves_by_more_than_half_a_step(seed: int, size: float) -> None:
    weight = size * torch.randn(5, 12, generator=torch.Generator().manual_seed(seed))
    small = Int8.of(weight)
    half_step = weight.abs().amax(1, keepdim=True) / LARGEST / 2
    assert ((small.whole() - weight).abs() <= 1.001 * half_step).all()
    assert small.values.dtype == torch.int8 and int(small.values.abs().max()) == LARGEST


def test_a_row_of_zeros_stays_one() -> None:
    weight = torch.tensor([[0.0, 0.0], [1.0, -2.0]])
    assert torch.equal(Int8.of(weight).whole()[0], torch.zeros(2))


def test_rows_are_those_of_the_whole_matrix() -> None:
    small, ids = Int8.of(torch.randn(7, 4)), torch.tensor([[6, 0], [3, 3]])
    assert torch.equal(small.rows(ids), small.whole()[ids])
