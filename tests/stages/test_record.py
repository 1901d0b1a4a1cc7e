"""What training writes down: each step once, on a clock that pauses do not move, in metrics.jsonl and in sinks."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.metrics import Metrics
from handspun.runs import Run
from handspun.sinks import Sink
from handspun.stages.record import Meter, Recorder
from handspun.train.config import SuperpositionConfig, TrainConfig
from handspun.train.trainer import StepReport


class Notebook:
    """A sink that remembers, until it is full."""

    def __init__(self, step: int) -> None:
        self.began_after, self.lines, self.is_closed, self.n_lines = step, [], False, 100

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        if len(self.lines) == self.n_lines:
            raise OSError("no line left")
        self.lines.append((step, dict(numbers)))

    def close(self) -> None:
        self.is_closed = True


def report(step: int, **changes: float | str) -> StepReport:
    facts = {"train_loss": 2.0, "lr": 0.001, "grad_norm": 1.0, "tok_per_s": 1000.0, **changes}
    return StepReport(step, **facts)  # type: ignore[arg-type]


def recorder(
    folder: Path,
    config: TrainConfig | None = None,
    notebooks: list[Notebook] | None = None,
    say: Callable[[str], None] = pytest.fail,
) -> Recorder:
    def open_sinks(step: int) -> list[Sink]:
        if notebooks is None:
            return []
        notebooks.append(Notebook(step))
        return [notebooks[-1]]

    config = config or TrainConfig(train_tokens=10 * 4096, batch_tokens=4096, warmup_steps=0)
    return Recorder(Metrics(folder / "metrics.jsonl"), config, Meter("cpu", "float32", 1_000_000), open_sinks, say)


def test_a_step_is_written_with_what_it_took_and_where_it_stands(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    written.meter.peak_flops = 4e9
    written.go_on(0)
    for step in (1, 2):
        written.step(report(step))
    first, second = written.metrics.read()
    assert list(first) == ["step", "train_loss", "lr", "grad_norm", "tok_per_s", "mfu", "peak_gib", "tokens", "seconds"]
    assert (first["mfu"], first["tokens"], second["tokens"]) == (0.25, 4096, 8192)
    assert 0 <= first["seconds"] <= second["seconds"] < 60
    assert 0.05 < first["peak_gib"] < 100


def test_where_no_peak_is_known_there_is_no_utilization(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    written.meter.peak_flops = None
    written.go_on(0)
    written.step(report(1))
    assert "mfu" not in next(written.metrics.read())


def test_a_resumed_run_goes_on_with_its_clock_and_not_with_what_it_lost(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for step, seconds in ((3, 100.0), (4, 150.0), (5, 200.0)):
        metrics.append({"step": step, "train_loss": 2.0, "seconds": seconds})
    metrics.append({"step": 5, "val_bpb": 1.5})
    written = recorder(tmp_path)
    written.go_on(4)
    written.step(report(5))
    records = list(metrics.read())
    assert [record["step"] for record in records] == [3, 4, 5]
    assert 150 <= records[-1]["seconds"] < 160


def test_bags_count_every_token_that_they_hold(tmp_path: Path) -> None:
    superposition = SuperpositionConfig(bag=4, share=0.5)
    config = TrainConfig(train_tokens=4 * 4096, batch_tokens=4096, warmup_steps=0, superposition=superposition)
    written = recorder(tmp_path, config)
    written.go_on(0)
    for step in range(1, 5):
        written.step(report(step))
    assert [record["tokens"] // 4096 for record in written.metrics.read()] == [4, 8, 9, 10]
    assert config.text_tokens == 10 * 4096


def test_sinks_are_shown_numbers_alone_and_opened_anew_where_a_run_goes_back(tmp_path: Path) -> None:
    notebooks: list[Notebook] = []
    written = recorder(tmp_path, notebooks=notebooks)
    written.go_on(0)
    written.step(report(1))
    written.evaluation(1, {"val_bpb": 1.5})
    written.step(report(2, train_loss=float("nan"), fault="the loss is nan"))
    written.go_on(1)
    written.close()
    first, second = notebooks
    assert (first.began_after, second.began_after) == (0, 1)
    assert first.is_closed and second.is_closed
    assert [step for step, _ in first.lines] == [1, 1, 2]
    assert first.lines[1] == (1, {"val_bpb": 1.5})
    assert not {"step", "fault", "train_loss"} & first.lines[2][1].keys()
    assert [record["step"] for record in written.metrics.read()] == [1]


def test_a_sink_that_fails_is_let_go_of_and_the_run_goes_on(tmp_path: Path) -> None:
    notebooks: list[Notebook] = []
    told: list[str] = []
    written = recorder(tmp_path, notebooks=notebooks, say=told.append)
    written.go_on(0)
    notebooks[0].n_lines = 1
    for step in (1, 2, 3):
        written.step(report(step))
    written.close()
    assert [step for step, _ in notebooks[0].lines] == [1]
    assert told == ["Notebook shows this run no longer (no line left); metrics.jsonl goes on"]
    assert [record["step"] for record in written.metrics.read()] == [1, 2, 3]


def test_a_recipe_that_names_a_sink_is_shown_there_under_the_name_of_its_training(tmp_path: Path, tiny_recipe: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is an extra: handspun[tensorboard]"
    )
    made = Run(tmp_path / "tiny")
    assert run(["train", str(tiny_recipe), 'train.sinks=["tensorboard"]', "--run", str(made.path)]) == 0
    (folder,) = (made.path / "tensorboard").iterdir()
    assert folder.name == f"tiny-train-{made.stages()['train']['key'][:8]}"
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    for key in ("train_loss", "mfu", "val_bpb"):
        recorded = [(record["step"], record[key]) for record in made.metrics.read() if key in record]
        assert [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(key)] == recorded


def test_a_sink_does_not_make_another_run_of_it(run_copy: Path, capsys: pytest.CaptureFixture) -> None:
    before = Run(run_copy).stages()
    assert run(["train", str(run_copy), 'train.sinks=["tensorboard"]']) == 0
    assert Run(run_copy).stages() == before
    assert "train: nothing to do" in capsys.readouterr().err


def test_an_absent_package_is_said_before_anything_is_done(
    tmp_path: Path, tiny_recipe: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handspun.sinks.find_spec", lambda name: None)
    assert run(["train", str(tiny_recipe), 'train.sinks=["wandb"]', "--run", str(tmp_path / "tiny")]) == 1
    assert 'pip install "handspun[wandb]"' in capsys.readouterr().err
    assert not (tmp_path / "tiny").exists()


def test_what_the_model_said_is_written_down(finished_run: Path) -> None:
    said = [record for record in Run(finished_run).metrics.read() if "samples" in record]
    assert [record["step"] for record in said] == [4, 8, 12]
    for record in said:
        (sample,) = record["samples"]
        assert sample["prompt"] == "What is a shard?" and isinstance(sample["reply"], str)


def test_without_prompts_there_are_no_samples(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    written.go_on(0)
    written.samples(1, [])
    assert not written.metrics.path.exists()


def test_every_step_of_a_real_run_has_all_fields(finished_run: Path) -> None:
    fields = {"step", "train_loss", "lr", "grad_norm", "tok_per_s", "mfu", "peak_gib", "tokens", "seconds"}
    steps = [record for record in Run(finished_run).metrics.read() if "train_loss" in record]
    assert len(steps) == 12 and all(fields <= record.keys() for record in steps)
    assert json.dumps(steps).count("null") == 0
    assert 0 < steps[-1]["mfu"] < 1
    assert [record["tokens"] for record in steps] == [256 * record["step"] for record in steps]
