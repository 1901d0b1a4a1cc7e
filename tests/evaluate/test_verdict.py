"""Yes is said only where nothing else explains it."""

import pytest

from handspun.evaluate.bootstrap import Difference
from handspun.evaluate.verdict import as_kept, in_words, verdict

BETTER, UNSURE, WORSE = (
    Difference(0.1, 0.05, 0.15, 0.0002),
    Difference(0.1, -0.1, 0.3, 0.2),
    Difference(-0.1, -0.2, -0.05, 0.001),
)


@pytest.mark.parametrize(
    ("over_none", "over_wrong", "said"),
    [
        (BETTER, BETTER, "yes"),
        (BETTER, UNSURE, "no, or not for certain"),
        (UNSURE, BETTER, "no, or not for certain"),
        (BETTER, WORSE, "no, it does harm"),
        (WORSE, BETTER, "no, it does harm"),
    ],
)
def test_what_wrong_passages_give_as_well_is_no_help(over_none: Difference, over_wrong: Difference, said: str) -> None:
    assert verdict(over_none, over_wrong) == said


def test_a_difference_is_told_with_its_interval_and_its_p() -> None:
    assert in_words(BETTER, scale=1, unit="bits per byte") == "0.100 bits per byte (95 %: 0.050 to 0.150, p < 0.001)"
    assert in_words(UNSURE, scale=100, unit="points") == "10.0 points (95 %: -10.0 to 30.0, p = 0.200)"
    assert as_kept(UNSURE) == {"mean": 0.1, "low": -0.1, "high": 0.3, "p": 0.2}
