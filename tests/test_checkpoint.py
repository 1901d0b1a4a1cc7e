"""Checkpoints: whole or absent, whatever breaks, and the newest whole one wins."""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from handspun import files
from handspun.checkpoint import (
    Checkpoint,
    all_checkpoints,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from handspun.errors import CheckpointError, DamagedFileError, DiskFullError
from handspun.model.transformer import Transformer
from handspun.retention import Retention
from tiny_run import byte_tokenizer, tiny_model

FILES = [
    "manifest.json",
    "model.json",
    "model.safetensors",
    "recipe.toml",
    "tokenizer.json",
    "trainer.json",
    "trainer.safetensors",
]


def model_of(number: float) -> Transformer:
    """A model that can be told from others by one weight."""
    model = tiny_model(d_model=8, n_layers=1, n_heads=1)
    model.embedding.weight.data[0, 0] = number
    return model


def state_of(number: float) -> dict[str, Tensor]:
    return {"embedding.weight/exp_avg": torch.full((3,), number), "embedding.weight/step": torch.tensor(number)}


def save(folder: Path, step: int, number: float | None = None) -> Checkpoint:
    """Save the checkpoint of `step` with weights of this number, by default the step."""
    number = step if number is None else number
    return save_checkpoint(
        folder,
        step,
        model=model_of(number),
        trainer_state=state_of(number),
        facts={"identity": "test"},
        tokenizer=byte_tokenizer(),
        recipe='name = "test"\n',
    )


def number_in(checkpoint: Checkpoint | None) -> float:
    """Which weights a checkpoint holds; every part of it is loaded."""
    assert checkpoint is not None
    number = checkpoint.load_model().embedding.weight[0, 0].item()
    assert checkpoint.trainer_state["embedding.weight/step"].item() == number
    assert checkpoint.load_tokenizer().vocab_size == 264
    assert checkpoint.facts["step"] == checkpoint.step
    return number


def newest_number(folder: Path) -> float:
    return number_in(newest_checkpoint(folder)[0])


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of steps 1 and 2; a test that breaks something mends it again."""
    folder = tmp_path_factory.mktemp("two") / "checkpoints"
    save(folder, 1)
    save(folder, 2)
    return folder


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """A file with other content, for a while."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def test_everything_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    model, state = tiny_model(bias=True, tie_embeddings=False), state_of(0.1)
    state["blocks.0.attention.qkv.weight/momentum_buffer"] = torch.randn(5, 7)
    checkpoint = save_checkpoint(
        tmp_path,
        120,
        model=model,
        trainer_state=state,
        facts={"identity": "abc", "tokens": 5},
        tokenizer=byte_tokenizer(),
        recipe='name = "tiny"\n',
    )
    assert checkpoint.folder == tmp_path / "00000120"
    assert checkpoint.step == 120
    loaded = checkpoint.load_model()
    assert loaded.config == model.config
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in model.state_dict().items())
    assert checkpoint.trainer_state.keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in checkpoint.trainer_state.items())
    assert checkpoint.facts == {"step": 120, "identity": "abc", "tokens": 5}
    assert checkpoint.load_tokenizer().encode("the cat") == byte_tokenizer().encode("the cat")
    assert (checkpoint.folder / "recipe.toml").read_text() == 'name = "tiny"\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000120"]


def test_a_model_that_is_loaded_can_be_trained(two_steps: Path) -> None:
    model = load_checkpoint(two_steps).load_model(compute_dtype=torch.bfloat16)
    model(torch.zeros(1, 4, dtype=torch.long)).sum().backward()
    assert model.embedding.weight.grad is not None
    assert model.compute_dtype == torch.bfloat16


def test_the_newest_is_found_by_its_step_and_not_by_its_name(tmp_path: Path) -> None:
    for step in (99_999_999, 100_000_000, 5):
        save(tmp_path, step)
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path)] == [5, 99_999_999, 100_000_000]
    assert newest_number(tmp_path) == 100_000_000


