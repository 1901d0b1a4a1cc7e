"""A script for torchrun that trains the tiny model in several ways and writes down what it saw: shared_run.py DATA OUT CASES.

CASES is a JSON list of {"name", "folder", "changes"}, with "model" for another shape, "source" for a folder of checkpoints to
go on with, "stop" for the step after which it is told to stop, "is_fast" for a link that counts as fast, and "is_empty" for
a model whose weights several processes draw for themselves.
"""

import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from handspun.processes import Processes, joined
from handspun.train import link
from handspun.train.trainer import Listeners, StepReport
from tiny_run import empty_copy, tiny_config, tiny_model, tiny_trainer

STEPS = 6
SHARED: dict[str, Any] = {
    "batch_tokens": 8 * 96,
    "micro_batch": 2,
    "train_tokens": STEPS * 8 * 96,
    "warmup_steps": 1,
    "save_every": 100,
    "eval_every": 100,
    "sample_every": 100,
    "lr": 0.002,
    "matrix_lr": 0.01,
    "grad_clip": 0.5,
}
"""What all cases have in common: eight rows in a step, so that each of four processes has one forward or more."""


def trained(case: dict[str, Any], data: Path, processes: Processes) -> dict[str, Any]:
    """Run one case, or go on with what is in its folder; the losses and norms of its steps."""
    if "source" in case and processes.is_first:
        shutil.copytree(case["source"], case["folder"])
    processes.told()
    reports: list[StepReport] = []

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == case.get("stop"):
            os.kill(os.getpid(), signal.SIGTERM)

    link.SLOW_BYTES_PER_S = 0 if case.get("is_fast") else 1e18
    measured: list[float] = []
    model = tiny_model(**case.get("model", {}))
    if is_empty := processes.n > 1 and case.get("is_empty", False):
        model = empty_copy(model)
    with suppress(KeyboardInterrupt):
        tiny_trainer(
            Path(case["folder"]),
            data,
            tiny_config(**{**SHARED, **case["changes"]}),
            model=model,
            first_weights=model.first_weights(1) if is_empty else (),
            listeners=Listeners(on_step=on_step, on_eval=lambda model, step: measured.append(weight_sum(model))),
            processes=processes,
        ).run()
    return {
        "steps": [report.step for report in reports],
        "losses": [report.train_loss for report in reports],
        "norms": [report.grad_norm for report in reports],
        "measured": measured,
    }


def weight_sum(model: torch.nn.Module) -> float:
    """A number that tells one set of weights from another."""
    return sum(weight.double().abs().sum().item() for weight in model.parameters())


def main(data: Path, out: Path, cases: list[dict[str, Any]]) -> None:
    """Run every case and write down the results."""
    torch.set_num_threads(1)
    torch.Tensor.bfloat16 = lambda tensor: tensor.float().clone()  # type: ignore[method-assign]
    with joined(on_lost=sys.stderr.write) as processes:
        results = {case["name"]: trained(case, data, processes) for case in cases}
        if processes.is_first:
            out.write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()))
