"""metrics.jsonl survives a crash in the middle of a line, and notices any other damage."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import DamagedFileError
from handspun.metrics import Metrics


def metrics_in(folder: Path, n_steps: int) -> Metrics:
    """Metrics of a run that has done `n_steps`."""
    metrics = Metrics(folder / "metrics.jsonl")
    for step in range(1, n_steps + 1):
        metrics.append({"step": step, "train_loss": 1 / step})
    return metrics


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    assert [record["step"] for record in metrics_in(tmp_path, 5).read()] == [1, 2, 3, 4, 5]


def test_no_file_is_no_records(tmp_path: Path) -> None:
    assert list(Metrics(tmp_path / "metrics.jsonl").read()) == []


@given(n_cut=st.integers(0, 200))
@settings(max_examples=30)
def test_a_file_cut_anywhere_reads_as_its_whole_lines(tmp_path_factory: pytest.TempPathFactory, n_cut: int) -> None:
    metrics = metrics_in(tmp_path_factory.mktemp("cut"), 5)
    data = metrics.path.read_bytes()[: -n_cut or None]
    metrics.path.write_bytes(data)
    assert len(list(metrics.read())) == data.count(b"\n")


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, 3)
    lines = metrics.path.read_text().splitlines()
    metrics.path.write_text("\n".join([lines[0], lines[1][:-4], lines[2]]) + "\n")
    with pytest.raises(DamagedFileError, match=r"metrics\.jsonl:2 is damaged"):
        list(metrics.read())


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, 9)
    with metrics.path.open("a") as file:
        file.write('{"step": 10, "train_lo')
    metrics.truncate_after(4)
    metrics.append({"step": 5, "val_bpb": 1.7})
    assert [record["step"] for record in metrics.read()] == [1, 2, 3, 4, 5]
    assert metrics.newest("val_bpb") == 1.7
    assert metrics.newest("lr") is None


def test_what_was_measured_on_the_step_resumed_from_is_measured_again(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for step in (1, 2):
        metrics.append({"step": step, "train_loss": 3.0})
        metrics.append({"step": step, "val_bpb": 1.5})
    metrics.truncate_after(2)
    assert [sorted(record) for record in metrics.read()] == [
        ["step", "train_loss"],
        ["step", "val_bpb"],
        ["step", "train_loss"],
    ]


def test_a_number_that_is_not_finite_is_written_as_null(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.append({"step": 1, "train_loss": float("nan")})
    assert json.loads(metrics.path.read_text()) == {"step": 1, "train_loss": None}


def test_an_evaluation_joins_the_record_of_its_step(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, 2)
    metrics.append({"step": 2, "val_bpb": 1.7})
    assert metrics.by_step() == [{"step": 1, "train_loss": 1.0}, {"step": 2, "train_loss": 0.5, "val_bpb": 1.7}]


def test_a_record_without_a_step_is_damage(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, 2)
    metrics.append({"train_loss": 1.0})
    with pytest.raises(DamagedFileError, match=r"metrics\.jsonl:3 is damaged: it has no step"):
        metrics.by_step()
