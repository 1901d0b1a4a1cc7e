"""Metrics are shown where the recipe says, a resumed run goes on in the same place, and an absent package is named in time."""

import time
from pathlib import Path

import pytest

from handspun.errors import SettingsError
from handspun.sinks import PROJECT, SINKS, Shown, open_sinks, require_packages


def shown_twice(sink: str, folder: Path) -> Shown:
    """A run that breaks off after five steps, the last two unsaved, and goes on after the third."""
    shown = Shown("tiny-train-abcdef12", folder, {"name": "tiny", "train": {"lr": 0.004}})
    for first, last, loss in ((1, 5, 3.0), (4, 6, 2.0)):
        (opened,) = open_sinks([sink], shown, first - 1)
        for step in range(first, last + 1):
            opened.write(step, {"train_loss": loss, "lr": 0.004})
        opened.write(last, {"val_bpb": loss / 2})
        opened.close()
    return shown


def test_tensorboard_reads_back_each_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra: handspun[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = shown_twice("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard" / shown.name))
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("train_loss")]
    assert losses == [(1, 3.0), (2, 3.0), (3, 3.0), (4, 2.0), (5, 2.0), (6, 2.0)]
    assert [(event.step, event.value) for event in events.Scalars("val_bpb")] == [(6, 1.0)]


def test_trackio_goes_on_with_the_same_run_and_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    storage = pytest.importorskip("trackio.sqlite_storage", reason="trackio is an extra: handspun[trackio]").SQLiteStorage
    shown = shown_twice("trackio", tmp_path)
    assert storage.get_runs(PROJECT) == [shown.name]
    rows = storage.get_logs(PROJECT, shown.name)
    assert max(row["step"] for row in rows) == 6
    assert [row["train_loss"] for row in rows if row["step"] == 6 and "train_loss" in row] == [2.0]
    assert storage.get_run_config(PROJECT, shown.name)["name"] == "tiny"
    assert capsys.readouterr().out == ""


def test_wandb_stays_offline_and_goes_on_under_the_same_id(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="wandb is an extra: handspun[wandb]")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    shown = shown_twice("wandb", tmp_path)
    files = sorted((tmp_path / "wandb").glob(f"offline-run-*-{shown.name}/run-{shown.name}.wandb"))
    assert len(files) == 2
    waiting = range(100)  # wandb's own process writes the files, soon
    assert all(any(b"train_loss" in file.read_bytes() or time.sleep(0.1) for _ in waiting) for file in files)
    assert capsys.readouterr().out == ""


def test_a_package_that_is_absent_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r'names no_such_sink, which is not installed: pip install "handspun\[no_such_sink\]"'
    ):
        require_packages(["no_such_sink"])
    require_packages([])


def test_a_package_that_refuses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("nobody is logged in\nTraceback of a stranger")

    monkeypatch.setitem(SINKS, "tensorboard", refuse)
    monkeypatch.setattr("handspun.sinks.find_spec", lambda name: "installed")
    with pytest.raises(
        SettingsError, match=r"^tensorboard cannot show this run \(nobody is logged in\); mend that, or leave it out"
    ):
        open_sinks(["tensorboard"], Shown("tiny", tmp_path, {}), 0)


def test_no_sinks_need_no_package(tmp_path: Path) -> None:
    assert open_sinks([], Shown("tiny", tmp_path, {}), 0) == []
