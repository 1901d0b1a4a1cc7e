"""The repeat embedding against a direct definition, and with a cache."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.model.cache import KVCache
from handspun.model.config import ModelConfig
from handspun.model.repeats import repeat_kinds
from handspun.model.transformer import Transformer
from handspun.model.view import View

CPU = torch.device("cpu")
SHAPE = ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=32, repeat_embedding=True)


def direct_kinds(ids: list[int]) -> list[int]:
    """0, 1 or 2 for each token of one row, looked up in plain Python."""
    kinds = []
    for place, id in enumerate(ids):
        pairs = {(ids[earlier - 1], ids[earlier]) for earlier in range(1, place)}
        kinds.append(2 if place and (ids[place - 1], id) in pairs else int(id in ids[:place]))
    return kinds


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_a_token_is_told_what_was_read_before_it(ids: list[int]) -> None:
    assert repeat_kinds(torch.tensor([ids]), View(len(ids), len(ids), CPU))[0].tolist() == direct_kinds(ids)


def test_what_stands_in_another_document_was_not_read() -> None:
    ids, segments = torch.tensor([[5, 6, 5, 6]]), torch.tensor([[0, 0, 1, 1]])
    assert repeat_kinds(ids, View(4, 4, CPU, segments=segments))[0].tolist() == [0, 0, 0, 0]
    assert repeat_kinds(ids, View(4, 4, CPU))[0].tolist() == [0, 0, 1, 2]


def test_a_document_does_not_take_the_end_of_the_last_one_for_its_first_predecessor() -> None:
    ids, segments = torch.tensor([[7, 5, 7, 5]]), torch.tensor([[0, 1, 1, 1]])
    assert repeat_kinds(ids, View(4, 4, CPU, segments=segments))[0].tolist() == [0, 0, 0, 1]


def test_the_first_token_of_a_row_has_no_predecessor_to_match() -> None:
    assert repeat_kinds(torch.tensor([[7, 7, 7]]), View(3, 3, CPU))[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_reading_in_pieces_tells_the_same(cut: int) -> None:
    model = Transformer(SHAPE, 5).initialize(0)
    ids = torch.tensor([[1, 2, 3, 1, 2, 4, 1, 2]])
    cache = KVCache(SHAPE, starts=torch.tensor([0]), max_tokens=8, dtype=torch.float32)
    with torch.inference_mode():
        pieces = torch.cat([model(ids[:, :cut], cache=cache), model(ids[:, cut:], cache=cache)], dim=1)
        assert torch.allclose(pieces, model(ids), atol=1e-5)


def test_padding_on_the_left_is_not_something_read() -> None:
    model = Transformer(SHAPE, 5).initialize(0)
    cache = KVCache(SHAPE, starts=torch.tensor([2]), max_tokens=5, dtype=torch.float32)
    with torch.inference_mode():
        padded = model(torch.tensor([[4, 1, 4, 1, 4]]), cache=cache)[:, 2:]
        assert torch.allclose(padded, model(torch.tensor([[4, 1, 4]])), atol=1e-5)
