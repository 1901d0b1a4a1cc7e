"""handspun make does what is not done, says so, and ends every mistake in one sentence."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.cli.make import next_commands
from handspun.recipe import find_recipe
from handspun.runs import Run

HOLD = """
import sys
from pathlib import Path
from handspun.runs import Run
with Run(Path(sys.argv[1])).lock():
    print(flush=True)
    input()
"""


def refused(arguments: list[str], capsys: pytest.CaptureFixture) -> str:
    """The one sentence that a command ends in."""
    capsys.readouterr()
    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and captured.err.endswith(errors[0] + "\n")
    assert "Traceback" not in captured.err
    assert re.search(r"[.?)]$", errors[0])
    return errors[0]


def test_a_second_make_does_nothing_and_says_so(tiny_recipe: Path, finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert run(["make", str(tiny_recipe), "--run", str(finished_run)]) == 0
    captured = capsys.readouterr()
    stages = ("curate", "tokenize", "train", "tune", "evaluate")
    assert captured.err.splitlines() == [
        *(f"{stage}: nothing to do" for stage in stages),
        "nothing to do: every stage is fresh.",
    ]
    assert "bits per byte" in captured.out and f"handspun chat {finished_run}" in captured.out


def test_json_is_one_object_with_what_was_measured(
    tiny_recipe: Path, finished_run: Path, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    assert run(["make", str(tiny_recipe), "--run", str(finished_run), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert {"val_bpb", "xz_bpb", "ngram_bpb", "seconds", "run"} <= measured.keys()
    assert list(measured["seconds"]) == ["curate", "tokenize", "train", "tune", "evaluate"]
    assert measured["run"] == str(finished_run)


def test_a_run_folder_is_a_recipe_and_goes_on_in_itself(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["make", str(finished_run)]) == 0
    assert "nothing to do: every stage is fresh." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_the_run_is_called_as_its_recipe(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["curate", str(tiny_recipe), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["run"] == "runs/tiny"
    assert facts["n_conversations"] == 24
    assert (tmp_path / "runs" / "tiny" / "corpus" / "train.jsonl").is_file()


def test_each_stage_has_a_verb_that_ends_with_it(tiny_recipe: Path, finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    for verb, fact in (("curate", "sources"), ("tokenize", "vocab_size"), ("train", "step"), ("tune", "step")):
        capsys.readouterr()
        assert run([verb, str(tiny_recipe), "--run", str(finished_run), "--json"]) == 0
        assert fact in json.loads(capsys.readouterr().out)


def test_a_run_keeps_its_recipe_its_origin_and_its_report(finished_run: Path) -> None:
    assert (finished_run / "recipe.toml").read_text().startswith('name = "tiny"\n')
    assert {"seed", "versions", "machine", "data"} <= json.loads((finished_run / "provenance.json").read_text()).keys()
    assert "bits per byte" in (finished_run / "report.md").read_text()
    checkpoint = finished_run / "checkpoints" / "00000012"
    names = {path.name for path in checkpoint.iterdir()}
    assert {"model.safetensors", "model.json", "tokenizer.json", "trainer.json", "recipe.toml"} <= names


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["train.learning_rate=1"], "train.learning_rate=1 is no key of a recipe; did you mean train."),
        (["modle.d_model=64"], "modle.d_model=64 is no key of a recipe; did you mean model.d_model?"),
        (["train.lr=fast"], 'train.lr="fast" should be float'),
        (["model.n_layers=1.5"], "model.n_layers=1.5 should be int"),
        (["model.activation=gelo"], 'model.activation="gelo" should be'),
        (["model.d_model=33"], "model.d_model=33: not divisible by n_heads=2; 32 would be."),
        (["train.seq_len=256", "train.batch_tokens=1024"], "train.seq_len=256: more than model.max_seq_len=128"),
        (["train.batch_tokens=100"], "train.batch_tokens=100: not a multiple of seq_len × micro_batch = 256"),
        (["corpus.conversations=[]"], "train.chat_share=0.5: there are no conversations"),
        (["name=a/b"], 'name="a/b": must be a plain file name'),
        (["train.lr"], '"train.lr" is not an override'),
        (["evaluate.question_kind=why"], 'evaluate.question_kind="why" should be'),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_key_and_value(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture, overrides: list[str], named: str
) -> None:
    assert named in refused(["make", str(tiny_recipe), *overrides, "--run", str(tmp_path / "run")], capsys)
    assert not (tmp_path / "run").exists()


def test_as_a_program_it_ends_with_code_1_and_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "handspun", "make", "quickstart", "train.lrr=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: train.lrr=1 is no key of a recipe; did you mean train.lr?\n"
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_that_is_not_there_is_refused_with_a_near_name(capsys: pytest.CaptureFixture) -> None:
    assert 'did you mean "quickstart"?' in refused(["make", "quickstrt"], capsys)
    assert "nowhere.toml is not a file" in refused(["make", "nowhere.toml"], capsys)


def test_a_corpus_without_text_is_refused(tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty.txt").write_text(" \n\n")
    source = f'corpus.sources=["{tmp_path / "empty.txt"}"]'
    sentence = refused(["make", str(tiny_recipe), source, "--run", str(tmp_path / "run")], capsys)
    assert "no text to train on is left of corpus.sources" in sentence


def test_a_source_that_is_not_there_is_refused(tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sentence = refused(["make", str(tiny_recipe), 'corpus.sources=["nowhere.txt"]', "--run", str(tmp_path / "run")], capsys)
    assert '"nowhere.txt", which does not exist' in sentence


def test_a_vocabulary_larger_than_the_corpus_supports_is_refused_with_one_that_is_not(
    tiny_recipe: Path, run_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    tokens = (run_copy / "tokens" / "train" / "manifest.json").read_bytes()
    sentence = refused(["make", str(tiny_recipe), "tokens.vocab_size=5000", "--run", str(run_copy)], capsys)
    assert "tokens.vocab_size=5000 is more than the corpus supports" in sentence
    assert (run_copy / "tokens" / "train" / "manifest.json").read_bytes() == tokens
    assert run(["make", str(tiny_recipe), "--run", str(run_copy)]) == 0
    assert "nothing to do: every stage is fresh." in capsys.readouterr().err


def test_a_shard_with_a_flipped_bit_is_refused_by_its_path(
    tiny_recipe: Path, run_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    (shard,) = (run_copy / "tokens" / "train").glob("tokens-*.bin")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    sentence = refused(["make", str(tiny_recipe), "train.lr=0.001", "--run", str(run_copy)], capsys)
    assert str(shard) in sentence and "delete its folder and run again" in sentence
    shutil.rmtree(shard.parent)
    assert run(["tokenize", str(tiny_recipe), "train.lr=0.001", "--run", str(run_copy)]) == 0
    assert "tokenize: done" in capsys.readouterr().err


def test_a_truncated_checkpoint_is_refused_by_its_path_and_trained_again_once_deleted(
    tiny_recipe: Path, run_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    weights = run_copy / "tuned" / "00000004" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    sentence = refused(["make", str(tiny_recipe), "--run", str(run_copy)], capsys)
    assert str(weights) in sentence and "delete its folder and run again" in sentence
    shutil.rmtree(weights.parent)
    assert run(["make", str(tiny_recipe), "--run", str(run_copy)]) == 0
    assert weights.read_bytes() == whole


def test_a_folder_of_another_recipe_is_refused_and_left_alone(
    tiny_recipe: Path, finished_run: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*") if path.name != ".lock"}
    sentence = refused(["make", str(tiny_recipe), "name=other", "--run", str(finished_run)], capsys)
    assert 'was made by name="tiny" and this recipe has name="other"' in sentence
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*") if path.name != ".lock"} == before


def test_a_folder_that_is_no_run_is_refused(tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    assert "thesis.txt" in refused(["make", str(tiny_recipe), "--run", str(tmp_path)], capsys)


def test_of_two_processes_on_one_run_the_second_is_refused(
    tiny_recipe: Path, run_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    command = [sys.executable, "-c", HOLD, str(run_copy)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        sentence = refused(["make", str(tiny_recipe), "--run", str(run_copy)], capsys)
        holder.communicate("\n")
    assert f"is in use by process {holder.pid}" in sentence
    assert run(["make", str(tiny_recipe), "--run", str(run_copy)]) == 0


def test_a_recipe_without_a_tune_table_is_not_tuned(tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    untuned = tmp_path / "untuned.toml"
    untuned.write_text(tiny_recipe.read_text().partition("[tune]")[0])
    assert "no table [tune]" in refused(["tune", str(untuned), "--run", str(tmp_path / "run")], capsys)


def test_who_has_made_quickstart_is_told_how_to_ask_its_index(tmp_path: Path, finished_run: Path) -> None:
    shutil.copy(find_recipe("quickstart"), tmp_path / "recipe.toml")
    asks = [command for command in next_commands(Run(tmp_path)) if command.startswith(f"handspun ask {tmp_path} ")]
    assert len(asks) == 1
    assert not any(command.startswith("handspun ask") for command in next_commands(Run(finished_run)))
