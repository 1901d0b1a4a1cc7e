"""The training loop: read a batch, take a step, save, measure; go on where a crash left off, and back where steps go wrong."""

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from handspun.checkpoint import Checkpoint, newest_checkpoint
from handspun.device import Kind
from handspun.errors import HandspunError, RunError
from handspun.model.transformer import Transformer
from handspun.processes import Processes
from handspun.retention import Retention
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches
from handspun.train.choice import Room, laid_out
from handspun.train.config import TrainConfig
from handspun.train.guard import Guard
from handspun.train.optim import Optimizers
from handspun.train.parallel import Saving
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
    on_eval: Callable[[Transformer, int], Mapping[str, float] | None] = ignore
    """Called every eval_every steps and at the end, when the step is saved if it is to be; again where a run resumes there.
    The val_bpb that it returns decides which checkpoint is the best."""
    on_sample: Callable[[Transformer, int], None] = ignore
    """Called every sample_every steps and at the end."""


def passed_over(damages: list[str]) -> list[str]:
    """What is said of damaged checkpoints."""
    return [f"passed over: {damage}" for damage in damages]


class StopRequest:
    """Ctrl-C or SIGTERM: finish the step, save, stop. A second one stops at once, unless torchrun passes on what it hears."""

    def __init__(self, *, is_passed_on: bool = False) -> None:
        self.is_made, self.is_passed_on = False, is_passed_on

    def make(self, _signal: int, _frame: FrameType | None) -> None:
        """Note the first request, obey the second."""
        if self.is_made and not self.is_passed_on:
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

    `identity` names everything that decides the weights; a checkpoint of another identity is refused, not continued. Of several
    processes each has such a trainer, and all take every step together; only the first one's listeners hear of it. `room` says
    what this process's device can hold. A model on the meta device is filled with `first_weights` when the run begins: one
    weight at a time, so that no process ever holds more than its part.
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
        device: Kind = "cpu",
        first_weights: Iterable[tuple[str, Tensor]] = (),
        listeners: Listeners | None = None,
        processes: Processes | None = None,
        room: Room | None = None,
    ) -> None:
        self.model, self.batches, self.config, self.folder = model, batches, config, folder
        self.tokenizer, self.recipe, self.identity, self.seed, self.device = tokenizer, recipe, identity, seed, device
        self.processes = processes or Processes()
        self.listeners = listeners if listeners is not None and self.processes.is_first else Listeners()
        self.layout = laid_out(model, config, self.processes, device, room or Room())
        self.optimizers = Optimizers(model, config)
        self.retention = Retention(folder, config.keep_checkpoints, best=config.keep_best, every=config.keep_every)
        self.guard, self.first_weights = Guard(config.guard), first_weights
        self.stop = StopRequest(is_passed_on=self.processes.n > 1)

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
                step, is_stopping = report.step, self.processes.any(self.stop.is_made)
                is_saved = is_stopping or (self.is_due(step, self.config.save_every) and self.may_save(step))
                if is_saved and not self.layout.has_finite_weights():
                    step = self.go_back(replace(report, fault="the weights are no longer finite"))
                    continue
                if self.guard.has_lost_patience:
                    step = self.go_back(report)
                    continue
                if is_saved:
                    self.save(step)
                if is_stopping:
                    self.layout.settle()
                    raise KeyboardInterrupt
                self.look(step)
        last = Checkpoint(self.folder / f"{self.config.steps:08d}")
        self.layout.finish(last)
        return last

    def is_due(self, step: int, every: int) -> bool:
        """Whether something that happens every so many steps, and at the end, happens after `step` steps."""
        return step % every == 0 or step == self.config.steps

    def resume(self) -> int:
        """Load the newest whole checkpoint, if there is one, and return the step to go on with."""
        checkpoint, damages = self.newest()
        if checkpoint is None:
            self.layout.fill(self.first_weights)
            self.listeners.on_resume(0, passed_over(damages))
            return 0
        if checkpoint.facts["identity"] != self.identity:
            raise RunError(
                f"{self.folder} holds a run of another recipe; choose another folder with --run, or delete this one."
            )
        self.layout.load(checkpoint, self.optimizers)
        self.guard.load_state(checkpoint.facts["guard"])
        self.listeners.on_resume(checkpoint.step, passed_over(damages))
        self.look(checkpoint.step)
        return checkpoint.step

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, and what is wrong with those after it: the first process reads them for all."""
        self.layout.settle()
        checkpoint, damages = newest_checkpoint(self.folder) if self.processes.is_first else (None, [])
        name = self.processes.told(checkpoint.folder.name if checkpoint else "")
        return Checkpoint(self.folder / name) if name else None, damages

    def go_back(self, report: StepReport) -> int:
        """Load the last checkpoint, pass over the data read since, and return the step to go on with.

        Raises HandspunError where there is none, or where that was done too often.
        """
        checkpoint, damages = self.newest()
        if checkpoint is None or self.guard.n_rollbacks == self.config.guard.max_rollbacks:
            raise self.diverged(f"in step {report.step:,} {report.fault}")
        self.layout.load(checkpoint, self.optimizers)
        self.guard.go_back(checkpoint.facts["guard"], report.step - checkpoint.step)
        told = f"in step {report.step:,} {report.fault}: back to step {checkpoint.step:,}, its data since is passed over"
        self.listeners.on_resume(checkpoint.step, [*passed_over(damages), told])
        return checkpoint.step

    def take_step(self, step: int) -> StepReport:
        """Forward and backward over every micro-batch, then move the weights once, unless that would spoil them."""
        started = time.perf_counter()
        processes, last = self.processes, self.config.grad_accum // self.processes.n - 1
        torch.manual_seed(self.seed * 1_000_003 + step + (processes.rank << 40))
        batches = self.batches.micro_batches(step + self.guard.passed_over, processes.rank, processes.n)
        n_counted = max(1, round(processes.total(sum(batch.n_counted for batch in batches))))
        self.model.train()
        losses = [
            self.layout.backward(batch.to(self.device), n_counted, is_last=place == last) for place, batch in enumerate(batches)
        ]
        train_loss = processes.total(sum(losses))
        grad_norm = self.layout.clip(math.inf if self.config.grad_clip is None else self.config.grad_clip)
        share = lr_share(step, self.config)
        if fault := self.guard.fault(train_loss, grad_norm, batches[0].bag):
            self.optimizers.forget()
        else:
            self.optimizers.step(share)
        seconds = time.perf_counter() - started
        return StepReport(step + 1, train_loss, self.config.lr * share, grad_norm, self.config.batch_tokens / seconds, fault)

    def may_save(self, step: int) -> bool:
        """Whether the weights of this step can be gone back to: no bad steps just before, unless it is the last of all."""
        return self.guard.n_bad == 0 or step == self.config.steps

    def save(self, step: int) -> None:
        """Write the checkpoint of `step`, then let go of the oldest."""
        facts = {
            "identity": self.identity,
            "seed": self.seed,
            "tokens": step * self.config.batch_tokens,
            "compute_dtype": str(self.model.compute_dtype).removeprefix("torch."),
            "superposed": step <= self.config.bag_steps and self.config.superposition is not None,
            "guard": self.guard.state(),
        }
        saving = Saving(self.folder, facts, self.tokenizer, self.recipe, on_saved=self.retention.apply)
        self.layout.save(step, self.optimizers.state(), saving)

    def look(self, step: int) -> None:
        """Let the listeners measure the model and see what it says, when it is time; the other processes wait."""
        is_measured, is_sampled = self.is_due(step, self.config.eval_every), self.is_due(step, self.config.sample_every)
        if not is_measured and not is_sampled:
            return
        with self.layout.whole_model() as model, torch.inference_mode():
            if model is not None:
                model.eval()
                if is_measured:
                    self.note(step, self.listeners.on_eval(model, step) or {})
                if is_sampled:
                    self.listeners.on_sample(model, step)
            self.processes.told()

    def note(self, step: int, measured: Mapping[str, float]) -> None:
        """Remember which checkpoint is the best, once it is whole."""
        if "val_bpb" in measured:
            self.layout.settle()
            self.retention.note(step, measured["val_bpb"])

    def diverged(self, symptom: str) -> HandspunError:
        """The error of a run whose numbers have left the representable; what was saved before stays."""
        rates = f"train.lr={self.config.lr:g}"
        if self.config.optimizer == "muon":
            rates += f" and train.matrix_lr={self.config.matrix_lr:g}"
        n_rollbacks = self.guard.n_rollbacks
        tried = f"and going back {n_rollbacks} times has not helped" if n_rollbacks else "before its first checkpoint"
        kept = f"; the checkpoints in {self.folder} are from before" if n_rollbacks else ""
        return HandspunError(
            f"{symptom}: training has diverged, {tried}; lower {rates} (tune.lr and tune.matrix_lr where it was tuning), "
            f"then run again{kept}."
        )
