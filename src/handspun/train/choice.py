"""Which layout a run gets: none but the plain one for one process, ddp where the model fits a device, else fsdp."""

import torch.distributed as dist

from handspun.device import Kind, device_memory, load_torch
from handspun.errors import DeviceError
from handspun.model.cost import FP32_BYTES, parameters
from handspun.model.transformer import Transformer
from handspun.processes import Processes
from handspun.train.config import TrainConfig
from handspun.train.link import measure_link
from handspun.train.parallel import Layout, Replicated, check_share
from handspun.train.sharded import Sharded


def laid_out(model: Transformer, config: TrainConfig, processes: Processes, device: Kind, *, fits: bool) -> Layout:
    """The model laid out over the processes as the recipe says, or where that leaves it open, whole where it `fits` each.

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
    is_whole = config.parallel == "ddp" or (config.parallel == "auto" and not processes.any(not fits))
    if is_whole and not is_offloaded:
        return Replicated(model, config, processes, device, link)
    free_bytes = bytes_per_process(processes, device)
    saves_exchanges = link is not None and link.is_slow and not processes.any(not has_room_for_gradients(model, free_bytes))
    return Sharded(model, config, processes, device, link, saves_exchanges=saves_exchanges)


def bytes_per_process(processes: Processes, device: Kind) -> int:
    """Free memory for each: a GPU of its own, or a part of the machine's."""
    free_bytes = device_memory(load_torch(), device).free_bytes
    return free_bytes if device == "cuda" else free_bytes // processes.n_local


def has_room_for_gradients(model: Transformer, free_bytes: int) -> bool:
    """Whether whole fp32 gradients take at most a quarter of a device: what one exchange per step costs under fsdp."""
    n_weights = sum(parameters(model.config, model.vocab_size).values())
    return 4 * FP32_BYTES * n_weights <= free_bytes
