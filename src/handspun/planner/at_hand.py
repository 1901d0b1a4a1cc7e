"""What this process computes on, right now, and its like in the other processes that torchrun has started."""

import os

from handspun import machine
from handspun.device import Device
from handspun.planner.devices import CPU_RUNTIME_BYTES, Devices
from handspun.planner.rate import MeasuredRate, measured_here


def devices_at_hand(device: Device) -> Devices:
    """The devices of this run. What the program itself takes is mostly taken already, and no longer among what is free."""
    n_local, n_devices = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    measured = measured_here()
    return Devices(
        kind=device.kind,
        name=device.name,
        count=n_devices,
        free_bytes=device.free_bytes if device.kind == "cuda" else device.free_bytes // n_local,
        runtime_bytes=max(0, CPU_RUNTIME_BYTES - machine.resident_bytes()) if device.kind == "cpu" else 0,
        computes_bfloat16=device.compute_dtype == "bfloat16",
        rate=MeasuredRate(measured.speeds if measured else ()),
    )
