"""Which layout a run gets: none but the plain one for one process, ddp where the model fits a device, else fsdp."""

from dataclasses import dataclass

import torch.distributed as dist

from handspun.device import Kind
from handspun.errors import DeviceError
from handspun.model.transformer import Transformer
from handspun.processes import Processes
from handspun.train.config import TrainConfig
from handspun.train.link import measure_link
from handspun.train.parallel import Layout, Replicated, check_share
from handspun.train.sharded import Sharded


@dataclass(frozen=True)
class Room:
    """What the memory of this process's device has room for."""

    for_model: bool = True
    """The whole model in training."""
    for_gradients: bool = True
    """Beside a part of the model, the gradients of all of it: what one exchange per step takes."""


def laid_out(model: Transformer, config: TrainConfig, processes: Processes, device: Kind, room: Room) -> Layout:
    """The model laid out over the processes as the recipe says, or where that leaves it open, whole where each has room.

    Raises SettingsError, DeviceError.
    """
    check_share(config, processes.n)
    is_offloaded = config.offload == "all" and device == "cuda"
    if processes.n == 1 and not is_offloaded:
        return Replicated(model, config, processes, device, None)
    if device == "mps":
        raise DeviceError("several processes cannot share the GPU of a Mac; start one, without torchrun.")
    if not dist.is_initialized():
        alone = dist.HashStore()  # pyright: ignore[reportPrivateImportUsage]
        dist.init_process_group("cpu:gloo,cuda:nccl", store=alone, rank=0, world_size=1)
    link = measure_link(processes, device) if processes.n > 1 else None
    is_whole = config.parallel == "ddp" or (config.parallel == "auto" and not processes.any(not room.for_model))
    if is_whole and not is_offloaded:
        return Replicated(model, config, processes, device, link)
    saves_exchanges = link is not None and link.is_slow and not processes.any(not room.for_gradients)
    return Sharded(model, config, processes, device, link, saves_exchanges=saves_exchanges)