def test_what_is_no_checkpoint_is_not_taken_for_one(tmp_path: Path) -> None:
    save(tmp_path, 3)
    for name in (".00000009.tmp", "12", "00000008.bak", "notes", "²²²²²²²²"):
        (tmp_path / name).mkdir()
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path)] == [3]


def test_a_folder_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "absent") == (None, [])
    with pytest.raises(CheckpointError, match="absent holds no checkpoint; train first"):
        load_checkpoint(tmp_path / "absent")


def test_one_checkpoint_can_be_named_and_is_checked(two_steps: Path) -> None:
    older = two_steps / "00000001"
    assert number_in(load_checkpoint(older)) == 1
    with changed(older / "recipe.toml", b"name = 1\n"), pytest.raises(DamagedFileError, match=r"recipe\.toml is damaged"):
        load_checkpoint(older)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    checkpoint = save(tmp_path, 1)
    shape = files.read_json(checkpoint.folder / "model.json")
    del shape["model"]["copy_head"]
    files.write_json(checkpoint.folder / "model.json", shape)
    with pytest.raises(CheckpointError, match=r"holds weights of another shape than its model\.json says"):
        checkpoint.load_model()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_anywhere_is_noticed_and_the_older_checkpoint_used(two_steps: Path, data: st.DataObject) -> None:
    path = two_steps / "00000002" / data.draw(st.sampled_from(FILES))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with changed(path, bytes(content)):
        checkpoint, damages = newest_checkpoint(two_steps)
        assert number_in(checkpoint) == 1
        assert len(damages) == 1
        assert str(path) in damages[0]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_file_cut_short_anywhere_is_noticed_and_the_older_checkpoint_used(two_steps: Path, data: st.DataObject) -> None:
    path = two_steps / "00000002" / data.draw(st.sampled_from(FILES))
    content = path.read_bytes()
    with changed(path, content[: data.draw(st.integers(0, len(content) - 1))]):
        checkpoint, damages = newest_checkpoint(two_steps)
        assert number_in(checkpoint) == 1
        assert len(damages) == 1


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed_and_the_older_checkpoint_used(tmp_path: Path, name: str) -> None:
    save(tmp_path, 1)
    (save(tmp_path, 2).folder / name).unlink()
    checkpoint, damages = newest_checkpoint(tmp_path)
    assert number_in(checkpoint) == 1
    assert len(damages) == 1


def test_where_all_are_damaged_each_is_named(tmp_path: Path) -> None:
    for step in (1, 2):
        (save(tmp_path, step).folder / "model.safetensors").write_bytes(b"")
    assert newest_checkpoint(tmp_path)[0] is None
    with pytest.raises(CheckpointError, match=r"00000002/model\.safetensors .*00000001/model\.safetensors"):
        load_checkpoint(tmp_path)


