"""Weights may lie in another order; what they compute stays."""

import pytest
import torch
from small_models import SHAPES, random_model

from handspun.generate.layout import lay_out_for_reading


@pytest.mark.parametrize("shape", SHAPES)
def test_wide_matrices_lie_by_columns_and_compute_the_same(shape: str) -> None:
    model, ids = random_model(shape, 320), torch.tensor([[20, 30, 40]])
    before = model.logits(model(ids))
    assert lay_out_for_reading(model) is model
    assert model.head_weight.stride() == (1, 320)
    assert model.blocks[0].feed_forward.up.weight.stride(0) == 1
    assert model.blocks[0].feed_forward.down.weight.stride(1) == 1
    torch.testing.assert_close(model.logits(model(ids)), before)


def test_what_gains_nothing_stays_as_it_is() -> None:
    model = random_model("GPT-2", 320).bfloat16()
    assert lay_out_for_reading(model).head_weight.stride() == (32, 1)
