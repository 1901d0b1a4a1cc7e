"""Which checkpoints stay: the newest, the best, and every so many steps one."""

from pathlib import Path

import pytest

from handspun import retention
from handspun.checkpoint import all_checkpoints
from handspun.retention import Retention
from test_checkpoint import save


def steps_in(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in all_checkpoints(folder)]


def save_and_keep(folder: Path, keep: Retention, steps: range) -> None:
    for step in steps:
        save(folder, step)
        keep.apply()


def test_the_newest_stay_and_every_so_many_steps_one(tmp_path: Path) -> None:
    save_and_keep(tmp_path, Retention(tmp_path, 2, every=4), range(1, 11))
    assert steps_in(tmp_path) == [4, 8, 9, 10]


def test_the_best_stays_until_a_better_one_is_saved(tmp_path: Path) -> None:
    keep = Retention(tmp_path, 1, best=True)
    for step, val_bpb in ((1, 3.0), (2, 2.0), (3, 2.5), (4, 2.5), (5, 1.5), (6, 1.6)):
        save_and_keep(tmp_path, keep, range(step, step + 1))
        keep.note(step, val_bpb)
        assert keep.best_step in steps_in(tmp_path)
    assert keep.best_step == 5
    assert steps_in(tmp_path) == [5, 6]


def test_the_best_goes_like_any_other_where_nobody_asked_to_keep_it(tmp_path: Path) -> None:
    keep = Retention(tmp_path, 1)
    save(tmp_path, 1)
    keep.note(1, 1.0)
    save_and_keep(tmp_path, keep, range(2, 4))
    assert steps_in(tmp_path) == [3]


def test_a_step_that_was_measured_but_not_saved_is_not_the_best(tmp_path: Path) -> None:
    keep = Retention(tmp_path, 1, best=True)
    save(tmp_path, 1)
    keep.note(1, 2.0)
    keep.note(2, 1.0)
    assert keep.best_step == 1


def test_a_checkpoint_is_read_back_once_and_not_at_every_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = retention.damage_of
    monkeypatch.setattr(retention, "damage_of", lambda folder: read.append(folder.name) or real(folder))
    save_and_keep(tmp_path, Retention(tmp_path, 3), range(1, 6))
    assert read == [f"{step:08d}" for step in range(1, 6)]
