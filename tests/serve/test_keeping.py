"""How long a model is kept is said in seconds or as Go writes durations."""

import math

import pytest
from pydantic import ValidationError

from handspun.serve.wire import Keeping


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("0", 0),
        ("300", 300),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (".5s", 0.5),
        (-1, math.inf),
        ("-1", math.inf),
        ("-1m", math.inf),
        (1e300, math.inf),
    ],
)
def test_a_duration_is_a_number_of_seconds(said: float | str | None, expected: float | None) -> None:
    assert Keeping(keep_alive=said).keep_alive_s == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("wrong", ["soon", "5 m", "m", "", "1d", "5m!", math.nan, True, "9" * 65])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Keeping(keep_alive=wrong)
