"""Weights as a recipe writes them, as whole numbers: shares that come out exactly over a round that is not too long."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

LONGEST_ROUND = 10_000


def whole_weights(weights: Sequence[float]) -> tuple[int, ...]:
    """The smallest whole numbers in the same proportion: (0.7, 0.2, 0.1) are (7, 2, 1). Raises ValueError."""
    if not all(weight > 0 for weight in weights):
        raise ValueError(f"weights={list(weights)}: each must be above 0; leave out a source that is not wanted")
    fractions = [Fraction(repr(weight)) for weight in weights]
    unit = lcm(*(fraction.denominator for fraction in fractions))
    whole = [int(fraction * unit) for fraction in fractions]
    divisor = gcd(*whole)
    if sum(whole) // divisor > LONGEST_ROUND:
        raise ValueError(f"weights={list(weights)}: too fine; write them with two or three digits, such as [0.33, 0.67]")
    return tuple(weight // divisor for weight in whole)
