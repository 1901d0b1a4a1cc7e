"""Weights come out exactly, as whole numbers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.corpus.config import CorpusConfig
from handspun.corpus.weights import whole_weights


@pytest.mark.parametrize(
    ("weights", "whole"),
    [
        ((3, 1), (3, 1)),
        ((0.7, 0.2, 0.1), (7, 2, 1)),
        ((50, 25, 25.0), (2, 1, 1)),
        ((0.333, 0.667), (333, 667)),
        ((1e-3, 1), (1, 1000)),
    ],
)
def test_weights_are_whole_numbers_in_the_same_proportion(weights: tuple[float, ...], whole: tuple[int, ...]) -> None:
    assert whole_weights(weights) == whole


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_hundredths_keep_their_proportions(hundredths: list[int]) -> None:
    whole = whole_weights([number / 100 for number in hundredths])
    assert all(ours * hundredths[0] == theirs * whole[0] for ours, theirs in zip(whole, hundredths))


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ((1, 0), r"weights=\[1, 0\]: each must be above 0; leave out a source"),
        ((1, -2), "each must be above 0"),
        ((0.123456, 1), "too fine; write them with two or three digits"),
        ((1,), "one for each of the 2 different sources is needed"),
        ((1, 2, 3), "one for each of the 2 different sources is needed"),
    ],
)
def test_impossible_weights_are_refused(weights: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CorpusConfig(sources=("a.txt", "b.txt"), weights=weights)


def test_the_same_source_twice_cannot_be_weighed() -> None:
    with pytest.raises(ValueError, match="one for each of the 1 different sources"):
        CorpusConfig(sources=("a.txt", "a.txt"), weights=(1, 2))
    assert CorpusConfig(sources=("a.txt", "a.txt")).parts == (1,)
