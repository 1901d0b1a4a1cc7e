import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handspun.tokens.packing import pack


@given(lengths=st.lists(st.integers(1, 40), max_size=60), row_tokens=st.integers(1, 32), seed=st.integers(0, 9))
def test_every_example_that_fits_is_in_exactly_one_row_and_no_row_is_over_full(lengths, row_tokens, seed):
    sizes = np.array(lengths, dtype=np.int64)
    rows = pack(sizes, row_tokens, np.random.default_rng(seed).permutation(len(sizes)))
    placed = sorted(index for row in rows for index in row.tolist())
    assert placed == np.flatnonzero(sizes <= row_tokens).tolist()
    assert all(0 < sizes[row].sum() <= row_tokens for row in rows)


@given(lengths=st.lists(st.integers(1, 16), min_size=1, max_size=60))
def test_no_two_rows_could_have_been_one(lengths):
    sizes = np.array(lengths)
    loads = sorted(sizes[row].sum() for row in pack(sizes, 16, np.arange(len(sizes))))
    assert len(loads) < 2 or loads[0] + loads[1] > 16


def test_an_example_goes_where_it_leaves_the_least_room():
    rows = pack(np.array([6, 7, 3]), 10, np.arange(3))
    assert [row.tolist() for row in rows] == [[0], [1, 2]]


def test_the_order_decides_who_shares_a_row():
    lengths = np.array([5, 6, 5, 4])
    assert [row.tolist() for row in pack(lengths, 10, np.array([0, 1, 2, 3]))] == [[0, 2], [1, 3]]
    assert [row.tolist() for row in pack(lengths, 10, np.array([0, 3, 1, 2]))] == [[0, 3], [1], [2]]


def test_only_the_examples_of_the_order_are_placed():
    assert [row.tolist() for row in pack(np.array([1, 1, 1]), 4, np.array([2, 0]))] == [[2, 0]]


def test_nothing_gives_no_row():
    assert pack(np.array([], dtype=np.int64), 8, np.array([], dtype=np.int64)) == []
    assert pack(np.array([9]), 8, np.array([0])) == []
