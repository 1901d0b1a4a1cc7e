"""The training loop: what a step does, when it saves, and that a run which was broken off ends as one that was not."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handspun.checkpoint import all_checkpoints, load_checkpoint
from handspun.errors import DiskFullError, HandspunError, RunError
from handspun.model.transformer import Transformer
from handspun.train.config import TrainConfig
from handspun.train.trainer import Listeners, StepReport, Trainer
from tiny_run import empty_copy, tiny_config, tiny_model, tiny_trainer

GOLDEN = Path(__file__).parents[1] / "golden" / "loss_curves.json"


def run_to_the_end(folder: Path, data: Path, config: TrainConfig, **changes: Any) -> list[StepReport]:
    reports: list[StepReport] = []
    tiny_trainer(folder, data, config, listeners=Listeners(on_step=reports.append), **changes).run()
    return reports


def weight_file(folder: Path) -> bytes:
    return (load_checkpoint(folder).folder / "model.safetensors").read_bytes()


def stop_in_step(step: int, number: signal.Signals) -> Callable[[StepReport], None]:
    """A listener that sends this process a signal."""
    return lambda report: os.kill(os.getpid(), number) if report.step == step else None


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_loss_follows_the_golden_curve(data: Path, tmp_path: Path, optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Muon's bfloat16 rounds differently on every kind of processor; in fp32 its curve is the same everywhere.
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.float().clone())
    config = tiny_config(optimizer=optimizer, lr=0.002, matrix_lr=0.01, save_every=100)
    curve = [report.train_loss for report in run_to_the_end(tmp_path, data, config)]
    assert curve == pytest.approx(json.loads(GOLDEN.read_text())[optimizer], abs=1e-4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_finishes_the_step_saves_it_and_can_be_resumed(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    config, handler = tiny_config(optimizer="muon"), signal.getsignal(number)
    run_to_the_end(tmp_path / "whole", data, config)
    trainer = tiny_trainer(tmp_path / "stopped", data, config, listeners=Listeners(on_step=stop_in_step(10, number)))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert signal.getsignal(number) == handler
    assert load_checkpoint(tmp_path / "stopped").step == 10
    assert [report.step for report in run_to_the_end(tmp_path / "stopped", data, config)] == list(range(11, 31))
    assert weight_file(tmp_path / "stopped") == weight_file(tmp_path / "whole")


def test_a_stop_in_the_last_step_stops_what_comes_after_too(data: Path, tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, data, listeners=Listeners(on_step=stop_in_step(30, signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert tiny_trainer(tmp_path, data).run().step == 30


def test_a_stop_while_a_sample_is_shown_loses_nothing(data: Path, tmp_path: Path) -> None:
    listeners = Listeners(on_sample=lambda model, step: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        tiny_trainer(tmp_path, data, listeners=listeners).run()
    assert load_checkpoint(tmp_path).step == 11


def test_a_second_stop_is_obeyed_at_once(data: Path, tmp_path: Path) -> None:
    def stop_twice(report: StepReport) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tiny_trainer(tmp_path, data, listeners=Listeners(on_step=stop_twice)).run()
    assert not all_checkpoints(tmp_path)


def test_a_finished_run_takes_no_step(data: Path, tmp_path: Path) -> None:
    run_to_the_end(tmp_path, data, tiny_config())
    before = weight_file(tmp_path)
    assert run_to_the_end(tmp_path, data, tiny_config()) == []
    assert weight_file(tmp_path) == before


def test_it_goes_on_from_the_older_checkpoint_where_the_newest_is_damaged(data: Path, tmp_path: Path) -> None:
    run_to_the_end(tmp_path, data, tiny_config())
    expected = weight_file(tmp_path)
    victim = tmp_path / "00000030" / "trainer.safetensors"
    victim.write_bytes(victim.read_bytes()[:-1])
    told: list[Any] = []
    listeners = Listeners(on_resume=lambda step, damages: told.extend([step, *damages]))
    tiny_trainer(tmp_path, data, listeners=listeners).run()
    assert told[0] == 28
    assert "trainer.safetensors is damaged" in told[1]
    assert weight_file(tmp_path) == expected


def test_a_folder_of_another_run_is_refused_and_left_as_it_was(data: Path, tmp_path: Path) -> None:
    run_to_the_end(tmp_path, data, tiny_config())
    before = weight_file(tmp_path)
    with pytest.raises(RunError, match=r"holds a run of another recipe; choose another folder with --run"):
        tiny_trainer(tmp_path, data, identity="other").run()
    assert weight_file(tmp_path) == before


def test_an_empty_model_is_filled_when_the_run_begins_and_from_its_checkpoint_when_it_goes_on(
    data: Path, tmp_path: Path
) -> None:
    def fill_and_run(folder: Path, config: TrainConfig) -> bytes:
        model = empty_copy(tiny_model())
        tiny_trainer(folder, data, config, model=model, first_weights=model.first_weights(1)).run()
        return weight_file(folder)

    run_to_the_end(tmp_path / "whole", data, tiny_config())
    with pytest.raises(KeyboardInterrupt):
        trainer = tiny_trainer(tmp_path / "empty", data, listeners=Listeners(on_step=stop_in_step(10, signal.SIGINT)))
        trainer.run()
    assert fill_and_run(tmp_path / "fresh", tiny_config()) == weight_file(tmp_path / "whole")
    assert fill_and_run(tmp_path / "empty", tiny_config()) == weight_file(tmp_path / "whole")


def test_a_checkpoint_notes_what_the_run_was(data: Path, tmp_path: Path) -> None:
    run_to_the_end(tmp_path, data, tiny_config(), model=tiny_model(compute_dtype=torch.bfloat16))
    facts = {"step": 30, "identity": "tiny", "seed": 1, "tokens": 30 * 384, "compute_dtype": "bfloat16", "superposed": False}
    found = load_checkpoint(tmp_path).facts
    assert len(found.pop("guard")["losses"]) == 30
    assert found == facts


def test_only_the_newest_checkpoints_stay(data: Path, tmp_path: Path) -> None:
    run_to_the_end(tmp_path, data, tiny_config(keep_checkpoints=3))
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path)] == [21, 28, 30]


def test_listeners_hear_of_every_step_and_measure_when_it_is_time(data: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []
    sampled: list[int] = []

    measured: list[int] = []

    def measure(model: Transformer, step: int) -> None:
        assert not model.training and torch.is_inference_mode_enabled()
        measured.append(step)

    listeners = Listeners(on_step=reports.append, on_eval=measure, on_sample=lambda model, step: sampled.append(step))
    tiny_trainer(tmp_path, data, tiny_config(eval_every=12, sample_every=20), listeners=listeners).run()
    assert [report.step for report in reports] == list(range(1, 31))
    assert measured == [12, 24, 30]
    assert sampled == [20, 30]
    assert all(report.tok_per_s > 0 and report.grad_norm > 0 for report in reports)
    assert [report.lr for report in reports[:3]] == pytest.approx([0.004 / 3, 0.008 / 3, 0.004])


def test_the_checkpoint_that_was_measured_to_be_the_best_stays(data: Path, tmp_path: Path) -> None:
    config = tiny_config(save_every=6, eval_every=6, keep_best=True)
    for folder, best in (("early", 6), ("late", 30)):
        listeners = Listeners(on_eval=lambda model, step, best=best: {"val_bpb": 1.0 + abs(step - best)})
        tiny_trainer(tmp_path / folder, data, config, listeners=listeners).run()
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path / "early")] == [6, 24, 30]
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path / "late")] == [24, 30]


def test_what_is_measured_is_saved_before(data: Path, tmp_path: Path) -> None:
    def fail(model: Transformer, step: int) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        tiny_trainer(tmp_path, data, tiny_config(save_every=6, eval_every=6), listeners=Listeners(on_eval=fail)).run()
    assert load_checkpoint(tmp_path).step == 6


def test_what_a_crash_has_kept_from_being_measured_is_measured_on_resuming(data: Path, tmp_path: Path) -> None:
    measured: list[int] = []

    def fail_at_first(model: Transformer, step: int) -> None:
        measured.append(step)
        if measured == [6]:
            raise MemoryError

    config = tiny_config(save_every=6, eval_every=6)
    with pytest.raises(MemoryError):
        tiny_trainer(tmp_path, data, config, listeners=Listeners(on_eval=fail_at_first)).run()
    tiny_trainer(tmp_path, data, config, listeners=Listeners(on_eval=fail_at_first)).run()
    assert measured == [6, 6, 12, 18, 24, 30]


def test_measuring_does_not_change_what_is_learnt(data: Path, tmp_path: Path) -> None:
    def measure(model: Transformer, step: int) -> None:
        torch.rand(1)

    config = tiny_config(train_tokens=8 * 384, warmup_steps=1, eval_every=1)
    for name, listeners in (("quiet", Listeners()), ("measured", Listeners(on_eval=measure))):
        tiny_trainer(tmp_path / name, data, config, model=tiny_model(dropout=0.2), listeners=listeners).run()
    assert weight_file(tmp_path / "quiet") == weight_file(tmp_path / "measured")


def gradients_of_one_step(trainer: Trainer) -> tuple[StepReport, dict[str, Tensor]]:
    trainer.optimizers.step = lambda share: None  # type: ignore[method-assign]
    report = trainer.take_step(0)
    return report, {name: weight.grad for name, weight in trainer.model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_accumulated_gradients_are_those_of_one_big_batch(data: Path, tmp_path: Path, micro_batch: int) -> None:
    whole, parts = (
        gradients_of_one_step(tiny_trainer(tmp_path, data, tiny_config(micro_batch=size, grad_clip=None)))
        for size in (4, micro_batch)
    )
    assert parts[0].train_loss == pytest.approx(whole[0].train_loss, rel=1e-6)
    assert parts[0].grad_norm == pytest.approx(whole[0].grad_norm, rel=1e-6)
    for name, gradient in whole[1].items():
        torch.testing.assert_close(parts[1][name], gradient, rtol=1e-5, atol=1e-6)


def test_a_gradient_longer_than_grad_clip_is_cut_to_it(data: Path, tmp_path: Path) -> None:
    free, cut = (gradients_of_one_step(tiny_trainer(tmp_path, data, tiny_config(grad_clip=limit))) for limit in (None, 0.01))
    assert cut[0].grad_norm == free[0].grad_norm > 0.01
    norm = torch.stack([gradient.norm() for gradient in cut[1].values()]).norm().item()
    assert norm == pytest.approx(0.01, rel=1e-3)


def rounded_weights(before: dict[str, Tensor], model: Transformer) -> list[str]:
    """The weights that tiny steps have moved as far as a rounding to bfloat16 would."""
    return [
        name
        for name, weight in model.named_parameters()
        if (weight - before[name]).abs().max() > before[name].abs().max() * 2**-12
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_computing_in_bfloat16_never_rounds_the_weights(data: Path, tmp_path: Path, optimizer: str) -> None:
    model = tiny_model(compute_dtype=torch.bfloat16, bias=True)
    for weight in model.parameters():
        weight.data += 0.1 * torch.rand(weight.shape, generator=torch.Generator().manual_seed(1))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    config = tiny_config(
        optimizer=optimizer, lr=1e-6, matrix_lr=1e-6, weight_decay=0.0, train_tokens=10 * 384, warmup_steps=0, decay_steps=0
    )
    listeners = Listeners(on_eval=lambda model, step: None)
    tiny_trainer(tmp_path, data, config, model=model, listeners=listeners).run()
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert rounded_weights(before, model) == []
    assert all(not torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    model.bfloat16().float()
    assert len(rounded_weights(before, model)) == len(before)


def spoil_after(step: int) -> Callable[[Transformer, int], None]:
    """A listener that makes one weight NaN when it is shown the model of this step."""

    def on_sample(model: Transformer, done: int) -> None:
        if done == step:
            model.embedding.weight.data[ord("e"), 3] = torch.nan

    return on_sample


def test_weights_that_are_spoilt_each_time_end_the_run_with_what_was_saved_before(data: Path, tmp_path: Path) -> None:
    told: list[StepReport] = []
    listeners = Listeners(on_step=told.append, on_sample=spoil_after(10))
    with pytest.raises(HandspunError, match=r"^in step 14 the .*lower train.lr=0.004 and train.matrix_lr=0.02 "):
        tiny_trainer(tmp_path, data, listeners=listeners).run()
    assert [report.step for report in told if report.fault] == [11, 12, 13, 14] * 4
    assert load_checkpoint(tmp_path).step == 7


def test_weights_that_are_spoilt_once_cost_the_steps_since_the_last_checkpoint(data: Path, tmp_path: Path) -> None:
    spoil = iter([spoil_after(10), *[lambda model, step: None] * 9])
    tiny_trainer(tmp_path, data, listeners=Listeners(on_sample=lambda model, step: next(spoil)(model, step))).run()
    assert load_checkpoint(tmp_path).step == 30
    assert load_checkpoint(tmp_path).facts["guard"]["n_rollbacks"] == 1


def test_a_learning_rate_far_too_high_leaves_no_checkpoint_that_is_not_finite(data: Path, tmp_path: Path) -> None:
    config = tiny_config(lr=1e30, grad_clip=None, save_every=1, warmup_steps=0)
    with pytest.raises(HandspunError, match=r"training has diverged, .*; lower train.lr=1e\+30"):
        tiny_trainer(tmp_path, data, config).run()
    for checkpoint in all_checkpoints(tmp_path):
        assert all(weight.isfinite().all() for weight in checkpoint.load_model().parameters())


def test_weights_that_are_not_finite_are_never_saved(data: Path, tmp_path: Path) -> None:
    def spoil(report: StepReport) -> None:
        if report.step == 14:
            trainer.model.embedding.weight.data[3, 3] = torch.nan

    trainer = tiny_trainer(tmp_path, data, tiny_config(optimizer="adamw"), listeners=Listeners(on_step=spoil))
    with pytest.raises(HandspunError, match=r"^in step 14 the weights are no longer finite: .*lower train.lr=0.004 \("):
        trainer.run()
    assert load_checkpoint(tmp_path).step == 7


def test_a_full_disk_keeps_the_checkpoint_before(data: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(report: StepReport) -> None:
        if report.step == 10:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))

    run_to_the_end(tmp_path / "whole", data, tiny_config())
    try:
        with pytest.raises(DiskFullError, match=r"checkpoint of step 14: 0\.\d MiB needed, [\d,.]+ MiB free; free some space"):
            tiny_trainer(tmp_path / "full", data, listeners=Listeners(on_step=fill_the_disk)).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(tmp_path / "full").step == 7
    run_to_the_end(tmp_path / "full", data, tiny_config())
    assert weight_file(tmp_path / "full") == weight_file(tmp_path / "whole")
