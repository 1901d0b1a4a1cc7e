"""What is plotted: axes with round numbers around what matters, honest smoothing, points that are not too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.plot.panel import Axis, Curve, Panel, smoothed, thinned


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e9), about=st.integers(3, 8))
def test_ticks_lie_on_the_axis_and_say_what_they_are(low: float, span: float, about: int) -> None:
    axis = Axis(low, low + span)
    ticks = axis.ticks(about)
    assert 1 <= len(ticks) <= about + 1
    for value, text in ticks:
        assert axis.low - 1e-6 * span <= value <= axis.high + 1e-6 * span
        assert float(text) == pytest.approx(value, abs=1e-6 * span)


def test_ticks_are_round() -> None:
    assert [text for _, text in Axis(0, 13.1).ticks(4)] == ["0", "5", "10"]
    assert [text for _, text in Axis(1.38, 1.92).ticks(5)] == ["1.4", "1.6", "1.8"]


def test_the_y_axis_is_that_of_the_settled_values_and_what_lies_above_is_drawn_at_its_end() -> None:
    panel = Panel("loss", "tokens", [Curve("a", [(1, 10.0), (50, 3.0), (100, 2.0)])])
    assert panel.y_axis.high == pytest.approx(3.04)
    assert panel.y_axis.place(10.0) == 1.0
    assert Panel("loss", "tokens", [Curve("a", [(6, 10.0), (50, 3.0), (100, 2.0)])]).y_axis.high > 10


@pytest.mark.parametrize("points", [[], [(0, 2.0)], [(5, 2.0), (10, 2.0)], [(3, 0.0)]])
def test_curves_without_extent_have_axes_all_the_same(points: list[tuple[float, float]]) -> None:
    panel = Panel("loss", "tokens", [Curve("a", points)])
    for axis in (panel.x_axis, panel.y_axis):
        assert axis.low < axis.high
        assert axis.ticks(3)


def test_curves_of_one_label_are_one_kind() -> None:
    panel = Panel("loss", "tokens", [Curve(label, [(1, 1)]) for label in ("b", "a", "b")])
    assert panel.labels == ["b", "a"]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.integers(1, 20))
def test_smoothing_keeps_to_the_values_and_starts_with_the_first(values: list[float], window: int) -> None:
    means = smoothed(values, window)
    assert len(means) == len(values)
    assert means[0] == pytest.approx(values[0])
    assert all(min(values) - 1e-9 <= mean <= max(values) + 1e-9 for mean in means)


def test_smoothing_over_one_value_is_none_and_over_many_follows_slowly() -> None:
    assert smoothed([1.0, 5.0, 2.0], 1) == [1.0, 5.0, 2.0]
    step = smoothed([0.0] * 50 + [1.0] * 10, 10)
    assert 0.5 < step[-1] < 0.8


@given(n=st.integers(0, 1000), at_most=st.integers(1, 400))
def test_thinning_keeps_the_last_point_and_no_more_than_asked_for(n: int, at_most: int) -> None:
    points = [(float(x), 0.0) for x in range(n)]
    kept = thinned(points, at_most)
    assert len(kept) <= at_most
    assert kept[-1:] == points[-1:]
    assert kept == sorted(kept)
