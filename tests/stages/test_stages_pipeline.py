"""A stage is done once, again where what decides it has changed, and what stood there before is never lost."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handspun.errors import CheckpointError, CorpusError, DamagedFileError, SettingsError
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.stages.pipeline import STAGES, run_stages
from handspun.stages.record import Recorder
from handspun.stages.stage import Outcome, Workshop
from handspun.train.trainer import StepReport


class Listener:
    """Keeps what the stages say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def progress(self, stage: str, unit: str) -> Iterator[Any]:
        yield lambda done, total=None, **fields: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def sample(self, prompt: str, text: str) -> None:
        pass


def made(
    recipe: Path, folder: Path, *overrides: str, until: str = "evaluate", listener: Listener | None = None
) -> dict[str, Outcome]:
    """What becomes of each stage of a recipe in a folder."""
    workshop = Workshop(load_recipe(str(recipe), overrides), Run(folder), listener or Listener())
    return {outcome.stage: outcome for outcome in run_stages(workshop, until=until)}


def done_again(outcomes: dict[str, Outcome]) -> list[str]:
    """The stages that were not fresh."""
    return [name for name, outcome in outcomes.items() if not outcome.was_fresh]


def weights(folder: Path, step: int) -> bytes:
    """The weights of a checkpoint."""
    return (folder / f"{step:08d}" / "model.safetensors").read_bytes()


