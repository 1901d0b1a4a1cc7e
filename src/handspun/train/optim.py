"""The optimizers of a run: which weights each one moves, and their state as named tensors."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from handspun.errors import CheckpointError
from handspun.model.transformer import Transformer
from handspun.train.config import TrainConfig


class Optimizers:
    """AdamW (Loshchilov 2019), and where the recipe says so Muon (Jordan 2024) for the matrices inside the blocks."""

    def __init__(self, model: Transformer, config: TrainConfig) -> None:
        matrices = list(model.matrices()) if config.optimizer == "muon" else []
        taken = {id(weight) for weight in matrices}
        others = [weight for weight in model.parameters() if id(weight) not in taken]
        groups = [
            {"params": [weight for weight in others if weight.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [weight for weight in others if weight.ndim == 1], "weight_decay": 0.0},
        ]
        self.all: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)]
        if matrices:
            self.all.append(
                torch.optim.Muon(matrices, lr=config.matrix_lr, momentum=config.momentum, weight_decay=config.weight_decay)
            )
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.all]
        self.names = {id(weight): name for name, weight in model.named_parameters()}

    def step(self, share: float) -> None:
        """Move every weight once, at `share` of the peak learning rates, and forget the gradients."""
        for optimizer, peaks in zip(self.all, self.peaks):
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = peak * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Every state tensor under "weight name/state name"."""
        return {
            f"{self.names[id(weight)]}/{key}": torch.as_tensor(value)
            for weight, state in self.weights_with_state()
            for key, value in state.items()
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state` gave. Raises CheckpointError where the tensors are those of other weights."""
        known = {self.names[id(weight)] for weight in self.weights()}
        for name, value in tensors.items():
            weight_name, _, key = name.rpartition("/")
            if weight_name not in known:
                raise CheckpointError(f"the optimizer state holds {weight_name}, which this model has not; start a new run with --run.")
        for optimizer in self.all:
            for group in optimizer.param_groups:
                for weight in group["params"]:
                    prefix = self.names[id(weight)] + "/"
                    optimizer.state[weight] = {
                        name.removeprefix(prefix): value.clone() for name, value in tensors.items() if name.startswith(prefix)
                    }

    def weights(self) -> Iterator[nn.Parameter]:
        """Every weight that is moved."""
        for optimizer in self.all:
            for group in optimizer.param_groups:
                yield from group["params"]

    def weights_with_state(self) -> Iterator[tuple[nn.Parameter, dict[str, Tensor]]]:
        """Every weight that has been moved at least once, with its state."""
        for optimizer in self.all:
            yield from optimizer.state.items()  # type: ignore[misc]
