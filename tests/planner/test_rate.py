"""Rates: between measured shapes straight lines, for named devices an assumption, and a measurement that is remembered."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_devices import measurement

from handspun.planner.rate import (
    AssumedRate,
    MeasuredRate,
    Speed,
    keep_measurement,
    measured_here,
    measurement_path,
    speed_at,
)

SPEEDS = (Speed(6e6, 60e9), Speed(4e7, 120e9), Speed(2e8, 180e9))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_between_measured_speeds_there_are_straight_lines_and_beyond_them_the_last() -> None:
    assert [speed_at(speed.flops_per_token, SPEEDS) for speed in SPEEDS] == pytest.approx([60e9, 120e9, 180e9])
    assert speed_at(1e5, SPEEDS) == 60e9
    assert speed_at(1e12, SPEEDS) == 180e9
    assert speed_at((6e6 * 4e7) ** 0.5, SPEEDS) == pytest.approx((60e9 * 120e9) ** 0.5)


def test_a_rate_says_where_it_comes_from() -> None:
    assert AssumedRate("H100", 1e15).flops_per_s(1e8) == 4e14
    assert AssumedRate("H100", 1e15).basis == "assuming 40% of the 1000 bf16 TFLOP/s of H100"
    assert MeasuredRate(SPEEDS).flops_per_s(6e6) == pytest.approx(60e9)
    assert MeasuredRate(()).flops_per_s(6e6) is None


def test_what_was_measured_is_remembered() -> None:
    assert measured_here() is None
    keep_measurement(measurement(speeds=SPEEDS))
    assert measured_here() == measurement(speeds=SPEEDS)


def test_what_was_measured_of_another_machine_says_nothing() -> None:
    keep_measurement(replace(measurement(), machine="1024 cores of something else"))
    assert measured_here() is None


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data.replace(b"some", b"same"), lambda _: b"{}"])
def test_a_damaged_measurement_counts_as_none(damage) -> None:
    keep_measurement(measurement())
    measurement_path().write_bytes(damage(measurement_path().read_bytes()))
    assert measured_here() is None
