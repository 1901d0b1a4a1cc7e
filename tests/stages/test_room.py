"""What the planner tells the trainer about the memory of a device."""

import pytest

from handspun.planner.devices import GIB, Devices
from handspun.planner.rate import MeasuredRate
from handspun.stages import memory
from handspun.stages.memory import room_on_device
from handspun.train.choice import Room
from tiny_run import tiny_config, tiny_model


@pytest.mark.parametrize(
    ("free_gib", "room"),
    [
        (4.0, Room(for_model=True, for_gradients=True)),
        (0.0, Room(for_model=False, for_gradients=False)),
    ],
)
def test_a_device_has_room_for_what_its_free_memory_holds(free_gib: float, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = Devices(
        kind="cpu",
        name="some CPU",
        count=4,
        free_bytes=int(free_gib * GIB),
        runtime_bytes=0,
        computes_bfloat16=False,
        rate=MeasuredRate(()),
    )
    monkeypatch.setattr(memory, "devices_at_hand", lambda _: devices)
    assert room_on_device(tiny_model(), tiny_config()) == room
