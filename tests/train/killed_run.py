"""A script that trains into a folder and is killed on the way, again and again.

    killed_run.py DATA FOLDER random SEED N_KILLS     at random instants, every other time while a checkpoint is half-written
    killed_run.py DATA FOLDER at STEP:FORWARD ...     before these forwards of these steps (0 is the first of each)

Each attempt is a process of its own, forked after the slow imports, and ended by SIGKILL. A run that comes to its end is moved
to FOLDER/done-N, and another begins, until all kills are done and one more run has ended: at least one is there.
"""

import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from handspun.metrics import Metrics
from handspun.train.batches import Batch
from handspun.train.trainer import Listeners, StepReport, Trainer
from tiny_run import byte_tokenizer, tiny_config, tiny_model, tiny_trainer

STEPS = 40
Point = tuple[int, int]
"""A step and a forward in it."""


def tiny_run(data: Path, folder: Path) -> Trainer:
    """The trainer of the run: two forwards per step, dropout, bfloat16, conversations."""
    metrics = Metrics(folder / "metrics.jsonl")

    def on_step(report: StepReport) -> None:
        metrics.append(asdict(report))

    listeners = Listeners(on_resume=lambda step, said: metrics.truncate_after(step), on_step=on_step)
    config = tiny_config(train_tokens=STEPS * 4 * 96, save_every=4, compute_dtype="bfloat16")
    model = tiny_model(compute_dtype=torch.bfloat16, dropout=0.1)
    return tiny_trainer(folder / "checkpoints", data, config, model=model, listeners=listeners)


def ends_at(trainer: Trainer, point: Point) -> None:
    """Let the process be killed before this forward."""
    take_step, backward, reached = trainer.take_step, trainer.layout.backward, [0, 0]

    def counted_step(step: int) -> StepReport:
        reached[:] = step, 0
        return take_step(step)

    def counted_backward(batch: Batch, n_counted: int, *, is_last: bool) -> float:
        if tuple(reached) == point:
            os.kill(os.getpid(), signal.SIGKILL)
        reached[1] += 1
        return backward(batch, n_counted, is_last=is_last)

    trainer.take_step, trainer.layout.backward = counted_step, counted_backward  # type: ignore[method-assign]


def attempt(data: Path, folder: Path, point: Point | None = None) -> int:
    """Start a process that trains, and return its id."""
    if child := os.fork():
        return child
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    trainer = tiny_run(data, folder)
    if point:
        ends_at(trainer, point)
    trainer.run()
    os._exit(0)


def wait_for(folder: Path, pattern: str, since: float, child: int) -> None:
    """Return when something that matches `pattern` was changed after `since`, or the child has ended."""
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        for path in folder.glob(pattern):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > since:
                    return
        time.sleep(0.0005)


def killed_at_random(data: Path, folder: Path, number: int) -> bool:
    """Kill one attempt; whether it was still alive to be killed."""
    since, child = time.time(), attempt(data, folder)
    if number % 2:
        wait_for(folder, "checkpoints/.*.tmp", since, child)
        time.sleep(random.uniform(0, 0.02))
    else:
        wait_for(folder, "metrics.jsonl", since, child)
        time.sleep(random.uniform(0, 0.3))
    os.kill(child, signal.SIGKILL)
    return was_killed(child)


def was_killed(child: int) -> bool:
    """Wait for an attempt. Anything but a kill or a good end ends this script."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        sys.exit(f"an attempt ended with {status}")
    return status != 0


def put_aside(folder: Path) -> None:
    """Make room for another run."""
    (folder / "run").rename(folder / f"done-{len(list(folder.glob('done-*')))}")


def main(data: Path, folder: Path, how: str, *what: str) -> None:
    """Kill as asked, then let one run come to its end."""
    torch.set_num_threads(1)
    byte_tokenizer()  # so that the attempts need not learn it
    if how == "random":
        random.seed(int(what[0]))
        n_killed = number = 0
        while n_killed < int(what[1]):
            number += 1
            if killed_at_random(data, folder / "run", number):
                n_killed += 1
            else:
                put_aside(folder)
    else:
        for step, forward in (map(int, point.split(":")) for point in what):
            if not was_killed(attempt(data, folder / "run", (step, forward))):
                sys.exit(f"the run never came to forward {forward} of step {step}")
    was_killed(attempt(data, folder / "run"))
    put_aside(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
