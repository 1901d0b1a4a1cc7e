"""What to change in a training that does not fit: of all that would fit, what costs the least time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from handspun.planner.duration import hours, slowness
from handspun.planner.memory import Footprint, Mode
from handspun.settings import toml_text
from handspun.train.config import TrainConfig

CHECKPOINTING = ("none", "selective", "full")
OFFLOAD = ("none", "optimizer", "all")


@dataclass(frozen=True)
class Remedy:
    """Keys of [train] to set."""

    changes: Mapping[str, Any]
    hours: float | None = None
    """Of training steps then; None where the rate is not known."""

    @property
    def overrides(self) -> str:
        """As they are typed behind a recipe."""
        return " ".join(f"train.{key}={toml_text(value).strip(chr(34))}" for key, value in self.changes.items())


def memory_remedy(footprint: Footprint) -> Remedy | None:
    """The change that makes it fit at the least loss of time, and among equals with the fewest keys; None where none does."""
    fitting = [
        (slowness(candidate), len(changes), Remedy(changes, hours(candidate)))
        for changes, candidate in candidates(footprint)
        if candidate.fits
    ]
    return min(fitting, key=lambda found: found[:2])[2] if fitting else None


def candidates(footprint: Footprint) -> Iterator[tuple[dict[str, Any], Footprint]]:
    """Every mixture of smaller forwards, recomputed activations, shared weights and offloading, and what it would take."""
    train = shareable(footprint.train, footprint.devices.count)
    for micro_batch, checkpointing, mode, offload in product(
        smaller_micro_batches(train, footprint.train.micro_batch, footprint.devices.count),
        CHECKPOINTING[CHECKPOINTING.index(train.activation_checkpointing) :],
        more_shared_modes(footprint),
        OFFLOAD[OFFLOAD.index(train.offload) :] if footprint.devices.is_offload_useful else (train.offload,),
    ):
        settings: dict[str, Any] = {"batch_tokens": train.batch_tokens, "micro_batch": micro_batch}
        settings |= {"activation_checkpointing": checkpointing, "offload": offload}
        if mode != footprint.mode:
            settings["parallel"] = mode
        changes = {key: value for key, value in settings.items() if value != getattr(footprint.train, key)}
        yield changes, replace(footprint, train=replace(train, **changes), mode=mode)


def shareable(train: TrainConfig, n_devices: int) -> TrainConfig:
    """The same with steps of so many sequences that every device can have as many: fewer, unless each would have none."""
    if train.batch_rows % n_devices == 0:
        return train
    rows = max(1, train.batch_rows // n_devices) * n_devices
    return replace(train, batch_tokens=rows * train.seq_len, micro_batch=1)


def smaller_micro_batches(train: TrainConfig, largest: int, n_devices: int) -> list[int]:
    """The sizes up to the present one in which the devices can share a step evenly, largest first."""
    sizes = range(min(largest, train.batch_rows // n_devices), 0, -1)
    return [size for size in sizes if train.batch_rows % (size * n_devices) == 0]


def more_shared_modes(footprint: Footprint) -> tuple[Mode, ...]:
    """The present mode, and FSDP where there are devices to share with."""
    return (footprint.mode, "fsdp") if footprint.devices.count > 1 and footprint.mode != "fsdp" else (footprint.mode,)
