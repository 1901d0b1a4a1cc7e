"""Training takes what the planner says: five shapes from 1.4M to 337M weights, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small import cards

from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.planner.devices import Devices
from handspun.planner.memory import Footprint
from handspun.planner.rate import MeasuredRate
from handspun.train.config import TrainConfig
from handspun.train.trainer import Trainer
from tiny_run import byte_tokenizer, tiny_batches

PROGRAM = Path(__file__).parent / "measured_training.py"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most that a process ever held")
ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here to compare the plan with")

SHAPES: dict[str, tuple[tuple[int, int, int], int, dict[str, Any]]] = {
    "1.4M, fp32": ((128, 4, 2), 4096, {"seq_len": 128, "micro_batch": 8, "n_forwards": 2, "compute_dtype": "float32"}),
    "13M, bf16, Muon": ((320, 8, 5), 8192, {"seq_len": 256, "micro_batch": 4, "n_forwards": 2, "optimizer": "muon"}),
    "13M, fp32, every block recomputed": (
        *((320, 8, 5), 8192),
        {"seq_len": 256, "micro_batch": 8, "n_forwards": 2, "compute_dtype": "float32", "activation_checkpointing": "full"},
    ),
    "47M, fp32, one forward a step": ((512, 12, 8), 16384, {"seq_len": 256, "micro_batch": 2, "compute_dtype": "float32"}),
    "110M, bf16": ((768, 12, 12), 32768, {"seq_len": 128, "micro_batch": 1, "n_forwards": 2}),
    "337M, bf16": ((1024, 24, 16), 32768, {"seq_len": 128, "micro_batch": 1}),
}


def settings_of(name: str) -> dict[str, Any]:
    """Model and training of one case, as a program takes them: three steps, two of large models."""
    (d_model, n_layers, n_heads), vocab_size, given = SHAPES[name]
    train: dict[str, Any] = {"compute_dtype": "bfloat16", "optimizer": "adamw", **given}
    batch_tokens = train["seq_len"] * train["micro_batch"] * train.pop("n_forwards", 1)
    n_steps = 3 if d_model < 768 else 2
    schedule = {"batch_tokens": batch_tokens, "train_tokens": n_steps * batch_tokens, "warmup_steps": 1, "decay_steps": 0}
    shape = {"d_model": d_model, "n_layers": n_layers, "n_heads": n_heads}
    return {"model": shape, "vocab_size": vocab_size, "train": {**train, **schedule}}


def measured(settings: dict[str, Any]) -> dict[str, int]:
    """What a process took that trains so."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def planned(settings: dict[str, Any], runtime_bytes: int) -> int:
    """What the planner says of it."""
    devices = Devices(
        **{"kind": "cpu", "name": "this one", "free_bytes": 0, "runtime_bytes": runtime_bytes},
        computes_bfloat16=True,
        rate=MeasuredRate(()),
    )
    model, train = ModelConfig(**settings["model"]), TrainConfig(**settings["train"])
    return Footprint(model, settings["vocab_size"], train, devices, "single").memory().total


@ON_LINUX
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if "337M" in name else ()) for name in SHAPES])
def test_planned_memory_is_within_a_tenth_of_what_the_process_takes(name: str) -> None:
    settings = settings_of(name)
    taken = measured(settings)
    assert planned(settings, taken["runtime"]) == pytest.approx(taken["peak"], rel=0.1)


@ON_A_GPU
@pytest.mark.parametrize("checkpointing", ["none", "full"])
@pytest.mark.parametrize("name", ["47M, fp32, one forward a step", "110M, bf16", "337M, bf16"])
def test_planned_memory_is_within_a_tenth_of_what_tensors_take_on_a_gpu(name: str, checkpointing: str, tmp_path: Path) -> None:
    settings = settings_of(name)
    model, config = ModelConfig(**settings["model"]), TrainConfig(**settings["train"], activation_checkpointing=checkpointing)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    trainer = Trainer(
        Transformer(model, settings["vocab_size"], compute_dtype=getattr(torch, config.compute_dtype)),
        *(tiny_batches(config, tmp_path), config),
        **{"folder": tmp_path / "run", "tokenizer": byte_tokenizer(), "recipe": "", "identity": "measured", "seed": 1},
        device="cuda",
    )
    for step in range(config.steps):
        trainer.take_step(step)
    planned_bytes = Footprint(model, settings["vocab_size"], config, cards(), "single").memory().allocated
    assert planned_bytes == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.1)
