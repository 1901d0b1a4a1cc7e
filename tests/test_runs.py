"""A run folder: one process at a time, one recipe, nothing stale taken for fresh, nothing lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.errors import DamagedFileError, RunError
from handspun.runs import Run, code_version, list_runs, stage_key

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from handspun.runs import Run
with Run(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    time.sleep(60)
"""


def holder_of(run: Run) -> subprocess.Popen[str]:
    """Another process that holds the lock of a run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def finished(run: Run, stage: str, key: str, output: str) -> None:
    """Let `stage` run to its end under `key`: it makes one file that says so."""
    path = run.path / output
    run.begin(stage, key, [path])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"made under {key}")
    run.finish(stage, 1.5, {"n_files": 1})


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    run = Run(tmp_path / "tiny")
    with holder_of(run) as process:
        with pytest.raises(RunError, match=rf"in use by process {process.pid} .*kill {process.pid}.*--run DIR"), run.lock():
            pytest.fail("two processes in one run folder")
        process.kill()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    run = Run(tmp_path / "tiny")
    with holder_of(run) as process:
        process.send_signal(signal.SIGKILL)
    with run.lock():
        assert (run.path / ".lock").read_text().split()[0] == str(os.getpid())


def test_a_folder_belongs_to_the_recipe_that_made_it(tmp_path: Path) -> None:
    run = Run(tmp_path / "tiny")
    run.claim("tiny", 'name = "tiny"\nseed = 1\n')
    run.claim("tiny", 'name = "tiny"\nseed = 2\n')
    assert run.recipe_path.read_text() == 'name = "tiny"\nseed = 2\n'
    with pytest.raises(RunError, match=r'name="tiny" and this recipe has name="large"; .*--run DIR'):
        run.claim("large", 'name = "large"\n')
    assert run.recipe_name() == "tiny"


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("years of work")
    with pytest.raises(RunError, match=r"holds thesis\.md and no recipe\.toml"):
        Run(tmp_path).claim("tiny", 'name = "tiny"\n')
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("name = ")
    with pytest.raises(RunError, match="names no recipe"):
        Run(tmp_path).claim("tiny", 'name = "tiny"\n')


def test_a_stage_is_fresh_under_the_key_it_finished_with_and_no_other(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert not run.is_fresh("tokenize", "a" * 64)
    run.begin("tokenize", "a" * 64, [run.tokens])
    assert not run.is_fresh("tokenize", "a" * 64)
    finished(run, "tokenize", "a" * 64, "tokens/0.bin")
    assert run.is_fresh("tokenize", "a" * 64)
    assert not run.is_fresh("tokenize", "b" * 64)
    assert run.stages()["tokenize"]["facts"] == {"n_files": 1}


def test_a_stage_whose_output_was_deleted_is_not_fresh(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished(run, "tokenize", "a" * 64, "tokens/0.bin")
    (run.tokens / "0.bin").unlink()
    assert not run.is_fresh("tokenize", "a" * 64)


def test_what_another_key_had_made_moves_aside_and_is_never_lost(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for key in ("aaaaaaaa1", "bbbbbbbb2", "aaaaaaaa1", "bbbbbbbb2"):
        finished(run, "train", key, "checkpoints/10/model")
    kept = {
        path.relative_to(run.superseded).as_posix(): path.read_text() for path in run.superseded.rglob("*") if path.is_file()
    }
    assert kept == {
        "train-aaaaaaaa/checkpoints/10/model": "made under aaaaaaaa1",
        "train-aaaaaaaa/checkpoints/10/model-2": "made under aaaaaaaa1",
        "train-bbbbbbbb/checkpoints/10/model": "made under bbbbbbbb2",
    }
    assert (run.checkpoints / "10" / "model").read_text() == "made under bbbbbbbb2"


def test_what_an_interrupted_stage_of_the_same_key_had_made_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("train", "a" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    (run.checkpoints / "half").write_text("half")
    run.begin("train", "a" * 64, [run.checkpoints])
    assert (run.checkpoints / "half").read_text() == "half"
    assert not run.superseded.exists()


def test_what_an_interrupted_stage_of_another_key_had_made_is_not_resumed_from(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("train", "a" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    run.begin("train", "b" * 64, [run.checkpoints])
    assert not run.checkpoints.exists()
    assert (run.superseded / "train-aaaaaaaa" / "checkpoints").is_dir()


def test_a_crash_while_moving_aside_does_not_look_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    finished(run, "train", "a" * 64, "checkpoints/model")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run.begin("train", "b" * 64, [run.checkpoints / "model"])
    assert not run.is_fresh("train", "a" * 64)
    assert not run.is_fresh("train", "b" * 64)


def test_a_flipped_byte_in_the_records_is_noticed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished(run, "train", "a" * 64, "checkpoints/model")
    run.stages_path.write_text(run.stages_path.read_text().replace("1.5", "1.6"))
    with pytest.raises(DamagedFileError, match=r"stages\.json is damaged"):
        run.is_fresh("train", "a" * 64)


def test_a_key_moves_with_each_thing_it_is_made_of_and_with_nothing_else() -> None:
    def key(tables: dict | None = None, inputs: dict | None = None, code: dict | None = None, stage: str = "train") -> str:
        return stage_key(
            stage, tables=tables or {"b": 1, "a": (2, 3)}, inputs=inputs or {"shards": "x"}, code=code or {"train": "y"}
        )

    assert key() == key(tables={"a": [2, 3], "b": 1})
    changed = [key(stage="tune"), key(tables={"a": [2, 3], "b": 2}), key(inputs={"shards": "z"}), key(code={"train": "z"})]
    assert len({key(), *changed}) == 5


def test_the_code_of_a_room_has_a_version_and_rooms_differ() -> None:
    versions = {code_version(room) for room in ("cli", "corpus", "errors", "files")}
    assert len(versions) == 4
    assert all(len(version) == 64 for version in versions)


def test_runs_are_listed_with_how_far_they_came(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run = Run(tmp_path / name)
        run.claim(f"recipe-{name}", f'name = "recipe-{name}"\n')
        finished(run, "tokenize", "a" * 64, "tokens/0.bin")
        run.metrics.append({"step": 10, "val_bpb": 1.75})
        run.metrics.append({"step": 11, "train_loss": 2.0})
    (tmp_path / "not a run").mkdir()
    summaries = [run.summary() for run in list_runs(tmp_path)]
    assert [(summary.name, summary.stage, summary.steps, summary.val_bpb) for summary in summaries] == [
        ("recipe-a", "tokenize", 11, 1.75),
        ("recipe-b", "tokenize", 11, 1.75),
    ]
    assert list_runs(tmp_path / "absent") == []
