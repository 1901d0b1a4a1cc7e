"""Muon for matrices whose rows are spread over processes: each makes some of them orthogonal, and none makes all.

A matrix has to be whole for that. So of every n matrices each process gets the rows of one from the others, does for it what
torch.optim.Muon does, and sends the rows back.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Muon, Optimizer

from handspun.processes import rows_of


class SharedMuon(Optimizer):
    """torch.optim.Muon, step for step, on weights that fully_shard has spread."""

    def __init__(self, weights: Iterable[nn.Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient, as many at a time as there are processes, the largest first."""
        assert closure is None
        n = dist.get_world_size()
        for group in self.param_groups:
            weights = sorted(
                (weight for weight in group["params"] if weight.grad is not None), key=lambda weight: -weight.numel()
            )
            for start in range(0, len(weights), n):
                self.move(weights[start : start + n], group)

    def move(self, weights: list[DTensor], group: dict[str, Any]) -> None:
        """Move at most n weights together."""
        averaged = [self.averaged(weight, group["momentum"]) for weight in weights]
        directions = orthogonal_rows(averaged, [tuple(weight.shape) for weight in weights])
        for weight, direction in zip(weights, directions):
            rows = weight.to_local()
            rows.mul_(1 - group["lr"] * group["weight_decay"])
            rows.add_(direction.to(rows.device), alpha=-group["lr"])

    def averaged(self, weight: DTensor, momentum: float) -> Float[Tensor, "R F"]:
        """This process's rows of the gradient, averaged over time (Nesterov's way), on the device that computes."""
        assert isinstance(weight.grad, DTensor)
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        gradient, average = weight.grad.to_local(), state["momentum_buffer"].to_local()
        average.lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum).to(weight.device_mesh.device_type)


def orthogonal_rows(parts: list[Tensor], shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Of each matrix this process's rows, made orthogonal together with the rows of the others."""
    rank, n = dist.get_rank(), dist.get_world_size()
    sent = [part.numel() for part in parts] + [0] * (n - len(parts))
    n_rows, n_columns = shapes[rank] if rank < len(shapes) else (0, 0)
    received = [len(rows_of(n_rows, other, n)) * n_columns for other in range(n)]
    whole = torch.cat([part.flatten() for part in parts]).new_empty(sum(received))
    dist.all_to_all_single(whole, torch.cat([part.flatten() for part in parts]), received, sent)
    if n_rows:
        whole = orthogonal(whole.view(n_rows, n_columns)).flatten()
    back = whole.new_empty(sum(sent))
    dist.all_to_all_single(back, whole, sent, received)
    return [rows.view_as(part) for rows, part in zip(back.split(sent), parts)]


def orthogonal(update: Float[Tensor, "D F"]) -> Float[Tensor, "D F"]:
    """What torch's Muon moves a weight by at a learning rate of one: a step of its own from zero, without memory."""
    weight = nn.Parameter(torch.zeros_like(update))
    weight.grad = update
    Muon([weight], lr=1.0, momentum=0.0, weight_decay=0.0, nesterov=False).step()
    return -weight.detach()
