"""handspun quantize: smaller, measured, and refused where too much is lost."""

import json
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.cli.quantize import quantize
from handspun.generate.session import load_engine
from handspun.quantize.config import LIMITS

KEYS = ["bytes_before", "bytes_after", "bpb_before", "bpb_after", "kl_mean", "kl_p99", "top1_agreement"]


@pytest.mark.parametrize("scheme", ["bf16", "int8", "int4"])
def test_what_is_lost_is_told_and_the_result_kept(run_copy: Path, capsys: pytest.CaptureFixture[str], scheme: str) -> None:
    assert run(["quantize", str(run_copy), f"scheme={scheme}", "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert all(isinstance(told[key], int | float) for key in KEYS)
    assert told["bytes_after"] < told["bytes_before"]
    assert 0 <= told["kl_mean"] <= told["kl_p99"]
    assert abs(told["bpb_after"] - told["bpb_before"]) < 0.1
    assert load_engine(run_copy / "quantized" / scheme).generate([[20, 30]], load_config()) != []


def load_config() -> "object":
    from handspun.generate.config import GenerateConfig

    return GenerateConfig(max_new_tokens=2)


def test_too_much_lost_is_refused_and_kept_only_by_force(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["quantize", str(run_copy), "scheme=int4", "max_kl=1e-9"]
    assert run(asked) == 1
    assert "nats per token and more than 1e-09 is refused" in capsys.readouterr().err
    assert not (run_copy / "quantized" / "int4").exists()
    assert run([*asked, "--force"]) == 0
    assert (run_copy / "quantized" / "int4" / "manifest.json").is_file()
    capsys.readouterr()
    assert run(asked) == 1
    assert "quantized/int4 stays as it was made before." in capsys.readouterr().err
    assert (run_copy / "quantized" / "int4" / "manifest.json").is_file()


def test_it_is_asked_by_its_name(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", f"{run_copy}:int8", "What is a shard?"]) == 1
    assert f"`handspun quantize {run_copy} scheme=int8` makes them" in capsys.readouterr().err
    assert run(["quantize", str(run_copy), "--force"]) == 0
    assert run(["generate", f"{run_copy}:int8", "What is a shard?"]) == 0
    capsys.readouterr()
    assert run(["generate", f"{run_copy}:foo", "What is a shard?"]) == 1
    assert f'"foo" is no scheme of {run_copy}; there are {run_copy}, {run_copy}:int8.' in capsys.readouterr().err
    assert run(["quantize", f"{run_copy}:int8"]) == 1
    assert f"the run itself is needed: {run_copy}." in capsys.readouterr().err


def test_what_is_damaged_can_be_made_anew(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quantize", str(run_copy), "--force"]) == 0
    (run_copy / "quantized" / "int8" / "model-00001.safetensors").write_bytes(b"damaged")
    assert run(["generate", f"{run_copy}:int8", "What is a shard?"]) == 1
    assert f"; run `handspun quantize {run_copy} scheme=int8` again." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("int8", "int8 is the value of a key; write scheme=int8."),
        ("foo=1", "foo=1 sets nothing here; the keys are scheme, text, max_tokens, max_kl, each given as KEY=VALUE."),
        ("scheme=int3", 'scheme="int3" should be'),
    ],
)
def test_a_word_that_sets_nothing_is_refused(run_copy: Path, word: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quantize", str(run_copy), word]) == 1
    assert says in capsys.readouterr().err


def test_the_help_says_how_much_may_be_lost_in_each_scheme() -> None:
    assert quantize.__doc__ is not None
    assert all(f"{limit:g} ({scheme})" in quantize.__doc__ for scheme, limit in LIMITS.items())


def test_another_text_may_be_measured(run_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("A shard holds words, and a token has a name. " * 5)
    assert run(["quantize", str(run_copy), f"text={text}", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_tokens"] < 300
    assert run(["quantize", str(run_copy), "text=absent.txt"]) == 1
    assert "text=absent.txt cannot be read" in capsys.readouterr().err


def test_a_run_that_holds_nothing_out_needs_a_text(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = run_copy / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("val_share = 0.2", "val_share = 0.0"))
    assert run(["quantize", str(run_copy)]) == 1
    assert "name one that it was not trained on: text=FILE" in capsys.readouterr().err
