"""Limits that no engine could work under are refused by name."""

import pytest

from handspun.generate.limits import Limits


@pytest.mark.parametrize("wrong", [{"max_rows": 0}, {"chunk_tokens": 0}, {"cache_tokens": 1}, {"max_waiting": 0}])
def test_an_impossible_value_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)


def test_possible_values_are_kept() -> None:
    limits = Limits(max_rows=2, chunk_tokens=3, cache_tokens=100, max_waiting=1)
    assert (limits.max_rows, limits.chunk_tokens, limits.cache_tokens, limits.max_waiting) == (2, 3, 100, 1)
