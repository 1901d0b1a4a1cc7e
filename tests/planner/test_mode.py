"""Devices share a training as little as their memory allows, or as the recipe says."""

import pytest
from small import VOCABULARY, cards, footprint, training

from handspun.planner.mode import footprint_of

MODEL = footprint().model


@pytest.mark.parametrize(
    ("count", "gib", "parallel", "mode"),
    [
        (1, 24, "auto", "single"),
        (1, 1, "fsdp", "single"),
        (4, 24, "auto", "ddp"),
        (4, 2, "auto", "fsdp"),
        (4, 2, "ddp", "ddp"),
        (4, 24, "fsdp", "fsdp"),
    ],
)
def test_each_has_the_whole_model_where_it_fits(count: int, gib: float, parallel: str, mode: str) -> None:
    assert footprint_of(MODEL, VOCABULARY, training(parallel=parallel), cards(count, gib)).mode == mode
