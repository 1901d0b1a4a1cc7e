"""How fast a device trains: as it was measured on this machine, or as it is assumed of one that is only named."""

import math
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handspun import machine
from handspun.errors import DamagedFileError
from handspun.files import read_json, write_json
from handspun.settings import build, to_tree

Kind = Literal["cuda", "mps", "cpu"]

ASSUMED_SHARE = 0.4
"""Share of its peak that a device is assumed to reach in training (its MFU); 33 to 52 % are published for good trainers."""


@dataclass(frozen=True)
class Speed:
    """What was measured of one shape: training FLOPs per token, and how many of them are done per second."""

    flops_per_token: float
    flops_per_s: float


@dataclass(frozen=True)
class MeasuredRate:
    """What training steps of some shapes reached here; none where nothing was measured yet."""

    speeds: tuple[Speed, ...]

    def flops_per_s(self, flops_per_token: float) -> float | None:
        """Training FLOPs per second of a shape of so many FLOPs per token."""
        return speed_at(flops_per_token, self.speeds) if self.speeds else None

    @property
    def basis(self) -> str:
        """Where the number comes from, as a sentence says it."""
        return "as measured on this machine" if self.speeds else "unknown: `--here` measures this machine"


@dataclass(frozen=True)
class AssumedRate:
    """The same share of its peak for every shape."""

    name: str
    peak_flops_per_s: float

    def flops_per_s(self, flops_per_token: float) -> float | None:  # noqa: ARG002
        """Training FLOPs per second."""
        return ASSUMED_SHARE * self.peak_flops_per_s

    @property
    def basis(self) -> str:
        """Where the number comes from, as a sentence says it."""
        return f"assuming {ASSUMED_SHARE:.0%} of the {self.peak_flops_per_s / 1e12:g} bf16 TFLOP/s of {self.name}"


Rate = MeasuredRate | AssumedRate


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured of this machine, as it is kept between runs."""

    machine: str
    """What it was measured on; of another machine it says nothing."""
    kind: Kind
    name: str
    count: int
    free_bytes: int
    runtime_bytes: int
    computes_bfloat16: bool
    speeds: tuple[Speed, ...]


def speed_at(flops: float, speeds: Sequence[Speed]) -> float:
    """FLOPs per second for a shape of so many FLOPs per token; between measured shapes straight lines on logarithmic axes."""
    known = sorted(speeds, key=lambda speed: speed.flops_per_token)
    place = bisect_left([speed.flops_per_token for speed in known], flops)
    if place in (0, len(known)):
        return known[min(place, len(known) - 1)].flops_per_s
    low, high = known[place - 1], known[place]
    share = math.log(flops / low.flops_per_token) / math.log(high.flops_per_token / low.flops_per_token)
    return low.flops_per_s ** (1 - share) * high.flops_per_s**share


def measurement_path() -> Path:
    """Where the measurement of this machine is kept: in the user's cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "handspun" / "machine.json"


def this_machine() -> str:
    """What must be the same for a measurement to count."""
    return f"{machine.n_usable_cores()} cores of {machine.cpu_name()}"


def measured_here() -> Measurement | None:
    """What was measured of this machine; None where nothing was, or of another one."""
    path = measurement_path()
    try:
        measured = build(Measurement, read_json(path)) if path.is_file() else None
    except DamagedFileError:
        return None
    return measured if measured and measured.machine == this_machine() else None


def keep_measurement(measured: Measurement) -> None:
    """Remember it for the plans to come."""
    write_json(measurement_path(), to_tree(measured))
