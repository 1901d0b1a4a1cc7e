"""What is plotted, apart from where it is drawn: curves in a panel, and the round numbers along its axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
SETTLED = 0.05
"""The first part of the x axis, whose values do not stretch the y axis: a loss begins far above where it is read."""
MARGIN = 0.04
"""Of the height, left free below the lowest value and above the highest."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel. Curves of one label are of one kind: they share a color and a place in the legend."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers and how it is written below or beside a panel."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value lies between the two ends, as a number from 0 to 1; what lies outside is drawn at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, about: int) -> list[tuple[float, str]]:
        """About so many (at least three) round numbers inside the range, each with its text."""
        step = round_step((self.high - self.low) / about)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(number * step, f"{number * step:.{decimals}f}") for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over one pair of axes."""

    title: str
    x_label: str
    curves: Sequence[Curve]

    @property
    def labels(self) -> list[str]:
        """The label of each kind of curve, in order; its index decides the color."""
        return list(dict.fromkeys(curve.label for curve in self.curves))

    @property
    def points(self) -> list[Point]:
        """Every point of every curve."""
        return [point for curve in self.curves for point in curve.points]

    @property
    def x_axis(self) -> Axis:
        """From zero to the last point."""
        return Axis(0.0, max((x for x, _ in self.points), default=0.0) or 1.0)

    @property
    def y_axis(self) -> Axis:
        """Around the values that stand once the curves have settled."""
        begin = SETTLED * self.x_axis.high
        values = [y for x, y in self.points if x >= begin] or [0.0, 1.0]
        low, high = min(values), max(values)
        margin = MARGIN * (high - low) or 0.5 * abs(high) or 0.5
        return Axis(low - margin, high + margin)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The exponential mean of about the last `window` values, which at the beginning is the plain mean of the first."""
    total = weight = 0.0
    means = []
    for value in values:
        total = value + (1 - 1 / window) * total
        weight = 1 + (1 - 1 / window) * weight
        means.append(total / weight)
    return means


def thinned(points: Sequence[Point], at_most: int) -> list[Point]:
    """Evenly chosen points, no more than can be told apart; the last is among them."""
    stride = math.ceil(len(points) / at_most)
    return list(points) if stride <= 1 else list(points[len(points) - 1 :: -stride])[::-1]
