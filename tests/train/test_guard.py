"""The guard: what counts as a spike, and what a run does about one."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handspun.checkpoint import all_checkpoints, load_checkpoint
from handspun.errors import HandspunError
from handspun.train.batches import Batch, Batches
from handspun.train.config import GuardConfig, TrainConfig
from handspun.train.guard import Guard, deviation
from handspun.train.trainer import Listeners, StepReport, Trainer
from tiny_run import tiny_batches, tiny_config, tiny_trainer


def experienced(n_steps: int = 20, **changes: float) -> Guard:
    """A guard that has seen a loss of about 3 falling slowly, and gradients of about 1."""
    guard = Guard(GuardConfig(**changes))
    for step in range(n_steps):
        assert guard.fault(3 - 0.005 * step + 0.02 * math.sin(step), 1 + 0.3 * math.cos(step)) is None
    return guard


def test_an_ordinary_step_is_no_fault() -> None:
    assert experienced().fault(2.95, 1.9) is None


@pytest.mark.parametrize("loss, grad_norm", [(math.nan, 1.0), (math.inf, 1.0), (3.0, math.nan), (3.0, math.inf)])
def test_numbers_that_are_not_finite_are_faults_from_the_first_step(loss: float, grad_norm: float) -> None:
    found = Guard(GuardConfig()).fault(loss, grad_norm)
    assert found is not None and found.startswith("the loss is")


def test_a_loss_far_above_the_usual_is_a_fault_and_one_a_little_above_is_none() -> None:
    guard = experienced()
    usual, spread = 2.95, deviation(guard.losses)
    assert guard.fault(usual + 4 * spread, 1.0) is None
    assert experienced().fault(usual + 9 * spread, 1.0) == "the loss has jumped to 3.299 from about 2.953"


def test_a_loss_far_below_the_usual_is_welcome() -> None:
    assert experienced().fault(0.1, 1.0) is None


def test_a_gradient_many_times_the_usual_is_a_fault() -> None:
    assert experienced().fault(2.9, 15.0) is None
    found = experienced().fault(2.9, 25.0)
    assert found is not None and found.startswith("the norm of the gradient has jumped to 25 from about")


def test_nothing_can_be_told_from_the_first_steps() -> None:
    guard = Guard(GuardConfig())
    assert [guard.fault(loss, 1.0) for loss in (10.0, 2.0, 15.0)] == [None] * 3


def test_batches_that_differ_twofold_near_zero_are_no_fault_where_tuning_begins() -> None:
    guard = Guard(GuardConfig())
    assert [guard.fault(loss, 1.0) for loss in (0.22, 0.59, 0.31)] == [None] * 3
    assert guard.fault(1.3, 1.0) == "the loss is 1.3, far above the 0.22 of the beginning"


def test_a_loss_far_above_the_first_is_a_fault_however_slowly_it_came() -> None:
    guard = Guard(GuardConfig())
    assert [guard.fault(3 * 1.2**step, 1.0) is None for step in range(6)] == [True] * 4 + [False] * 2
    assert guard.fault(9.0, 1.0) == "the loss is 9, far above the 3 of the beginning"


def test_a_fault_does_not_become_the_measure_of_what_is_usual() -> None:
    guard = experienced()
    before = list(guard.losses)
    assert guard.fault(100.0, 1.0) is not None
    assert guard.losses == before


def test_another_size_of_bag_has_another_loss() -> None:
    assert experienced().fault(6.0, 1.0, bag=6) is None


def test_patience_ends_after_so_many_faults_in_a_row() -> None:
    guard = experienced(patience=2)
    for loss, is_lost in ((99.0, False), (99.0, False), (3.0, False), (99.0, False), (99.0, False), (99.0, True)):
        guard.fault(loss, 1.0)
        assert guard.has_lost_patience is is_lost


def test_its_state_survives_json_and_decides_the_same() -> None:
    guard = experienced()
    copy = Guard(GuardConfig())
    copy.load_state(json.loads(json.dumps(guard.state())))
    assert copy == guard
    assert copy.fault(50.0, 1.0) == guard.fault(50.0, 1.0) is not None


class SpoiledBatches(Batches):
    """Batches of which some make the loss jump, however often they are read: their targets are one rare token."""

    def __init__(self, batches: Batches, spoiled: set[int]) -> None:
        super().__init__(batches.config, batches.text, batches.chats)
        self.spoiled, self.asked = spoiled, []  # type: ignore[var-annotated]

    def micro_batches(self, step: int, rank: int = 0, n_ranks: int = 1) -> list[Batch]:
        self.asked.append(step)
        batches = super().micro_batches(step, rank, n_ranks)
        return [self.spoilt(batch) if step in self.spoiled else batch for batch in batches]

    def spoilt(self, batch: Batch) -> Batch:
        return Batch(batch.ids, torch.full_like(batch.targets, 7), torch.ones_like(batch.loss_mask), batch.segments)


def config_with(**guard: float) -> TrainConfig:
    return tiny_config(guard=GuardConfig(window=10, **guard), chat_share=0, save_every=5, train_tokens=40 * 4 * 96)


def run_on(
    folder: Path, data: Path, spoiled: set[int], config: TrainConfig | None = None
) -> tuple[list[StepReport], list[str], SpoiledBatches]:
    """Train on batches some of which are spoiled: every report, everything told, and the batches."""
    config = config or config_with(patience=2)
    batches = SpoiledBatches(tiny_batches(config, data), spoiled)
    reports: list[StepReport] = []
    told: list[str] = []
    listeners = Listeners(on_step=reports.append, on_resume=lambda step, said: told.extend(said))
    tiny_trainer(folder, data, config, batches=batches, listeners=listeners).run()
    return reports, told, batches


def test_a_single_bad_batch_is_left_out_and_the_weights_stay(data: Path, tmp_path: Path) -> None:
    reports, told, batches = run_on(tmp_path, data, {22})
    assert [report.step for report in reports if report.fault] == [23]
    assert [report.step for report in reports] == list(range(1, 41))
    assert told == [] and batches.asked == list(range(40))


def test_a_bad_batch_moves_no_weight(data: Path, tmp_path: Path) -> None:
    def weights(trainer: Trainer) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}

    config = config_with(patience=2)
    trainer = tiny_trainer(tmp_path, data, config, batches=SpoiledBatches(tiny_batches(config, data), {20}))
    for step in range(20):
        trainer.take_step(step)
    before = weights(trainer)
    assert trainer.take_step(20).fault
    assert all(torch.equal(before[name], weight) for name, weight in weights(trainer).items())
    assert trainer.take_step(21).fault is None
    assert not any(torch.equal(before[name], weight) for name, weight in weights(trainer).items())


def test_bad_batches_in_a_row_send_the_run_back_past_them(data: Path, tmp_path: Path) -> None:
    reports, told, batches = run_on(tmp_path, data, {22, 23, 24, 25})
    assert told == ["in step 25 " + str(reports[24].fault) + ": back to step 20, its data since is passed over"]
    assert batches.asked == [*range(25), *range(25, 45)]
    assert [report.step for report in reports] == [*range(1, 26), *range(21, 41)]
    guard = load_checkpoint(tmp_path).facts["guard"]
    assert (guard["n_rollbacks"], guard["passed_over"]) == (1, 5)


def test_a_run_that_is_spoilt_again_and_again_stops_with_a_diagnosis(data: Path, tmp_path: Path) -> None:
    with pytest.raises(HandspunError, match=r"in step \d+ the loss has jumped to .*going back 3 times has not helped; lower"):
        run_on(tmp_path, data, set(range(17, 200)))
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path)] == [10, 15]


def test_a_run_spoilt_before_its_first_checkpoint_stops_with_a_diagnosis(data: Path, tmp_path: Path) -> None:
    config = tiny_config(guard=GuardConfig(window=10, patience=1), chat_share=0, save_every=1000)
    with pytest.raises(HandspunError, match=r"training has diverged, before its first checkpoint; lower train.lr"):
        run_on(tmp_path, data, set(range(20, 40)), config)
    assert all_checkpoints(tmp_path) == []


def test_no_checkpoint_is_taken_between_bad_batches(data: Path, tmp_path: Path) -> None:
    reports, _, _ = run_on(tmp_path, data, {18, 19})
    assert [report.step for report in reports if report.fault] == [19, 20]
    assert 20 not in {checkpoint.step for checkpoint in all_checkpoints(tmp_path)}


@pytest.mark.parametrize("last", [22, 24, 26, 31])
def test_a_run_killed_around_a_rollback_ends_with_the_same_weights(data: Path, tmp_path: Path, last: int) -> None:
    spoiled, config = {22, 23, 24, 25}, config_with(patience=2)
    run_on(tmp_path / "whole", data, spoiled, config)

    def stop(report: StepReport) -> None:
        heard.append(report.step)
        if len(heard) == last:
            raise InterruptedError

    heard: list[int] = []
    trainer = tiny_trainer(
        tmp_path / "killed",
        data,
        config,
        batches=SpoiledBatches(tiny_batches(config, data), spoiled),
        listeners=Listeners(on_step=stop),
    )
    with pytest.raises(InterruptedError):
        trainer.run()
    run_on(tmp_path / "killed", data, spoiled, config)
    whole, killed = (load_checkpoint(tmp_path / name).folder for name in ("whole", "killed"))
    for name in ("model.safetensors", "trainer.safetensors", "trainer.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
