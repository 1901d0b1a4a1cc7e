"""How several devices share a training: each with the whole model while it fits, else each with a part."""

from dataclasses import replace

from handspun.model.config import ModelConfig
from handspun.planner.devices import Devices
from handspun.planner.memory import Footprint
from handspun.train.config import TrainConfig


def footprint_of(model: ModelConfig, vocab_size: int, train: TrainConfig, devices: Devices) -> Footprint:
    """The training as it would be done on these devices; its `mode` is what the recipe asks for, or the memory."""
    single = Footprint(model, vocab_size, train, devices, "single")
    if devices.count == 1:
        return single
    if train.parallel != "auto":
        return replace(single, mode=train.parallel)
    whole = replace(single, mode="ddp")
    return whole if whole.has_room else replace(single, mode="fsdp")
