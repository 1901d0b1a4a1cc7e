"""Is retrieval helping? Answered in a sentence, by how much, and with what certainty."""

from dataclasses import asdict
from typing import Any

from handspun.evaluate.bootstrap import Difference


def verdict(over_none: Difference, over_wrong: Difference) -> str:
    """Yes, only with certainty and beyond what any passage of the domain gives; no, where it is not; or that it does harm."""
    if all(one.is_sure and one.mean > 0 for one in (over_none, over_wrong)):
        return "yes"
    if any(one.is_sure and one.mean < 0 for one in (over_none, over_wrong)):
        return "no, it does harm"
    return "no, or not for certain"


def in_words(gain: Difference, *, scale: float, unit: str) -> str:
    """ "0.080 bits per byte (95 %: 0.045 to 0.127, p < 0.001)"."""
    mean, low, high = (f"{scale * value:.{1 if scale > 1 else 3}f}" for value in (gain.mean, gain.low, gain.high))
    return f"{mean} {unit} (95 %: {low} to {high}, {p_text(gain.p)})"


def p_text(p: float) -> str:
    """A p as it is printed."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def as_kept(gain: Difference) -> dict[str, Any]:
    """A difference for scripts."""
    return {name: round(value, 5) for name, value in asdict(gain).items()}
