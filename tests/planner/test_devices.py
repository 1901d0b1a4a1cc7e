"""Devices by name, and this machine as it was measured."""

from pathlib import Path

import pytest
from small import processor

from handspun import machine
from handspun.errors import SettingsError
from handspun.planner.at_hand import devices_at_hand
from handspun.planner.devices import GIB, devices_here, named_devices
from handspun.planner.rate import Measurement, Speed, keep_measurement, this_machine


def measurement(**changes) -> Measurement:
    """What might have been measured of a GPU in this machine."""
    given = {
        "machine": this_machine(),
        "kind": "cuda",
        "name": "some GPU",
        "count": 2,
        "free_bytes": 10 * GIB,
        "runtime_bytes": 1 * GIB,
        "computes_bfloat16": True,
        "speeds": (Speed(1e8, 1e13),),
    }
    return Measurement(**{**given, **changes})


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was never measured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "count", "name", "gib"),
    [
        ("4x24GiB", 4, "24 GiB, taken for RTX 4090", 23.52),
        ("1x32GB", 1, "32 GiB, taken for RTX 5090", 31.36),
        ("24GiB", 1, "24 GiB, taken for RTX 4090", 23.52),
        ("8xRTX4090", 8, "RTX 4090", 23.52),
        ("2 x rtx 3090", 2, "RTX 3090", 23.52),
        ("H100", 1, "H100", 78.4),
        ("100GiB", 1, "100 GiB, taken for H100", 98),
    ],
)
def test_a_count_a_size_and_a_name_are_understood(text: str, count: int, name: str, gib: float) -> None:
    devices = named_devices(text)
    assert (devices.count, devices.name, devices.free_bytes / GIB) == (count, name, pytest.approx(gib))
    assert "assuming 40% of the" in devices.rate.basis


@pytest.mark.parametrize("text", ["", "4", "x", "4xRTX409", "0x24GiB", "-1xH100", "24", "4x24MiB", "GiB", "٤xH100"])
def test_what_nobody_knows_is_refused_with_what_is_known(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not known; give a count and a memory such as 4x24GiB, or one of .*RTX4090"):
        named_devices(text)


@pytest.mark.usefixtures("empty_cache")
def test_a_machine_that_was_never_measured_is_its_processor_at_an_unknown_rate() -> None:
    here = devices_here()
    assert (here.kind, here.name, here.count) == ("cpu", machine.cpu_name(), 1)
    assert here.rate.flops_per_s(1e8) is None and "--here" in here.rate.basis


@pytest.mark.usefixtures("empty_cache")
def test_a_machine_is_what_was_measured_of_it() -> None:
    keep_measurement(measurement())
    here = devices_here()
    assert (here.kind, here.name, here.count, here.free_bytes) == ("cuda", "some GPU", 2, 10 * GIB)
    assert here.rate.flops_per_s(1e8) == 1e13


@pytest.mark.usefixtures("empty_cache")
def test_the_free_memory_of_a_processor_is_that_of_now() -> None:
    keep_measurement(measurement(kind="cpu", free_bytes=1, runtime_bytes=5))
    here = devices_here()
    assert here.free_bytes > 1 << 20 and here.runtime_bytes == 5


@pytest.mark.usefixtures("empty_cache")
def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from handspun.device import Device

    device = Device("cpu", "processor", 2, 16 * GIB, 8 * GIB, "float32", "")
    assert (devices_at_hand(device).count, devices_at_hand(device).free_bytes) == (1, 8 * GIB)
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (devices_at_hand(device).count, devices_at_hand(device).free_bytes) == (8, 2 * GIB)


def test_only_a_device_with_memory_of_its_own_can_offload() -> None:
    assert named_devices("H100").is_offload_useful
    assert not processor().is_offload_useful
