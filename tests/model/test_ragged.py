"""Where the new tokens of ragged rows stand, and what their rows have read."""

import torch
from reading import empty_cache

from handspun.model.config import ModelConfig
from handspun.model.ragged import Part, Ragged
from handspun.model.transformer import Transformer

MODEL = Transformer(ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=32), 50)


def ragged(parts: list[Part]) -> Ragged:
    return Ragged(empty_cache(MODEL, 20), parts, torch.float32)


def test_the_new_tokens_are_the_last_of_their_row() -> None:
    part = Part([7, 8, 9], [range(10, 14), range(3, 5)])
    assert (part.n_keys, list(part.positions), part.places) == (6, [3, 4, 5], [13, 3, 4])
    assert Part([7], [range(10, 14)]).places == [13]


def test_rows_lie_one_after_another() -> None:
    both = ragged([Part([7, 8, 9], [range(4, 7)]), Part([5], [range(10, 14)])])
    assert both.ids.tolist() == [[7, 8, 9, 5]]
    assert both.positions.tolist() == [[0, 1, 2, 3]]
    assert (both.places.tolist(), both.sizes, both.ends) == ([4, 5, 6, 13], [3, 1], [2, 3])


def test_a_context_is_what_its_row_has_read_and_repeats_the_first_token_behind_the_end() -> None:
    first = ragged([Part([7, 8, 9], [range(4, 6), range(10, 11)]), Part([5], [range(0, 1)])])
    context = first.context([1, 0])
    assert context.ids.tolist() == [[5, 5, 5], [7, 8, 9]]
    assert context.n_tokens.tolist() == [[1], [3]]
    assert context.copy_keys.shape == (2, 3, 0)


def test_the_latest_tokens_of_a_context_are_those_of_its_window() -> None:
    context = ragged([Part([7, 8, 9, 6], [range(4)]), Part([5, 3], [range(10, 12)])]).context([0, 1])
    assert context.latest(None).tolist() == [[7, 8, 9, 6], [5, 3, 3, 3]]
    assert context.latest(2).tolist() == [[6, 6, 9, 6], [5, 3, 3, 3]]
    assert context.latest(1).tolist() == [[6, 6, 6, 6], [3, 3, 3, 3]]
