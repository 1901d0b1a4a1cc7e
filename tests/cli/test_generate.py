"""handspun generate answers people in words and scripts in one object."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.cli.make import next_commands
from handspun.runs import Run


def answered(arguments: list[str], capsys: pytest.CaptureFixture) -> list[dict]:
    """The replies as scripts get them."""
    capsys.readouterr()
    assert run(["generate", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["replies"]


def test_every_prompt_gets_a_reply_with_its_tokens(finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    replies = answered([str(finished_run), "What is a shard?", "What is a token?"], capsys)
    assert [reply["prompt"] for reply in replies] == ["What is a shard?", "What is a token?"]
    for reply in replies:
        assert reply.keys() == {"prompt", "reply", "finish_reason", "prompt_tokens", "tokens"}
        assert reply["finish_reason"] in ("end", "length")
        assert len(reply["tokens"]) <= 12
        assert reply["prompt_tokens"][:2] == ["<|endoftext|>", "<|user|>"]
        for token in reply["tokens"]:
            assert token.keys() == {"text", "log_prob", "copied_from"}
            if token["copied_from"] is not None:
                assert reply["prompt_tokens"][token["copied_from"]] == token["text"]


def test_a_passage_is_read_before_the_prompt_also_from_a_file(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "passage.txt").write_text("A shard holds words.")
    (spoken,) = answered([str(finished_run), "What is a shard?", "--passage", "A shard holds words."], capsys)
    (read,) = answered([str(finished_run), "What is a shard?", "--passage", f"@{tmp_path / 'passage.txt'}"], capsys)
    assert spoken == read
    assert spoken["prompt_tokens"][:2] == ["<|endoftext|>", "<|passage|>"]


def test_text_is_continued_as_it_is(finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    (reply,) = answered([str(finished_run), "A shard", "--text", "generate.max_new_tokens=3"], capsys)
    assert "".join(reply["prompt_tokens"]) == "<|endoftext|>A shard"
    capsys.readouterr()
    assert run(["generate", str(finished_run), "A shard", "--text", "generate.max_new_tokens=3"]) == 0
    assert capsys.readouterr().out == f"A shard{reply['reply']}\n"


def test_settings_are_overridden_and_a_seed_repeats_itself(finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    hot = [str(finished_run), "What is a shard?", "generate.temperature=5.0", "generate.max_new_tokens=8"]
    first, again = answered([*hot, "generate.seed=1"], capsys), answered([*hot, "generate.seed=1"], capsys)
    others = [answered([*hot, f"generate.seed={seed}"], capsys) for seed in (2, 3, 4)]
    assert first == again
    assert any(other != first for other in others)


def test_a_prompt_comes_from_standard_input_where_none_is_given(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What is a shard?\n"))
    (reply,) = answered([str(finished_run)], capsys)
    assert reply["prompt"] == "What is a shard?"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["What is " + "a shard " * 80], "tokens and this model reads 128 with its reply; shorten the prompt."),
        ([""], "the prompt is empty"),
        (["A", "B", ""], "prompt 3 of 3 is empty"),
        (["What?", "--passage", "It.", "--passage", "That."], "--passage is given 2 times"),
        (["What?", "--passage", "@nowhere.txt"], "the passage @nowhere.txt cannot be read (no such file or directory)"),
        (["What?", "model.n_layers=3"], "model.n_layers=3 changes nothing in a trained model; override keys of [generate]."),
        (["na\udcefve"], "the prompt is not UTF-8"),
        (["What?", "--passage", "It.", "--text"], "leave one of them out"),
        (["What?", "generate.temprature=1"], "generate.temprature=1 is no key of a recipe; did you mean generate.temperature?"),
        (["What?", "generate.top_p=2"], "generate.top_p=2.0: must be above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    finished_run: Path, capsys: pytest.CaptureFixture, arguments: list[str], named: str
) -> None:
    capsys.readouterr()
    assert run(["generate", str(finished_run), *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("error: ") and named in captured.err


def test_a_run_that_is_not_there_is_named_beside_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["generate", "tiny", "Hello"]) == 1
    assert "there are none yet: `handspun make quickstart` makes one." in capsys.readouterr().err
    (tmp_path / "runs" / "other").mkdir(parents=True)
    (tmp_path / "runs" / "other" / "recipe.toml").write_text('name = "other"\n')
    assert run(["generate", "tiny", "Hello"]) == 1
    assert capsys.readouterr().err == 'error: no run "tiny"; there are other.\n'


def test_a_run_that_is_not_trained_says_so(tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["curate", str(tiny_recipe), "--run", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert run(["generate", str(tmp_path / "run"), "Hello"]) == 1
    assert "holds no checkpoint; train first." in capsys.readouterr().err


def test_only_of_a_model_that_read_no_conversations_is_said_that_it_cannot_reply(
    run_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    shutil.rmtree(run_copy / "tuned")
    assert run(["generate", str(run_copy), "What is a shard?"]) == 0
    assert "a base model" not in capsys.readouterr().err
    recipe = run_copy / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("chat_share = 0.5", "chat_share = 0.0"))
    assert run(["generate", str(run_copy), "What is a shard?"]) == 0
    assert "a base model: it goes on with texts and has learnt no replies" in capsys.readouterr().err
    assert run(["generate", str(run_copy), "A shard", "--text"]) == 0
    assert "a base model" not in capsys.readouterr().err
    assert next_commands(Run(run_copy))[0].endswith("--text")


@pytest.mark.parametrize("verb", [["chat"], ["generate"], ["show", "batch"]])
def test_a_mistyped_run_or_key_is_refused_before_anything_heavy_is_loaded(verb: list[str], finished_run: Path) -> None:
    say = "import sys; from handspun.cli.app import run; run({}); sys.stderr.write(' '.join(sys.modules))"
    keys = [] if verb[0] == "show" else [[*verb, str(finished_run), "generate.temperatur=1"]]
    for arguments in [[*verb, "nosuch"], *keys]:
        done = subprocess.run([sys.executable, "-c", say.format(arguments)], capture_output=True, text=True, check=True)
        assert done.stderr.startswith("error: ") and not {"torch", "numpy"} & set(done.stderr.split())
