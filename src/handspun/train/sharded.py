"""Every process with a part of the model: FSDP2 (fully_shard), for models that one device cannot train alone.

Each holds some rows of every weight in fp32, with their gradients and optimizer state. A block's weights are gathered in the
compute dtype when its turn comes and let go of after it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor

from handspun.checkpoint import Checkpoint
from handspun.consolidate import consolidate
from handspun.errors import CheckpointError
from handspun.model.transformer import Transformer
from handspun.model.unfilled import unfilled
from handspun.pieces import Pieces
from handspun.processes import Processes, rows_of
from handspun.train.config import TrainConfig
from handspun.train.link import Link
from handspun.train.objective import Objective
from handspun.train.optim import Optimizers
from handspun.train.parallel import Layout, Saving
from handspun.train.recompute import recompute
from handspun.train.sharded_saver import ShardedSaver


class Sharded(Layout):
    """Every process has some rows of every weight.

    Gradients are brought together after every micro-batch, which keeps them in parts; with `saves_exchanges` once per step, for
    which each process holds whole ones.
    """

    def __init__(
        self,
        model: Transformer,
        config: TrainConfig,
        processes: Processes,
        device: str,
        link: Link | None,
        *,
        saves_exchanges: bool,
    ) -> None:
        self.model, self.processes, self.device, self.saves_exchanges = model, processes, device, saves_exchanges
        recompute(model, config.activation_checkpointing)
        if config.compile:
            for block in model.blocks:
                block.compile()
        self.objective = Objective(model)
        self.root = shard(self.objective, config, device)
        if any(weight.is_meta for weight in model.parameters()):
            self.objective.to_empty(device="cpu" if config.offload == "all" else device)
        self.saver = ShardedSaver(processes)
        exchange = "are exchanged once per step to spare it" if saves_exchanges else "are exchanged after each forward"
        self.description = (
            f"{processes.n} processes, each with a part of the model (fsdp): weights are gathered block by block, gradients "
            f"{exchange}; {link}"
        )

    def exchanging(self, is_last: bool) -> AbstractContextManager[Any]:
        self.root.set_requires_gradient_sync(is_last or not self.saves_exchanges)
        return nullcontext()

    def clip(self, limit: float) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        return (norm.full_tensor() if isinstance(norm, DTensor) else norm).item()

    def has_finite_weights(self) -> bool:
        parts = (own_rows(weight) for weight in self.model.parameters())
        return not self.processes.any(not all(bool(part.isfinite().all()) for part in parts))

    @contextmanager
    def whole_model(self) -> Iterator[Transformer | None]:
        """A copy in the compute dtype, in the first process alone, so that only it need know how long measuring takes."""
        gathered = {}
        for name, weight in self.model.named_parameters():
            whole = weight.detach().to(self.model.compute_dtype).full_tensor()  # type: ignore[attr-defined]
            if self.processes.is_first:
                gathered[name] = whole.to(self.device)
        if not self.processes.is_first:
            yield None
            return
        with unfilled():
            copy = Transformer(self.model.config, self.model.vocab_size, compute_dtype=self.model.compute_dtype)
        copy.load_state_dict(gathered, assign=True)
        yield copy

    def save(self, step: int, state: Mapping[str, Tensor], saving: Saving) -> None:
        self.saver.begin(step, self.model, state, saving)

    @torch.no_grad()
    def fill(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        for name, value in weights:
            own = rows_of(len(value), self.processes.rank, self.processes.n)
            own_rows(self.model.get_parameter(name)).copy_(value[own.start : own.stop])

    def load(self, checkpoint: Checkpoint, optimizers: Optimizers) -> None:
        self.settle()
        weights = dict(self.model.named_parameters())
        part = OwnRows(checkpoint.weights, weights, self.processes)
        if set(part) != set(weights):
            raise CheckpointError(f"{checkpoint.folder} holds the weights of another model; start a new run with --run.")
        with torch.no_grad():
            for name, weight in weights.items():
                own_rows(weight).copy_(own_rows(part[name]))
        optimizers.load_state(OwnRows(checkpoint.trainer_state, weights, self.processes))

    def settle(self) -> None:
        self.saver.settle()

    def finish(self, last: Checkpoint) -> None:
        self.saver.close()
        if self.processes.is_first:
            consolidate(last)
        self.processes.told()


def shard(objective: Objective, config: TrainConfig, device: str) -> FSDPModule:
    """Spread the weights over the processes: each block as one, and what is around them as one."""
    model = objective.model
    is_narrow = model.compute_dtype != torch.float32
    policy = MixedPrecisionPolicy(param_dtype=model.compute_dtype if is_narrow else None, reduce_dtype=torch.float32)
    offload = CPUOffloadPolicy() if config.offload == "all" and device == "cuda" else OffloadPolicy()
    mesh = init_device_mesh(device, (dist.get_world_size(),))
    for block in model.blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy, offload_policy=offload)
    return fully_shard(objective, mesh=mesh, mp_policy=policy, offload_policy=offload)


def own_rows(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies in this process."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


class OwnRows(Mapping[str, Tensor]):
    """The tensors of a checkpoint as this process holds them, whatever number of processes wrote it. Nothing else is read."""

    def __init__(self, pieces: Pieces, weights: Mapping[str, Tensor], processes: Processes) -> None:
        self.pieces, self.weights, self.processes = pieces, weights, processes

    def __iter__(self) -> Iterator[str]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, name: str) -> Tensor:
        weight = self.weights.get(name.partition("/")[0])
        shape = self.pieces.shape(name)
        if not shape or not isinstance(weight, DTensor):
            return self.pieces[name]
        if shape != weight.shape:
            raise CheckpointError(f"the checkpoint holds {name} of shape {list(shape)}, not {list(weight.shape)}.")
        own = rows_of(shape[0], self.processes.rank, self.processes.n)
        rows = self.pieces.rows(name, own.start, own.stop)
        place = weight.to_local().device
        return DTensor.from_local(
            rows.to(place), weight.device_mesh, weight.placements, run_check=False, shape=weight.shape, stride=weight.stride()
        )
