"""Runs of several processes, as torchrun starts them: one voice, and an end that loses nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from handspun.checkpoint import all_checkpoints, load_checkpoint
from handspun.cli.app import run
from handspun.metrics import Metrics
from handspun.runs import Run

pytestmark = pytest.mark.slow
LONG = (
    "train.train_tokens=15360",
    "train.micro_batch=2",
    "train.save_every=5",
    "train.eval_every=1000",
    "train.sample_every=1000",
)
"""Sixty steps."""
END_S = 30
"""How long the others may take to end once one is killed."""


def start(verb: str, recipe: Path, folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """Two processes of handspun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "handspun"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *torchrun, verb, str(recipe), "--run", str(folder), *overrides]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_steps(folder: Path, n: int, started: subprocess.Popen[str]) -> None:
    """Return when so many checkpoints are there."""
    while started.poll() is None and len(all_checkpoints(folder / "checkpoints")) < n:
        time.sleep(0.02)


def workers(started: subprocess.Popen[str]) -> list[int]:
    """The process ids of the ranks, in their order."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
            parent = (path.parent / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == str(started.pid):
            found += [(rank, int(path.parent.name)) for rank in environment if rank.startswith(b"RANK=")]
    return [pid for _, pid in sorted(found)]


def said_by_handspun(talk: str, beginnings: Sequence[str]) -> list[str]:
    return [line for line in talk.splitlines() if line.startswith(tuple(beginnings))]


def test_a_recipe_is_made_by_two_processes_with_one_voice(tiny_recipe: Path, tmp_path: Path) -> None:
    made = start("make", tiny_recipe, tmp_path / "run", "train.micro_batch=2", "train.parallel=fsdp", "--json")
    data, talk = made.communicate(timeout=300)
    assert made.returncode == 0, talk
    assert json.loads(data)["run"] == str(tmp_path / "run")
    assert len(said_by_handspun(talk, ["train: done"])) == 1
    assert len(re.findall(r"2 processes, each with a part of the model \(fsdp\): .* MiB summed in .* GB/s", talk)) == 2
    steps = [record["step"] for record in Metrics(tmp_path / "run" / "metrics.jsonl").read() if "train_loss" in record]
    assert steps == list(range(1, 13))
    assert run(["make", str(tiny_recipe), "--run", str(tmp_path / "run")]) == 0


def test_where_one_is_killed_the_others_end_and_say_so_and_the_run_goes_on(tiny_recipe: Path, tmp_path: Path) -> None:
    overrides, victim = (*LONG, "train.parallel=fsdp"), 0
    started = start("train", tiny_recipe, tmp_path, *overrides)
    wait_for_steps(tmp_path, 2, started)
    pid = workers(started)[victim]
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    _, talk = started.communicate(timeout=300)
    assert time.monotonic() - killed < END_S
    assert started.returncode != 0
    (sentence,) = said_by_handspun(talk, ["error: "])
    assert sentence.startswith(f"error: process {victim} (pid {pid}) of 2 on ")
    assert sentence.endswith("run the same command again to go on from the newest checkpoint.")
    reached = load_checkpoint(tmp_path / "checkpoints").step
    assert 5 <= reached < 60
    resumed = start("train", tiny_recipe, tmp_path, *overrides)
    _, talk = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, talk
    assert said_by_handspun(talk, ["going on after"]) == [f"going on after step {reached} of 60"]
    assert load_checkpoint(tmp_path / "checkpoints").step == 60


def test_told_to_end_all_finish_the_step_save_and_say_how_to_go_on(tiny_recipe: Path, tmp_path: Path) -> None:
    overrides = (*LONG, "train.save_every=1000", "train.parallel=fsdp")
    started = start("train", tiny_recipe, tmp_path, *overrides)
    while started.poll() is None and Run(tmp_path).metrics.newest("step") is None:
        time.sleep(0.02)
    started.send_signal(signal.SIGTERM)
    _, talk = started.communicate(timeout=300)
    assert len(said_by_handspun(talk, ["interrupted: "])) == 1
    assert said_by_handspun(talk, ["error: "]) == []
    reached = load_checkpoint(tmp_path / "checkpoints").step
    assert Run(tmp_path).metrics.newest("step") == reached < 60
    assert run(["train", str(tiny_recipe), "--run", str(tmp_path), *overrides]) == 0
    assert load_checkpoint(tmp_path / "checkpoints").step == 60
