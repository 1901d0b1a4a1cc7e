"""How the processes of a run share its work: each with the whole model, or each with a part of it.

Every process computes its share of a step's rows. What is summed over all of them is the same at any number of processes: the
gradient, the loss per counted token and the norm of the gradient, so each takes the same decisions.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from handspun.checkpoint import Checkpoint, save_checkpoint
from handspun.errors import SettingsError
from handspun.model.transformer import Transformer
from handspun.processes import Processes
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batch
from handspun.train.config import TrainConfig
from handspun.train.link import Link
from handspun.train.objective import Objective
from handspun.train.optim import Optimizers
from handspun.train.recompute import recompute


@dataclass(frozen=True)
class Saving:
    """What goes into a checkpoint beside the tensors, and where it goes."""

    checkpoints: Path
    facts: Mapping[str, Any]
    tokenizer: Tokenizer
    recipe: str
    on_saved: Callable[[], None]
    """Called in the first process when the checkpoint is whole."""


class Layout(ABC):
    """Where the model lies, and how the gradients of all processes come together."""

    model: Transformer
    objective: nn.Module
    """Called with a batch it returns the summed loss of its positions."""
    processes: Processes
    description: str = ""
    """How the work is shared and why, in one sentence; empty where there is nobody to share it with."""

    def backward(self, batch: Batch, n_counted: int, *, is_last: bool) -> float:
        """Add the gradients of one micro-batch to those of the step; its share of the loss, a mean over `n_counted` positions.

        Gradients are averaged over the processes, so each brings them n-fold. After the last micro-batch they are exchanged.
        """
        with self.exchanging(is_last):
            loss = self.objective(batch) / n_counted
            loss.backward(torch.full_like(loss, self.processes.n))
        return loss.item()

    @abstractmethod
    def exchanging(self, is_last: bool) -> AbstractContextManager[Any]:
        """Decides whether a backward pass inside brings the gradients of all processes together."""

    @abstractmethod
    def clip(self, limit: float) -> float:
        """Scale the whole gradient down to a norm of `limit`; the norm it had."""

    @abstractmethod
    def has_finite_weights(self) -> bool:
        """Whether every weight is a number, in every process."""

    @abstractmethod
    def whole_model(self) -> AbstractContextManager[Transformer | None]:
        """The model to measure, in the first process. All must enter."""

    @abstractmethod
    def save(self, step: int, state: Mapping[str, Tensor], saving: Saving) -> None:
        """Write the checkpoint of `step`; it need not be whole when this returns."""

    @abstractmethod
    def fill(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take over whole weights by name, one after the other; each process keeps what is its own."""

    @abstractmethod
    def load(self, checkpoint: Checkpoint, optimizers: Optimizers) -> None:
        """Take over the weights and the optimizers' state."""

    @abstractmethod
    def settle(self) -> None:
        """Return when everything that was saved is whole. Raises what went wrong."""

    @abstractmethod
    def finish(self, last: Checkpoint) -> None:
        """Settle, and leave the last checkpoint of the run as one that needs no other process to be read."""


class Replicated(Layout):
    """Every process has the whole model; their gradients are summed once per step. With one process nothing is added."""

    def __init__(self, model: Transformer, config: TrainConfig, processes: Processes, device: str, link: Link | None) -> None:
        is_empty = any(weight.is_meta for weight in model.parameters())
        self.model, self.processes = model.to_empty(device=device) if is_empty else model.to(device), processes
        recompute(model, config.activation_checkpointing)
        if config.compile:
            model.compile()
        self.objective = Objective(model)
        if processes.n > 1:
            # While bags are read, a copy head is not used, and gets no gradient.
            may_rest = config.superposition is not None and model.copy_head is not None
            self.objective = DistributedDataParallel(
                self.objective, gradient_as_bucket_view=True, find_unused_parameters=may_rest
            )
        gib = sum(weight.nbytes for weight in model.parameters()) / 2**30
        if processes.n > 1:
            self.description = (
                f"{processes.n} processes, each with the whole model (ddp): {gib:,.2f} GiB of gradients are exchanged once per "
                f"step; {link}"
            )

    def exchanging(self, is_last: bool) -> AbstractContextManager[Any]:
        if is_last or not isinstance(self.objective, DistributedDataParallel):
            return nullcontext()
        return self.objective.no_sync()

    def clip(self, limit: float) -> float:
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()

    def has_finite_weights(self) -> bool:
        return not self.processes.any(not all(bool(weight.isfinite().all()) for weight in self.model.parameters()))

    @contextmanager
    def whole_model(self) -> Iterator[Transformer | None]:
        yield self.model if self.processes.is_first else None

    def save(self, step: int, state: Mapping[str, Tensor], saving: Saving) -> None:
        if self.processes.is_first:
            save_checkpoint(
                saving.checkpoints,
                step,
                model=self.model,
                trainer_state=state,
                facts=saving.facts,
                tokenizer=saving.tokenizer,
                recipe=saving.recipe,
            )
            saving.on_saved()

    @torch.no_grad()
    def fill(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        for name, value in weights:
            self.model.get_parameter(name).copy_(value)

    def load(self, checkpoint: Checkpoint, optimizers: Optimizers) -> None:
        self.model.load_state_dict(checkpoint.load_model().state_dict())
        optimizers.load_state(checkpoint.trainer_state)

    def settle(self) -> None:
        """Nothing is pending: whoever saves has saved when `save` returns."""

    def finish(self, last: Checkpoint) -> None:  # noqa: ARG002
        self.processes.told()


def check_share(config: TrainConfig, n: int) -> None:
    """Raise SettingsError unless the rows of a step can be dealt out in whole micro-batches."""
    unit = config.seq_len * config.micro_batch * n
    if config.batch_tokens % unit:
        nearest = max(1, round(config.batch_tokens / unit)) * unit
        rows = config.batch_rows // n
        smaller = next((size for size in range(min(config.micro_batch, rows), 0, -1) if rows % size == 0), None)
        remedy = f"train.micro_batch={smaller}" if smaller and config.batch_rows % n == 0 else f"train.batch_tokens={nearest}"
        raise SettingsError(
            f"train.batch_tokens={config.batch_tokens}: not a multiple of seq_len × micro_batch × {n} processes = {unit}; "
            f"{remedy} would do."
        )
