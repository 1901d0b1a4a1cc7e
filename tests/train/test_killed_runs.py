"""Runs that are killed end with the weights of a run that was not, to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from killed_run import STEPS

from handspun.checkpoint import load_checkpoint
from handspun.metrics import Metrics
from tiny_run import tiny_config, tiny_text

CONFIG = tiny_config(train_tokens=STEPS * 4 * 96)
KILLS = 200


def ended_runs(data: Path, folder: Path, *what: str) -> list[Path]:
    """Train and be killed as asked; every run that came to its end."""
    folder.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("killed_run.py")), str(data), str(folder), *what]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    return sorted(folder.glob("done-*"))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody killed."""
    return ended_runs(data, tmp_path_factory.mktemp("whole") / "runs", "at")[0]


def assert_equal(run: Path, whole: Path) -> None:
    """The last checkpoints are equal byte for byte, and each step is on record once with the same loss."""
    found, expected = (load_checkpoint(path / "checkpoints").folder for path in (run, whole))
    for name in ("model.safetensors", "trainer.safetensors", "trainer.json", "manifest.json"):
        assert (found / name).read_bytes() == (expected / name).read_bytes()
    records, others = ([*Metrics(path / "metrics.jsonl").read()] for path in (run, whole))
    assert [record["step"] for record in records] == list(range(1, STEPS + 1))
    assert [record["train_loss"] for record in records] == [record["train_loss"] for record in others]


@pytest.mark.slow
def test_two_hundred_kills_at_random_instants(data: Path, whole: Path, tmp_path: Path) -> None:
    runs = ended_runs(data, tmp_path / "killed", "random", "7", str(KILLS))
    assert runs
    for run in runs:
        assert_equal(run, whole)


def boundaries(data: Path) -> dict[str, tuple[int, int]]:
    """Where a run is killed, in order: a step, and a forward in it."""
    n_rows = (tiny_text(data).n_tokens - 1) // CONFIG.seq_len - 1
    epoch_step = int(n_rows / (1 - CONFIG.chat_share)) // CONFIG.batch_rows
    switch = STEPS - CONFIG.final_steps
    return {
        "in the warm-up": (1, 1),
        "after the warm-up": (CONFIG.warmup_steps, 0),
        "mid-accumulation": (9, 1),
        "after a checkpoint": (12, 0),
        "before the schedule's switch": (switch - 1, 1),
        "at the schedule's switch": (switch, 0),
        "before the end of an epoch": (epoch_step, 0),
        "over the end of an epoch": (epoch_step, 1),
        "after the end of an epoch": (epoch_step + 1, 0),
        "before the last step": (STEPS - 1, 0),
        "before the last forward": (STEPS - 1, CONFIG.grad_accum - 1),
    }


def test_a_kill_at_every_boundary(data: Path, whole: Path, tmp_path: Path) -> None:
    points = list(boundaries(data).values())
    assert points == sorted(points) and len({*points}) == len(points)
    (run,) = ended_runs(data, tmp_path / "killed", "at", *(f"{step}:{forward}" for step, forward in points))
    assert_equal(run, whole)
