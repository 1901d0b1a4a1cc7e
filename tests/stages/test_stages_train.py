"""What training tells: metrics, samples, the dtype it computes in."""

from pathlib import Path

import pytest
import torch

from handspun.device import Device
from handspun.runs import Run
from handspun.stages.train import compute_dtype
from handspun.train.config import TrainConfig


def test_every_step_is_on_record_and_the_measured_ones_with_bits_per_byte(finished_run: Path) -> None:
    records = list(Run(finished_run).metrics.read())
    assert [record["step"] for record in records] == list(range(1, 13))
    assert all({"step", "train_loss", "lr", "grad_norm", "tok_per_s"} <= record.keys() for record in records)
    assert [record["step"] for record in records if "val_bpb" in record] == [4, 8, 12]


def test_the_steps_of_the_tuning_are_recorded_beside_its_checkpoints(finished_run: Path) -> None:
    assert (finished_run / "tuned" / "metrics.jsonl").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("asked", "expected"), [("auto", torch.bfloat16), ("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_auto_is_what_the_device_is_faster_in(asked: str, expected: torch.dtype) -> None:
    device = Device("cpu", "a processor", 2, 1, 1, "bfloat16", "measured")
    assert compute_dtype(TrainConfig(compute_dtype=asked), device) == expected
