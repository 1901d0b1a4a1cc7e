"""A script that trains into a folder and is killed on the way, again and again: killed_run.py DATA FOLDER SEED N_KILLS.

Each attempt is a process of its own, forked after the slow imports, and ended by SIGKILL: every other time at a random
instant, every other time while a checkpoint is half-written.
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
from handspun.train.trainer import Listeners, StepReport
from tiny_run import tiny_config, tiny_model, tiny_trainer


def train(data: Path, folder: Path) -> None:
    """Train to the end, or go on with what an earlier attempt has left."""
    metrics = Metrics(folder / "metrics.jsonl")

    def on_step(report: StepReport) -> None:
        metrics.append(asdict(report))

    listeners = Listeners(on_resume=lambda step, damages: metrics.truncate_after(step), on_step=on_step)
    config = tiny_config(train_tokens=40 * 4 * 96, save_every=4, compute_dtype="bfloat16")
    model = tiny_model(compute_dtype=torch.bfloat16, dropout=0.1)
    tiny_trainer(folder / "checkpoints", data, config, model=model, listeners=listeners).run()


def attempt(data: Path, folder: Path) -> int:
    """Start a process that trains, and return its id."""
    if child := os.fork():
        return child
    train(data, folder)
    os._exit(0)


def wait_for(folder: Path, pattern: str, since: float, child: int) -> None:
    """Return when something that matches `pattern` was changed after `since`, or the child has ended."""
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        for path in folder.glob(pattern):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > since:
                    return
        time.sleep(0.0005)


def main(data: Path, folder: Path, seed: int, n_kills: int) -> None:
    """Kill `n_kills` attempts, then let one finish."""
    torch.set_num_threads(1)
    (folder / "checkpoints").mkdir(parents=True)
    random.seed(seed)
    for number in range(n_kills):
        since, child = time.time(), attempt(data, folder)
        if number % 2:
            wait_for(folder, "checkpoints/.*.tmp", since, child)
            time.sleep(random.uniform(0, 0.02))
        else:
            wait_for(folder, "metrics.jsonl", since, child)
            time.sleep(random.uniform(0, 0.6))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    _, status = os.waitpid(attempt(data, folder), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
