"""The optimizers of a run: which weights each one moves, and their state as named tensors."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

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
        self.all: list[Optimizer] = [AdamW(groups, lr=config.lr, betas=config.betas, fused=True)]
        if matrices:
            self.all.append(Muon(matrices, lr=config.matrix_lr, momentum=config.momentum, weight_decay=config.weight_decay))
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.all]
        names = {id(weight): name for name, weight in model.named_parameters()}
        self.owners: dict[str, tuple[nn.Parameter, Optimizer]] = {
            names[id(weight)]: (weight, optimizer)
            for optimizer in self.all
            for group in optimizer.param_groups
            for weight in group["params"]
        }

    def step(self, share: float) -> None:
        """Move every weight once, at `share` of the peak learning rates, and forget the gradients."""
        for optimizer, peaks in zip(self.all, self.peaks):
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = peak * share
            optimizer.step()
        self.forget()

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
            optimizer.state[weight][key] = value.to(weight.device, copy=True)
