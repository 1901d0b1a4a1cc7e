"""A difference is called sure where it is, and not where it is luck."""

import numpy as np
import pytest

from handspun.evaluate.bootstrap import paired_difference


def test_a_steady_difference_is_sure_though_the_items_differ_much_more() -> None:
    rng = np.random.default_rng(1)
    second = rng.normal(100, 30, 50)
    found = paired_difference(second + rng.normal(2, 1, 50), second)
    assert 1.6 < found.low < found.mean < found.high < 2.4
    assert found.is_sure and found.p < 0.001


def test_noise_around_nothing_is_not_sure() -> None:
    rng = np.random.default_rng(2)
    found = paired_difference(rng.normal(0, 1, 50), rng.normal(0, 1, 50))
    assert found.low < 0 < found.high
    assert found.p > 0.05 and not found.is_sure


def test_items_of_equal_values_differ_by_nothing() -> None:
    same = np.ones(5)
    found = paired_difference(same, same)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_difference_per_byte_is_that_of_the_sums() -> None:
    found = paired_difference(np.array([10.0, 200.0]), np.array([8.0, 100.0]), np.array([1.0, 99.0]))
    assert found.mean == pytest.approx(102 / 100)


def test_the_other_way_round_it_is_the_negative_and_as_sure() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0.3, 1, 40), rng.normal(0, 1, 40)
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.p == other.p


def test_it_is_the_same_each_time() -> None:
    first, second = np.arange(9.0), np.arange(9.0)[::-1] ** 2
    assert paired_difference(first, second) == paired_difference(first, second)