def test_a_finished_run_has_every_stage_in_order_and_all_of_it_is_fresh(tiny_recipe: Path, finished_run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
    outcomes = made(tiny_recipe, finished_run)
    asked_for = [stage.name for stage in STAGES if stage.name != "index"]  # the recipe has no [retrieve]
    assert list(outcomes) == asked_for == list(Run(finished_run).stages())
    assert done_again(outcomes) == []
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


def test_a_fresh_stage_tells_the_time_and_the_facts_of_when_it_was_done(tiny_recipe: Path, finished_run: Path) -> None:
    train = made(tiny_recipe, finished_run)["train"]
    assert train.seconds > 0
    assert train.facts["step"] == 12


def test_a_changed_train_table_trains_anew_without_tokenizing_and_keeps_the_old_checkpoints(
    tiny_recipe: Path, run_copy: Path
) -> None:
    run, old_weights, old_metrics = (
        Run(run_copy),
        weights(run_copy / "checkpoints", 12),
        (run_copy / "metrics.jsonl").read_text(),
    )
    before, tokens = run.stages(), {path: path.stat().st_mtime_ns for path in run.tokens.rglob("*")}
    assert done_again(made(tiny_recipe, run_copy, "train.lr=0.001", until="train")) == ["train"]
    after = run.stages()
    assert {path: path.stat().st_mtime_ns for path in run.tokens.rglob("*")} == tokens
    assert [after[name]["key"] == before[name]["key"] for name in ("curate", "tokenize", "train")] == [True, True, False]
    (superseded,) = run.superseded.folder.glob("train-*")
    assert weights(superseded / "checkpoints", 12) == old_weights != weights(run.checkpoints, 12)
    assert (superseded / "metrics.jsonl").read_text() == old_metrics


def test_what_was_trained_before_is_said_to_be_replaced_and_is_taken_back(tiny_recipe: Path, run_copy: Path) -> None:
    run, old, said = Run(run_copy), weights(run_copy / "tuned", 4), Listener()
    made(tiny_recipe, run_copy, "train.lr=0.001", until="train", listener=said)
    assert said.said[0].startswith("train: train.lr 0.004 → 0.001; its old result, and what was made of it, is in ")
    assert run.summary().stage == "train" and not run.evaluation_path.exists() and not run.report_path.exists()
    outcomes = made(tiny_recipe, run_copy, listener=(said := Listener()))
    assert said.said[0].startswith(f"train: train.lr 0.001 → 0.004; its old result is in {run.superseded.folder}/train-")
    assert done_again(outcomes) == []
    assert [name for name, outcome in outcomes.items() if outcome.was_taken_back] == ["train", "tune", "evaluate"]
    assert weights(run_copy / "tuned", 4) == old and run.evaluation_path.exists() and run.report_path.exists()


def test_a_stage_that_fails_leaves_what_was_there_before(tiny_recipe: Path, run_copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_copy.rglob("*") if path.is_file() and path.name != "stages.json"}
    records, said = Run(run_copy).stages(), Listener()
    with pytest.raises(CorpusError, match="nowhere"):
        made(tiny_recipe, run_copy, 'corpus.sources=["nowhere"]', listener=said)
    assert said.said == []
    with pytest.raises(CorpusError, match="holds out none"):
        made(tiny_recipe, run_copy, "corpus.val_share=0.0001", listener=said)
    after = {path: path.stat().st_mtime_ns for path in run_copy.rglob("*") if path.is_file() and path.name != "stages.json"}
    assert (after, Run(run_copy).stages()) == (before, records)
    assert said.said[-1] == "curate has failed: what was there before is back"
    assert not Run(run_copy).superseded.folder.exists()


def test_a_training_that_fails_leaves_the_old_model_and_goes_on_later(
    tiny_recipe: Path, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = weights(run_copy / "checkpoints", 12)
    with monkeypatch.context() as patch:
        patch.setattr("handspun.stages.record.Recorder.step", failing_at_step(6))
        with pytest.raises(CheckpointError, match="step 6"):
            made(tiny_recipe, run_copy, "train.lr=0.001", until="train")
    assert weights(run_copy / "checkpoints", 12) == old and Run(run_copy).summary().stage == "evaluate"
    made(tiny_recipe, run_copy, "train.lr=0.001", until="train", listener=(said := Listener()))
    assert "going on after step 4 of 12" in said.said


def failing_at_step(step: int) -> Callable[[Recorder, StepReport], None]:
    """A recorder's method that records as ever, until a step at which everything ends."""
    record = Recorder.step

    def record_or_fail(recorder: Recorder, report: StepReport) -> None:
        if report.step == step:
            raise CheckpointError(f"step {step}")
        record(recorder, report)

    return record_or_fail


def test_the_time_of_a_stage_adds_up_over_its_sessions(
    tiny_recipe: Path, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(run_copy)
    shutil.rmtree(run_copy / "checkpoints")
    run.metrics.path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("handspun.stages.record.Recorder.step", failing_at_step(6))
        with pytest.raises(CheckpointError):
            made(tiny_recipe, run_copy, until="train")
    run.pause("train", 1000.0)
    assert 1000 < made(tiny_recipe, run_copy, until="train")["train"].seconds < 2000
    assert 1000 < run.stages()["train"]["seconds"] < 2000


def test_the_time_of_a_killed_session_is_that_of_its_last_step(tiny_recipe: Path, run_copy: Path) -> None:
    run = Run(run_copy)
    shutil.rmtree(run_copy / "checkpoints" / "00000012")
    run.metrics.append({"step": 11, "seconds": 500.0})
    assert 500 < made(tiny_recipe, run_copy, until="train")["train"].seconds < 1000


def test_other_tables_leave_training_alone(tiny_recipe: Path, run_copy: Path) -> None:
    assert done_again(made(tiny_recipe, run_copy, "generate.temperature=0.5")) == []
    assert done_again(made(tiny_recipe, run_copy, "evaluate.ngram_order=3")) == ["evaluate"]


def test_how_the_work_is_shared_shown_and_kept_is_not_what_a_run_is(tiny_recipe: Path, run_copy: Path) -> None:
    free = ("train.micro_batch=2", "train.parallel=fsdp", "train.save_every=3", "train.keep_every=4", "train.eval_every=5")
    assert done_again(made(tiny_recipe, run_copy, *free)) == []
    assert "train" in done_again(made(tiny_recipe, run_copy, *free, "train.lr=0.002", until="train"))


def test_a_source_that_has_changed_is_read_again(tiny_recipe: Path, run_copy: Path) -> None:
    copied = Path(shutil.copy(tiny_recipe.with_name("texts.jsonl"), run_copy.with_name("copied.jsonl")))
    more = f'corpus.sources=["{copied}"]'
    made(tiny_recipe, run_copy, more, until="curate")
    assert done_again(made(tiny_recipe, run_copy, more, until="curate")) == []
    with copied.open("a") as file:
        file.write(json.dumps({"text": "One more text about shards."}) + "\n")
    assert done_again(made(tiny_recipe, run_copy, more, until="curate")) == ["curate"]


def test_a_source_that_was_only_touched_is_read_again_and_nothing_else_is_done(tiny_recipe: Path, run_copy: Path) -> None:
    copied = Path(shutil.copy(tiny_recipe.with_name("texts.jsonl"), run_copy.with_name("copied.jsonl")))
    of_copy = f'corpus.sources=["{copied}"]'
    made(tiny_recipe, run_copy, of_copy)
    copied.touch()
    outcomes = made(tiny_recipe, run_copy, of_copy, listener=(said := Listener()))
    assert done_again(outcomes) == ["curate"]
    assert said.said[0].startswith(f"curate: another {copied}; its old result, and what was made of it, is in ")


def test_training_that_lost_its_last_checkpoint_goes_on_from_the_one_before(tiny_recipe: Path, run_copy: Path) -> None:
    last = weights(run_copy / "checkpoints", 12)
    shutil.rmtree(run_copy / "checkpoints" / "00000012")
    assert done_again(made(tiny_recipe, run_copy)) == ["train"]
    assert weights(run_copy / "checkpoints", 12) == last
    assert not Run(run_copy).superseded.folder.exists()


def test_tokens_that_are_gone_are_made_again_and_nothing_else(tiny_recipe: Path, run_copy: Path) -> None:
    shutil.rmtree(run_copy / "tokens" / "train")
    assert done_again(made(tiny_recipe, run_copy, listener=(said := Listener()))) == ["tokenize"]
    assert said.said == [f"tokenize: {run_copy / 'tokens' / 'train'} is gone"]


def test_a_damaged_checkpoint_is_named_and_not_replaced_by_an_older_one(tiny_recipe: Path, run_copy: Path) -> None:
    damaged = run_copy / "tuned" / "00000004" / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match=r"tuned/00000004/model\.safetensors"):
        made(tiny_recipe, run_copy)


def test_a_recipe_that_no_longer_tunes_sets_the_tuned_model_aside(tiny_recipe: Path, run_copy: Path) -> None:
    untuned = run_copy.with_name("untuned.toml")
    untuned.write_text(tiny_recipe.read_text().replace("[tune]\ntrain_tokens = 1024\nwarmup_steps = 1\n", ""))
    run, tuned = Run(run_copy), weights(run_copy / "tuned", 4)
    assert run.finished == run.tuned
    assert done_again(made(untuned, run_copy)) == ["evaluate"]
    assert run.finished == run.checkpoints
    (set_aside,) = run.superseded.folder.glob("tune-*")
    assert weights(set_aside / "tuned", 4) == tuned
    assert done_again(made(untuned, run_copy)) == []


def test_a_stage_that_the_recipe_has_not_cannot_be_asked_for(tiny_recipe: Path, tmp_path: Path) -> None:
    untuned = tmp_path / "untuned.toml"
    untuned.write_text(tiny_recipe.read_text().partition("[tune]")[0])
    with pytest.raises(SettingsError, match=r'the recipe "tiny" has no table \[tune\]'):
        made(untuned, tmp_path / "run", until="tune")
    assert not (tmp_path / "run").exists()


def test_evaluating_what_was_never_trained_says_so(tiny_recipe: Path, run_copy: Path) -> None:
    workshop = Workshop(load_recipe(str(tiny_recipe)), Run(run_copy), Listener())
    shutil.rmtree(run_copy / "tuned")
    with pytest.raises(CheckpointError, match="tuned/00000004 holds no checkpoint"):
        STAGES[-1].key(workshop)
