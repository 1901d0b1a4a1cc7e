"""The training loop: read a batch, take a step, save, measure; go on where a crash left off, and back where steps go wrong."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from handspun.checkpoint import Checkpoint, keep_newest, newest_checkpoint, save_checkpoint
from handspun.errors import HandspunError, RunError
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batch, Batches
from handspun.train.config import TrainConfig
from handspun.train.guard import Guard
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
    fault: str | None = None
    """Why the weights were left as they were; None of a step that has moved them."""


def ignore(*_: Any) -> None:
    """A listener that does not listen."""


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who hears of a run: everything a trainer tells the floors above it."""

    on_resume: Callable[[int, list[str]], None] = ignore
    """Called with the step a run goes on from, and a sentence about everything that did not go as planned before."""
    on_step: Callable[[StepReport], None] = ignore
    """Called after every step."""
    on_eval: Callable[[Transformer, int], Any] = ignore
    """Called every eval_every steps and at the end, when the step is saved if it is to be; again where a run resumes there."""
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
        self.guard = Guard(config.guard)
        self.stop = StopRequest()
        if config.compile:
            model.compile()

    def run(self) -> Checkpoint:
        """Take every step that is left and return the last checkpoint.

        Raises KeyboardInterrupt once a stop was asked for and all is saved, RunError where the folder holds another run,
        HandspunError where the run is spoilt again and again.
        """
        step = self.resume()
        with self.stop.heard():
            while step < self.config.steps:
                report = self.take_step(step)
                self.listeners.on_step(report)
                step, is_stopping = report.step, self.stop.is_made
                is_saved = is_stopping or (self.is_due(step, self.config.save_every) and self.may_save(step))
                if is_saved and not self.has_finite_weights():
                    step = self.go_back(replace(report, fault="the weights are no longer finite"))
                    continue
                if self.guard.has_lost_patience:
                    step = self.go_back(report)
                    continue
                if is_saved:
                    self.save(step)
                if is_stopping:
                    raise KeyboardInterrupt
                self.look(step)
        return Checkpoint(self.folder / f"{self.config.steps:08d}")

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
        self.load(checkpoint)
        self.guard.load_state(checkpoint.facts["guard"])
        self.listeners.on_resume(checkpoint.step, damages)
        self.look(checkpoint.step)
        return checkpoint.step

    def load(self, checkpoint: Checkpoint) -> None:
        """Take over the weights and the optimizers' state."""
        self.model.load_state_dict(checkpoint.load_model().state_dict())
        self.optimizers.load_state(checkpoint.load_trainer_state())

    def go_back(self, report: StepReport) -> int:
        """Load the last checkpoint, pass over the data read since, and return the step to go on with.

        Raises HandspunError where there is none, or where that was done too often.
        """
        checkpoint, damages = newest_checkpoint(self.folder)
        if checkpoint is None or self.guard.n_rollbacks == self.config.guard.max_rollbacks:
            raise self.diverged(f"in step {report.step:,} {report.fault}")
        self.load(checkpoint)
        self.guard.go_back(checkpoint.facts["guard"], report.step - checkpoint.step)
        told = f"in step {report.step:,} {report.fault}: back to step {checkpoint.step:,}, its data since is passed over"
        self.listeners.on_resume(checkpoint.step, [*damages, told])
        return checkpoint.step

    def take_step(self, step: int) -> StepReport:
        """Forward and backward over every micro-batch, then move the weights once, unless that would spoil them."""
        started = time.perf_counter()
        torch.manual_seed(self.seed * 1_000_003 + step)
        batches = self.batches.micro_batches(step + self.guard.passed_over)
        n_counted = max(1, sum(batch.n_counted for batch in batches))
        self.model.train()
        train_loss = sum(self.backward(batch.to(self.device), n_counted) for batch in batches)
        limit = math.inf if self.config.grad_clip is None else self.config.grad_clip
        grad_norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()
        share = lr_share(step, self.config)
        if fault := self.guard.fault(train_loss, grad_norm, batches[0].bag):
            self.optimizers.forget()
        else:
            self.optimizers.step(share)
        seconds = time.perf_counter() - started
        return StepReport(step + 1, train_loss, self.config.lr * share, grad_norm, self.config.batch_tokens / seconds, fault)

    def backward(self, batch: Batch, n_counted: int) -> float:
        """Add the gradients of one micro-batch to those of the step; its share of the loss, a mean over `n_counted` tokens."""
        loss = next_token_loss(self.model, batch.ids, batch.targets, batch.loss_mask, batch.segments) / n_counted
        loss.backward()
        return loss.item()

    def has_finite_weights(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(weight.isfinite().all()) for weight in self.model.parameters())

    def may_save(self, step: int) -> bool:
        """Whether the weights of this step can be gone back to: no bad steps just before, unless it is the last of all."""
        return self.guard.n_bad == 0 or step == self.config.steps

    def save(self, step: int) -> None:
        """Write the checkpoint of `step`, then let go of the oldest."""
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
                "superposed": step <= self.config.bag_steps and self.config.superposition is not None,
                "guard": self.guard.state(),
            },
            tokenizer=self.tokenizer,
            recipe=self.recipe,
        )
        keep_newest(self.folder, self.config.keep_checkpoints)

    def look(self, step: int) -> None:
        """Let the listeners measure the model and see what it says, when it is time."""
        self.model.eval()
        with torch.inference_mode():
            if self.is_due(step, self.config.eval_every):
                self.listeners.on_eval(self.model, step)
            if self.is_due(step, self.config.sample_every):
                self.listeners.on_sample(self.model, step)

    def diverged(self, symptom: str) -> HandspunError:
        """The error of a run whose numbers have left the representable; what was saved before stays."""
        rates = f"train.lr={self.config.lr:g}"
        if self.config.optimizer == "muon":
            rates += f" and train.matrix_lr={self.config.matrix_lr:g}"
        n_rollbacks = self.guard.n_rollbacks
        tried = f"and going back {n_rollbacks} times has not helped" if n_rollbacks else "before its first checkpoint"
        return HandspunError(
            f"{symptom}: training has diverged, {tried}; lower {rates} (tune.lr and tune.matrix_lr where it was tuning), "
            f"then run again; the checkpoints in {self.folder} are from before."
        )
