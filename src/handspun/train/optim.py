"""The optimizers of a run: which weights each one moves, and their state as named tensors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Muon, Optimizer

from handspun.errors import CheckpointError
from handspun.model.transformer import Transformer
from handspun.train.config import TrainConfig
from handspun.train.shared_muon import SharedMuon


class Optimizers:
    """AdamW (Loshchilov 2019), and where the recipe says so Muon (Jordan 2024) for the matrices inside the blocks.

    With `offload` their state waits in the memory of the host. Then every block has optimizers of its own, so that the state of
    one block at a time is on the device.
    """

    def __init__(self, model: Transformer, config: TrainConfig) -> None:
        self.config, self.is_offloaded = config, config.offload == "optimizer"
        weights = dict(model.named_parameters())
        matrices = {id(weight) for weight in model.matrices()} if config.optimizer == "muon" else set()
        self.all: list[Optimizer] = []
        for bundle in by_block(weights) if self.is_offloaded else [list(weights.values())]:
            others = [weight for weight in bundle if id(weight) not in matrices]
            if others:
                self.all.append(self.adamw(others))
            if len(others) < len(bundle):
                self.all.append(self.muon([weight for weight in bundle if id(weight) in matrices]))
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.all]
        names = {id(weight): name for name, weight in weights.items()}
        self.owners: dict[str, tuple[nn.Parameter, Optimizer]] = {
            names[id(weight)]: (weight, optimizer)
            for optimizer in self.all
            for group in optimizer.param_groups
            for weight in group["params"]
        }

    def adamw(self, weights: list[nn.Parameter]) -> Optimizer:
        """AdamW; only what has two dimensions decays."""
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim == 1], "weight_decay": 0.0},
        ]
        return AdamW(groups, lr=self.config.lr, betas=self.config.betas, fused=True)

    def muon(self, matrices: list[nn.Parameter]) -> Optimizer:
        """Muon, the work shared where the matrices are spread over processes."""
        kind = SharedMuon if isinstance(matrices[0], DTensor) else Muon
        config = self.config
        return kind(matrices, lr=config.matrix_lr, momentum=config.momentum, weight_decay=config.weight_decay)

    def step(self, share: float) -> None:
        """Move every weight once, at `share` of the peak learning rates, and forget the gradients."""
        for optimizer, peaks in zip(self.all, self.peaks):
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = peak * share
            with self.state_at_hand(optimizer):
                optimizer.step()
        self.forget()

    @contextmanager
    def state_at_hand(self, optimizer: Optimizer) -> Iterator[None]:
        """The state of one optimizer beside its weights for as long as this is entered, and then where it waits."""
        if self.is_offloaded:
            self.move_state(optimizer, to_host=False)
        yield
        if self.is_offloaded:
            self.move_state(optimizer, to_host=True)

    def move_state(self, optimizer: Optimizer, *, to_host: bool) -> None:
        """Carry the state of one optimizer to the host, or to its weights."""
        for weight, tensors in optimizer.state.items():
            place = torch.device("cpu") if to_host else weight.device
            tensors.update({name: tensor.to(place) for name, tensor in tensors.items()})

    def forget(self) -> None:
        """Drop the gradients, and with them the step."""
        for optimizer in self.all:
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Every state tensor under "weight name/state name"."""
        return {
            f"{name}/{key}": value
            for name, (weight, optimizer) in self.owners.items()
            for key, value in optimizer.state.get(weight, {}).items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave. Raises CheckpointError where the tensors are those of other weights."""
        for optimizer in self.all:
            optimizer.state.clear()
        for name, value in tensors.items():
            weight_name, _, key = name.rpartition("/")
            if weight_name not in self.owners:
                raise CheckpointError(
                    f"the optimizer state holds {weight_name}, which this model has not; start a new run with --run."
                )
            weight, optimizer = self.owners[weight_name]
            optimizer.state[weight][key] = value.to("cpu" if self.is_offloaded else weight.device, copy=True)


def by_block(weights: Mapping[str, nn.Parameter]) -> list[list[nn.Parameter]]:
    """The weights of each block together, and every other weight by itself."""
    bundles: dict[str, list[nn.Parameter]] = {}
    for name, weight in weights.items():
        block = ".".join(name.split(".")[:2]) if name.startswith("blocks.") else name
        bundles.setdefault(block, []).append(weight)
    return list(bundles.values())
