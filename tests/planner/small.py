"""Devices and trainings to plan with: no machine is asked."""

from typing import Any

from handspun.model.config import ModelConfig
from handspun.planner.devices import GIB, Devices
from handspun.planner.memory import Footprint, Mode
from handspun.planner.rate import AssumedRate, MeasuredRate, Speed
from handspun.train.config import TrainConfig

VOCABULARY = 8192


def processor(gib: float = 16, **changes: Any) -> Devices:
    """A CPU with so much free memory."""
    given = {
        "kind": "cpu",
        "name": "processor",
        "free_bytes": int(gib * GIB),
        "runtime_bytes": 350 << 20,
        "computes_bfloat16": True,
        "rate": MeasuredRate((Speed(1e8, 1e11),)),
    }
    return Devices(**{**given, **changes})


def cards(count: int = 1, gib: float = 24) -> Devices:
    """GPUs with so much free memory."""
    return Devices(
        kind="cuda",
        name="card",
        count=count,
        free_bytes=int(gib * GIB),
        runtime_bytes=600 << 20,
        computes_bfloat16=True,
        rate=AssumedRate("card", 1e14),
    )


def training(**changes: Any) -> TrainConfig:
    """Sixteen sequences of 512 a forward, four forwards a step."""
    return TrainConfig(**{"micro_batch": 16, "batch_tokens": 64 * 512, "optimizer": "adamw", **changes})


def footprint(devices: Devices | None = None, mode: Mode = "single", d_model: int = 512, **changes: Any) -> Footprint:
    """A model of eight layers in training."""
    model = ModelConfig(d_model=d_model, n_layers=8, n_heads=8)
    return Footprint(model, VOCABULARY, training(**changes), devices or processor(), mode)
