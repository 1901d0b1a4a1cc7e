"""What training tells: metrics, samples, the dtype it computes in."""

from pathlib import Path

import torch

from handspun.metrics import Metrics
from handspun.runs import Run
from handspun.stages.train import compute_dtype
from handspun.train.config import TrainConfig


def test_every_step_is_on_record_and_the_measured_ones_with_bits_per_byte(finished_run: Path) -> None:
    records = list(Run(finished_run).metrics.read())
    steps, measured, said = ([record for record in records if key in record] for key in ("train_loss", "val_bpb", "samples"))
    assert [record["step"] for record in steps] == list(range(1, 13))
    assert all({"step", "train_loss", "lr", "grad_norm", "tok_per_s"} <= record.keys() for record in steps)
    assert [record["step"] for record in measured] == [4, 8, 12]
    assert len(steps) + len(measured) + len(said) == len(records)


def test_the_steps_of_the_tuning_are_recorded_beside_its_checkpoints(finished_run: Path) -> None:
    records = Metrics(finished_run / "tuned" / "metrics.jsonl").read()
    assert [record["step"] for record in records if "train_loss" in record] == [1, 2, 3, 4]


def test_the_recipe_says_what_is_computed_in(tmp_path: Path) -> None:
    assert compute_dtype(TrainConfig(compute_dtype="float32"), tmp_path) == torch.float32
    assert compute_dtype(TrainConfig(compute_dtype="bfloat16"), tmp_path) == torch.bfloat16


def test_auto_is_what_training_began_in_or_else_what_the_device_is_faster_in(finished_run: Path, tmp_path: Path) -> None:
    assert compute_dtype(TrainConfig(), finished_run / "checkpoints") == torch.float32
    assert compute_dtype(TrainConfig(), tmp_path) in (torch.float32, torch.bfloat16)
