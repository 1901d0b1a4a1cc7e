"""A run folder: one process at a time, one recipe, nothing stale taken for fresh, nothing lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handspun.errors import DamagedFileError, RunError
from handspun.runs import Run, list_runs
from handspun.superseded import move

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


def texts(folder: Path) -> dict[str, str]:
    """What the files below a folder say, records apart."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "stage.json"]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_what_another_key_had_made_moves_aside_and_comes_back_with_its_key(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished(run, "train", "aaaaaaaa1", "checkpoints/10/model")
    finished(run, "train", "bbbbbbbb2", "checkpoints/10/model")
    assert texts(run.superseded.folder) == {"train-aaaaaaaa/checkpoints/10/model": "made under aaaaaaaa1"}
    run.begin("train", "aaaaaaaa1", [run.checkpoints / "10" / "model"])
    assert run.is_fresh("train", "aaaaaaaa1")
    assert run.stages()["train"]["facts"] == {"n_files": 1}
    assert (run.checkpoints / "10" / "model").read_text() == "made under aaaaaaaa1"
    assert texts(run.superseded.folder) == {"train-bbbbbbbb/checkpoints/10/model": "made under bbbbbbbb2"}


def test_two_keys_that_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for key in ("aaaaaaaa1", "aaaaaaaa2", "bbbbbbbb3"):
        finished(run, "train", key, "model")
    assert texts(run.superseded.folder) == {
        "train-aaaaaaaa/model": "made under aaaaaaaa1",
        "train-aaaaaaaa-2/model": "made under aaaaaaaa2",
    }


def test_what_was_half_done_under_another_key_is_gone_on_with(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("train", "a" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    (run.checkpoints / "half").write_text("half")
    run.pause("train", 7.0)
    finished(run, "train", "b" * 64, "checkpoints/model")
    run.begin("train", "a" * 64, [run.checkpoints])
    assert texts(run.checkpoints) == {"half": "half"}
    assert not run.is_fresh("train", "a" * 64) and run.stages()["train"]["seconds"] == 7.0


def test_what_later_stages_made_of_the_old_result_moves_with_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished(run, "train", "a" * 64, "checkpoints/model")
    run.begin("evaluate", "e" * 64, [run.evaluation_path], beside=[run.report_path])
    run.evaluation_path.write_text("old")
    run.report_path.write_text("old")
    run.finish("evaluate", 1.0, {})
    moved = run.begin("train", "b" * 64, [run.checkpoints], later=["tune", "evaluate"])
    assert [folder.name for folder in moved] == ["train-aaaaaaaa", "evaluate-eeeeeeee"]
    assert list(run.stages()) == ["train"]
    assert not run.evaluation_path.exists() and not run.report_path.exists()
    run.undo("train", moved)
    assert run.is_fresh("train", "a" * 64) and run.is_fresh("evaluate", "e" * 64)
    assert run.report_path.read_text() == "old"
    assert not run.superseded.folder.exists()


def test_what_a_stage_had_made_before_it_failed_waits_for_its_key(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished(run, "train", "a" * 64, "checkpoints/model")
    moved = run.begin("train", "b" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    (run.checkpoints / "half").write_text("half")
    run.undo("train", moved)
    assert texts(run.checkpoints) == {"model": f"made under {'a' * 64}"}
    assert texts(run.superseded.folder) == {"train-bbbbbbbb/checkpoints/half": "half"}


def test_a_crash_while_moving_aside_loses_nothing_on_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    for way in ("a" * 64, "b" * 64):
        run.begin("train", "a" * 64, [run.checkpoints, run.metrics.path])
        run.checkpoints.mkdir(exist_ok=True)
        run.metrics.path.write_text("steps")
        run.finish("train", 1.0, {})
        with monkeypatch.context() as patch:
            patch.setattr("handspun.superseded.move", crashing_at(run.metrics.path))
            with pytest.raises(KeyboardInterrupt):
                run.begin("train", "b" * 64, [run.checkpoints, run.metrics.path])
        for key in dict.fromkeys([way, "a" * 64]):
            run.begin("train", key, [run.checkpoints, run.metrics.path])
        assert run.is_fresh("train", "a" * 64) and run.checkpoints.is_dir()


def crashing_at(path: Path) -> Callable[[Path, Path], None]:
    """A move that ends in a crash where it comes to `path`."""

    def move_or_crash(standing: Path, destination: Path) -> None:
        if standing == path:
            raise KeyboardInterrupt
        move(standing, destination)

    return move_or_crash


def test_an_error_before_anything_was_done_leaves_no_folder(tmp_path: Path) -> None:
    run = Run(tmp_path / "new" / "tiny")
    with pytest.raises(RunError, match="nothing"), run.entered("tiny", 'name = "tiny"\n'):
        run.begin("curate", "a" * 64, [run.corpus])
        raise RunError("nothing")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RunError, match="something"), run.entered("tiny", 'name = "tiny"\n'):
        finished(run, "curate", "a" * 64, "corpus/train.jsonl")
        raise RunError("something")
    assert run.recipe_name() == "tiny"


def test_an_error_that_changed_no_stage_leaves_the_recipe_as_it_was(tmp_path: Path) -> None:
    run, old, new = Run(tmp_path / "tiny"), 'name = "tiny"\nseed = 1\n', 'name = "tiny"\nseed = 2\n'
    with run.entered("tiny", old):
        finished(run, "curate", "a" * 64, "corpus/train.jsonl")
    with pytest.raises(RunError), run.entered("tiny", new):
        raise RunError("nothing")
    assert run.recipe_path.read_text() == old
    with pytest.raises(RunError), run.entered("tiny", new):
        finished(run, "curate", "b" * 64, "corpus/train.jsonl")
        raise RunError("something")
    assert run.recipe_path.read_text() == new


def test_what_is_no_run_folder_is_refused_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("years of work")
    refusals = {
        tmp_path: "holds thesis.md and no recipe.toml",
        tmp_path / "thesis.md": "is a file, and a run needs a folder",
        tmp_path / "thesis.md" / "below": "cannot be made a folder",
        Path("/proc/handspun"): "cannot be made a folder",
    }
    for path, sentence in refusals.items():
        with pytest.raises(RunError, match=f"{sentence}.*--run DIR"), Run(path).entered("tiny", 'name = "tiny"\n'):
            pytest.fail("a run in it")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


def test_what_an_interrupted_stage_of_the_same_key_had_made_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("train", "a" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    (run.checkpoints / "half").write_text("half")
    run.begin("train", "a" * 64, [run.checkpoints])
    assert (run.checkpoints / "half").read_text() == "half"
    assert not run.superseded.folder.exists()


def test_what_an_interrupted_stage_of_another_key_had_made_is_not_resumed_from(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("train", "a" * 64, [run.checkpoints])
    run.checkpoints.mkdir()
    run.begin("train", "b" * 64, [run.checkpoints])
    assert not run.checkpoints.exists()
    assert (run.superseded.folder / "train-aaaaaaaa" / "checkpoints").is_dir()


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
