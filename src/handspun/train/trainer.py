"""The training loop: read a batch, take a step, save, measure, and start again where a crash left off."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from handspun.checkpoint import Checkpoint, keep_newest, newest_checkpoint, save_checkpoint
from handspun.errors import RunError
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches
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
        self.stop = StopRequest()
        if config.compile:
            model.compile()

    def run(self) -> Checkpoint:
        """Take every step that is left and return the last checkpoint.

        Raises KeyboardInterrupt once a stop was asked for and all is saved, RunError where the folder holds another run.
        """
        first = self.resume()
        with self.stop.heard():
            for step in range(first, self.config.steps):
                report = self.take_step(step)
                done = step + 1
                is_last = done == self.config.steps
                if is_last or self.stop.is_made or done % self.config.save_every == 0:
                    self.save(done)
                if self.listeners.on_eval is not None and (is_last or done % self.config.eval_every == 0):
                    report = self.measured(report)
                self.listeners.on_step(report)
                if is_last or done % self.config.sample_every == 0:
                    self.observe(done)
                if self.stop.is_made and not is_last:
                    raise KeyboardInterrupt
        return Checkpoint(self.folder / f"{self.config.steps:08d}")

    def resume(self) -> int:
        """Load the newest whole checkpoint, if there is one, and return the step to go on with."""
        checkpoint, damages = newest_checkpoint(self.folder)
        if checkpoint is None:
            self.listeners.on_resume(0, damages)
            return 0
        if checkpoint.facts["identity"] != self.identity:
            raise RunError(f"{self.folder} holds a run of another recipe; choose another folder with --run, or delete this one.")
        self.model.load_state_dict(checkpoint.load_model().state_dict())
        self.optimizers.load_state(checkpoint.load_trainer_state())
        self.listeners.on_resume(checkpoint.step, damages)
        return checkpoint.step

    def take_step(self, step: int) -> StepReport:
        """Forward and backward over every micro-batch, then move the weights once."""
        started = time.perf_counter()
        torch.manual_seed(self.seed * 1_000_003 + step)
        batches = [batch.to(self.device) for batch in self.batches.micro_batches(step)]
        n_counted = sum(int(batch.loss_mask.sum()) for batch in batches)
        total = 0.0
        self.model.train()
        for batch in batches:
            loss = next_token_loss(self.model, batch.ids, batch.targets, batch.loss_mask, batch.segments) / max(n_counted, 1)
            loss.backward()
            total += loss.item()
        limit = self.config.grad_clip or float("inf")
        grad_norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()
        share = lr_share(step, self.config)
        self.optimizers.step(share)
        seconds = time.perf_counter() - started
        return StepReport(step + 1, total, self.config.lr * share, grad_norm, self.config.batch_tokens / seconds)

    def save(self, step: int) -> None:
        """Write the checkpoint of `step`, then let go of the oldest."""
        save_checkpoint(
            self.folder,
            step,
            model=self.model,
            trainer_state=self.optimizers.state(),
            facts={"identity": self.identity, "seed": self.seed, "tokens": step * self.config.batch_tokens},
            tokenizer=self.tokenizer,
            recipe=self.recipe,
        )
        keep_newest(self.folder, self.config.keep_checkpoints)

    def measured(self, report: StepReport) -> StepReport:
        """The report with what the listeners measure on the model as it is now."""
        assert self.listeners.on_eval is not None
        self.model.eval()
        with torch.inference_mode():
            measured = self.listeners.on_eval(self.model, report.step)
        return StepReport(report.step, report.train_loss, report.lr, report.grad_norm, report.tok_per_s, measured)

    def observe(self, step: int) -> None:
        """Let the listeners look at what the model says."""
        self.model.eval()
        with torch.inference_mode():
            self.listeners.on_sample(self.model, step)
