"""The training loop: read a batch, take a step, save, measure, and start again where a crash left off."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from handspun.checkpoint import Checkpoint, newest_checkpoint, save_checkpoint
from handspun.errors import HandspunError, RunError
from handspun.model.transformer import Transformer
from handspun.retention import Retention
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batch, Batches
from handspun.train.config import TrainConfig
from handspun.train.loss import next_token_loss
from handspun.train.optim import Optimizers
from handspun.train.schedule import lr_share


@dataclass(frozen=True)
class StepReport:
    """What one optimizer step did. Losses are nats per token."""

    step: int
    train_loss: float
    lr: float
    grad_norm: float
    tok_per_s: float
    measured: Mapping[str, float] = field(default_factory=dict)


def ignore(*_: Any) -> None:
    """A listener that does not listen."""


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who hears of a run: everything a trainer tells the floors above it."""

    on_resume: Callable[[int, list[str]], None] = ignore
    """Called once with the step it goes on from, and a sentence about each damaged checkpoint it passed over."""
    on_step: Callable[[StepReport], None] = ignore
    """Called after every step."""
    on_eval: Callable[[Transformer, int], Mapping[str, float]] | None = None
    """Measures the model every eval_every steps and at the end; what it returns joins the step's report."""
    on_sample: Callable[[Transformer, int], None] = ignore
    """Called every sample_every steps and at the end."""


class StopRequest:
    """Ctrl-C or SIGTERM: finish the step, save, stop. A second one stops at once."""

    def __init__(self) -> None:
        self.is_made = False

    def make(self, _signal: int, _frame: FrameType | None) -> None:
        """Note the first request, obey the second."""
        if self.is_made:
            raise KeyboardInterrupt
        self.is_made = True

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the two signals for as long as this is entered."""
        before = {number: signal.signal(number, self.make) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Trainer:
    """Trains `model` on `batches` into `folder`, or goes on with what it finds there.

    `identity` names everything that decides the weights; a checkpoint of another identity is refused, not continued.
    """

    def __init__(
        self,
        model: Transformer,
        batches: Batches,
        config: TrainConfig,
        *,
        folder: Path,
        tokenizer: Tokenizer,
        recipe: str,
        identity: str,
        seed: int,
        device: str = "cpu",
        listeners: Listeners | None = None,
    ) -> None:
        self.model, self.batches, self.config, self.folder = model.to(device), batches, config, folder
        self.tokenizer, self.recipe, self.identity, self.seed, self.device = tokenizer, recipe, identity, seed, device
        self.listeners = listeners or Listeners()
        self.optimizers = Optimizers(model, config)
        self.retention = Retention(folder, config.keep_checkpoints, best=config.keep_best, every=config.keep_every)
        self.stop = StopRequest()
        if config.compile:
            model.compile()

    def run(self) -> Checkpoint:
        """Take every step that is left and return the last checkpoint.

        Raises KeyboardInterrupt once a stop was asked for and all is saved, RunError where the folder holds another run,
        HandspunError where the loss or the weights are no longer finite.
        """
        config, first = self.config, self.resume()
        with self.stop.heard():
            for step in range(first, config.steps):
                report = self.take_step(step)
                if self.is_due(report.step, config.eval_every):
                    report = self.measured(report)
                self.listeners.on_step(report)
                is_stopping = self.stop.is_made
                if is_stopping or self.is_due(report.step, config.save_every):
                    self.save(report.step)
                if is_stopping:
                    raise KeyboardInterrupt
                if self.is_due(report.step, config.sample_every):
                    self.observe(report.step)
        return Checkpoint(self.folder / f"{config.steps:08d}")

    def is_due(self, step: int, every: int) -> bool:
        """Whether something that happens every so many steps, and at the end, happens after `step` steps."""
        return step % every == 0 or step == self.config.steps

    def resume(self) -> int:
        """Load the newest whole checkpoint, if there is one, and return the step to go on with."""
        checkpoint, damages = newest_checkpoint(self.folder)
        if checkpoint is None:
            self.listeners.on_resume(0, damages)
            return 0
        if checkpoint.facts["identity"] != self.identity:
            raise RunError(
                f"{self.folder} holds a run of another recipe; choose another folder with --run, or delete this one."
            )
        self.model.load_state_dict(checkpoint.load_model().state_dict())
        self.optimizers.load_state(checkpoint.trainer_state)
        self.listeners.on_resume(checkpoint.step, damages)
        return checkpoint.step

    def take_step(self, step: int) -> StepReport:
        """Forward and backward over every micro-batch, then move the weights once."""
        started = time.perf_counter()
        torch.manual_seed(self.seed * 1_000_003 + step)
        batches = self.batches.micro_batches(step)
        n_counted = max(1, sum(int(batch.loss_mask.sum()) for batch in batches))
        self.model.train()
        train_loss = sum(self.backward(batch.to(self.device), n_counted) for batch in batches)
        limit = math.inf if self.config.grad_clip is None else self.config.grad_clip
        grad_norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()
        if not math.isfinite(train_loss + grad_norm):
            raise self.diverged(f"in step {step + 1} the loss is {train_loss:.4g} and the norm of its gradient {grad_norm:.4g}")
        share = lr_share(step, self.config)
        self.optimizers.step(share)
        seconds = time.perf_counter() - started
        return StepReport(step + 1, train_loss, self.config.lr * share, grad_norm, self.config.batch_tokens / seconds)

    def backward(self, batch: Batch, n_counted: int) -> float:
        """Add the gradients of one micro-batch to those of the step; its share of the loss, a mean over `n_counted` tokens."""
        loss = next_token_loss(self.model, batch.ids, batch.targets, batch.loss_mask, batch.segments) / n_counted
        loss.backward()
        return loss.item()

    def save(self, step: int) -> None:
        """Write the checkpoint of `step`, then let go of the oldest."""
        if not all(weight.isfinite().all() for weight in self.model.parameters()):
            raise self.diverged(f"step {step} has left weights that are not finite")
        save_checkpoint(
            self.folder,
            step,
            model=self.model,
            trainer_state=self.optimizers.state(),
            facts={
                "identity": self.identity,
                "seed": self.seed,
                "tokens": step * self.config.batch_tokens,
                "compute_dtype": str(self.model.compute_dtype).removeprefix("torch."),
            },
            tokenizer=self.tokenizer,
            recipe=self.recipe,
        )
        self.retention.apply()

    def measured(self, report: StepReport) -> StepReport:
        """The report with what the listeners measure on the model as it is now."""
        if self.listeners.on_eval is None:
            return report
        self.model.eval()
        with torch.inference_mode():
            measured = self.listeners.on_eval(self.model, report.step)
        return replace(report, measured=measured)

    def observe(self, step: int) -> None:
        """Let the listeners look at what the model says."""
        self.model.eval()
        with torch.inference_mode():
            self.listeners.on_sample(self.model, step)

    def diverged(self, symptom: str) -> HandspunError:
        """The error of a run whose numbers have left the representable; what was saved before stays."""
        rates = f"train.lr={self.config.lr:g}"
        if self.config.optimizer == "muon":
            rates += f" and train.matrix_lr={self.config.matrix_lr:g}"
        return HandspunError(
            f"{symptom}: training has diverged; lower {rates} (tune.lr and tune.matrix_lr where it was tuning) and run again; "
            f"the checkpoints in {self.folder} are from before."
        )
