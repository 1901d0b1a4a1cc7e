"""The repeat embedding against a direct definition, and for ragged rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from reading import empty_cache, runs

from handspun.model.config import ModelConfig
from handspun.model.ragged import Part, Ragged
from handspun.model.repeats import ragged_repeat_kinds, repeat_kinds
from handspun.model.transformer import Transformer
from handspun.model.view import View

CPU = torch.device("cpu")
SHAPE = ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=32, repeat_embedding=True)
MODEL = Transformer(SHAPE, 5)


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


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_rows_read_side_by_side_in_pieces_are_told_the_same(first: list[int], second: list[int], data: st.DataObject) -> None:
    cache, told = empty_cache(MODEL, 30), [[], []]
    rows, places = [first, second], [[*range(10, 15), *range(2, 9)], list(range(15, 27))]
    n_read = [0, 0]
    while n_read != [len(first), len(second)]:
        ends = [data.draw(st.integers(min(read + 1, len(row)), len(row))) for read, row in zip(n_read, rows)]
        going = [row for row in range(2) if ends[row] > n_read[row]]
        parts = [Part(rows[row][n_read[row] : ends[row]], runs(places[row][: ends[row]])) for row in going]
        ragged = Ragged(cache, parts, torch.float32)
        for row, kinds in zip(going, ragged_repeat_kinds(ragged).split(ragged.sizes)):
            told[row] += kinds.tolist()
        n_read = ends
    assert told == [direct_kinds(first), direct_kinds(second)]