def test_the_newest_stay_and_the_others_go(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    Retention(tmp_path, 2).apply()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000004"]


def test_a_damaged_checkpoint_does_not_count_among_those_that_stay(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    for step in (2, 4):
        (tmp_path / f"{step:08d}" / "model.safetensors").write_bytes(b"")
    Retention(tmp_path, 1).apply()
    assert newest_number(tmp_path) == 3
    assert [checkpoint.step for checkpoint in all_checkpoints(tmp_path)] == [3, 4]


def test_saving_the_same_step_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 5, number=1)
    save(tmp_path, 5, number=2)
    assert newest_number(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000005"]


def test_the_next_save_clears_away_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".00000004.tmp").mkdir()
    (tmp_path / ".00000004.tmp" / "model.safetensors").write_bytes(b"half")
    (tmp_path / ".metrics.jsonl.17.tmp").write_bytes(b"of another room")
    save(tmp_path, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".metrics.jsonl.17.tmp", "00000005"]


class Broken(OSError):
    """What a broken disk answers."""


class BreakingFile:
    """An open file whose writes can break."""

    def __init__(self, file: Any, act: Callable[[], None]) -> None:
        self.file, self.act = file, act

    def __enter__(self) -> "BreakingFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> int:
        self.file.write(data[: len(data) // 2])
        self.act()
        return self.file.write(data[len(data) // 2 :])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class BreakingDisk:
    """Lets everything that changes the disk fail: only the n-th time (`is_crash` false), or from then on."""

    OPERATIONS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int, *, is_crash: bool, number: int = errno.EIO) -> None:
        self.n, self.is_crash, self.number, self.count = n, is_crash, number, 0
        for name in self.OPERATIONS:
            real = os.fsync if name == "fsync" else getattr(os, name)
            monkeypatch.setattr(os, name, self.breaking((lambda _: None) if name == "fsync" else real))
        real_open = io.open

        def breaking_open(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            if "w" not in mode:
                return real_open(path, mode, *rest, **options)
            self.act()
            return BreakingFile(real_open(path, mode, *rest, **options), self.act)

        monkeypatch.setattr(io, "open", breaking_open)

    def act(self) -> None:
        """One operation: raises when its time has come."""
        self.count += 1
        if self.count == self.n or (self.is_crash and self.count > self.n):
            raise Broken(self.number, "broken")

    def breaking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            self.act()
            return real(*arguments, **options)

        return operation


ARGUMENTS: dict[str, Any] = {
    "model": model_of(2),
    "trainer_state": state_of(2),
    "facts": {"identity": "test"},
    "tokenizer": byte_tokenizer(),
    "recipe": 'name = "test"\n',
}


def saves_that_break(folder: Path, step: int, **how: Any) -> Iterator[OSError | DiskFullError | None]:
    """Beside a checkpoint of step 1, save one of `step` on a disk that breaks at its first operation, its second, and so on.

    Yields what was raised, and ends once a save comes through.
    """
    save(folder / "original", 1, number=1)
    n, raised, is_reached = 0, None, True
    while is_reached:
        n += 1
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        shutil.copytree(folder / "original", folder / "checkpoints")
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = BreakingDisk(monkeypatch, n, **how)
            try:
                save_checkpoint(folder / "checkpoints", step, **ARGUMENTS)
                raised = None
            except (OSError, DiskFullError) as error:
                raised = error
        is_reached = disk.count >= n
        yield raised
    assert n > 40


@pytest.mark.parametrize("is_crash", [True, False], ids=["crash", "error"])
@pytest.mark.parametrize("step", [1, 2], ids=["the same step", "a later step"])
def test_whatever_breaks_while_saving_the_old_or_the_new_one_loads(tmp_path: Path, step: int, is_crash: bool) -> None:
    folder, numbers = tmp_path / "checkpoints", []
    for raised in saves_that_break(tmp_path, step, is_crash=is_crash):
        checkpoint, damages = newest_checkpoint(folder)
        numbers.append(number_in(checkpoint))
        assert numbers[-1] == 2 or raised is not None
        assert damages == []
        save(folder, 3)
        Retention(folder, 1).apply()
        assert [path.name for path in folder.iterdir()] == ["00000003"]
    assert set(numbers) == {1, 2}
    assert numbers[-1] == 2


def test_a_disk_that_fills_up_at_any_write_is_told_with_the_bytes_needed_and_free(tmp_path: Path) -> None:
    errors = [error for error in saves_that_break(tmp_path, 2, is_crash=False, number=errno.ENOSPC) if error is not None]
    assert len(errors) > 40
    for error in errors:
        assert isinstance(error, DiskFullError)
        assert "checkpoints for the checkpoint of step 2: 0.0 MiB needed" in str(error)
        assert "MiB free; free some space, then run the same command again" in str(error)


@pytest.mark.parametrize("is_crash", [True, False], ids=["crash", "error"])
def test_whatever_breaks_while_old_ones_are_deleted_the_newest_loads(tmp_path: Path, is_crash: bool) -> None:
    n, is_reached = 0, True
    while is_reached:
        n += 1
        for step in (1, 2, 3):
            save(tmp_path, step)
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = BreakingDisk(monkeypatch, n, is_crash=is_crash)
            with suppress(OSError):
                Retention(tmp_path, 1).apply()
        is_reached = disk.count >= n
        for checkpoint in all_checkpoints(tmp_path):
            number_in(load_checkpoint(checkpoint.folder))
        assert newest_number(tmp_path) == 3
    assert n > 20
