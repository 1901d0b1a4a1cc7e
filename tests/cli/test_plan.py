"""handspun plan says what a recipe needs before anything is spent, and in a blink."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.recipe import find_recipe, load_recipe, shipped_recipes

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "plan.md"
SAY_WHAT_IS_LOADED = "import sys; from handspun.cli.app import run; run({arguments}); sys.stderr.write(' '.join(sys.modules))"


def planned(arguments: list[str], capsys: pytest.CaptureFixture) -> dict:
    """The plan as one object."""
    assert run(["plan", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("recipe", shipped_recipes())
def test_every_shipped_recipe_can_be_planned(recipe: str, capsys: pytest.CaptureFixture) -> None:
    plan = planned([recipe], capsys)
    assert {"n_params", "n_params_by_part", "train_tokens", "flops", "memory_gib", "fits", "hours", "remedy"} <= plan.keys()
    assert plan["n_params"] == sum(plan["n_params_by_part"].values())
    train = load_recipe(recipe).train
    assert plan["train_tokens"] == plan["steps"] * train.batch_tokens == pytest.approx(train.train_tokens, rel=0.01)
    parts = {part: gib for part, gib in plan["memory_gib"].items() if part != "total"}
    assert parts.keys() == {"weights", "gradients", "optimizer", "activations", "logits", "other"}
    assert plan["memory_gib"]["total"] == pytest.approx(sum(parts.values()), abs=1e-3)
    assert plan["per_device_gib"] == plan["memory_gib"]


@pytest.mark.parametrize(
    ("said", "hours", "arguments"),
    [
        ("36 hours on an RTX 4090", 36, ["gpt2-small", "--devices", "RTX4090"]),
        ("6 on an H100", 6, ["gpt2-small", "--devices", "H100"]),
        ("2.3 hours on an RTX 4090", 2.3, ["portable-60m", "--devices", "RTX4090"]),
        ("23 minutes on an H100", 23 / 60, ["portable-60m", "--devices", "H100"]),
        ("9.5 hours on an RTX 4090", 9.5, ["portable-124m", "--devices", "RTX4090"]),
        ("1.6 on an H100", 1.6, ["portable-124m", "--devices", "H100"]),
        ("3 days on an RTX 4090", 72, ["portable-350m", "--devices", "RTX4090"]),
        ("12 hours on an H100", 12, ["portable-350m", "--devices", "H100"]),
        ("18 days on an RTX 5090", 18 * 24, ["portable-1b", "--devices", "RTX5090"]),
        ("93 hours on an H100", 93, ["portable-1b", "--devices", "H100"]),
        ("94 on an H100", 94, ["qt-1b", "--devices", "H100"]),
        ("94 on an H100", 94, ["qt-1b-portable", "--devices", "H100"]),
        ("124 days on eight RTX 4090", 124 * 24, ["illuminator-4.7b", "--devices", "8xRTX4090"]),
        (
            "286 on four",
            286 * 24,
            [
                *("illuminator-4.7b", "train.activation_checkpointing=full", "train.offload=optimizer"),
                *("--devices", "4xRTX4090"),
            ],
        ),
    ],
)
def test_the_hours_that_a_recipe_names_are_those_of_its_plan(
    said: str, hours: float, arguments: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert said in find_recipe(arguments[0]).read_text().splitlines()[2]
    plan = planned(arguments, capsys)
    assert plan["fits"] and plan["hours"] == pytest.approx(hours, rel=0.05)


@pytest.mark.parametrize("recipe", [name for name in shipped_recipes() if name not in ("quickstart", "tune-reader")])
def test_a_recipe_fits_the_hardware_that_it_names(recipe: str, capsys: pytest.CaptureFixture) -> None:
    hardware = find_recipe(recipe).read_text().splitlines()[1]
    sizes = re.findall(r"one GPU of (\d+) GB", hardware) or ["8x24"]
    assert sizes != ["8x24"] or hardware == "# hardware: four or eight GPUs of 24 GB"
    assert planned([recipe, "--devices", f"{sizes[0]}GiB"], capsys)["fits"]


def test_the_plan_of_a_mixture_has_a_line_per_source(capsys: pytest.CaptureFixture) -> None:
    shares = planned(["illuminator-4.7b"], capsys)["text"]["shares"]
    assert [part["share"] for part in shares] == [0.76, 0.08, 0.1, 0.06]
    assert run(["plan", "illuminator-4.7b"]) == 0
    out = capsys.readouterr().out
    assert "readings" in out and all(part["source"] in out for part in shares)
    assert run(["plan", "quickstart"]) == 0
    assert "readings" not in capsys.readouterr().out


def test_a_larger_model_takes_more_of_everything(capsys: pytest.CaptureFixture) -> None:
    small, large = planned(["quickstart"], capsys), planned(["quickstart", "model.n_layers=8"], capsys)
    assert large["n_params"] > small["n_params"]
    assert large["flops"] > small["flops"]
    assert large["memory_gib"]["total"] > small["memory_gib"]["total"]


def test_what_does_not_fit_is_said_not_to(capsys: pytest.CaptureFixture) -> None:
    huge = ["quickstart", "model.d_model=24576", "model.n_layers=96", "model.n_heads=96"]
    plan = planned(huge, capsys)
    assert not plan["fits"] and plan["remedy"] is None
    assert run(["plan", *huge]) == 0
    assert "does not fit; a smaller model might" in capsys.readouterr().out


def test_a_remedy_is_typed_behind_the_recipe_and_then_it_fits(capsys: pytest.CaptureFixture) -> None:
    asked = ["portable-1b", "--devices", "2x16GiB"]
    plan = planned(asked, capsys)
    assert not plan["fits"]
    mended = planned([*asked, *plan["remedy"].split()], capsys)
    assert mended["fits"] and mended["remedy"] is None
    assert run(["plan", *asked]) == 0
    assert f"does not fit; with {plan['remedy']} it fits" in capsys.readouterr().out


def test_named_devices_come_with_what_is_assumed_of_them(capsys: pytest.CaptureFixture) -> None:
    plan = planned(["portable-1b", "--devices", "4x24GiB"], capsys)
    assert plan["devices"]["count"] == 4 and plan["devices"]["parallel"] in ("ddp", "fsdp")
    assert plan["devices"]["rate"] == "assuming 40% of the 165.2 bf16 TFLOP/s of RTX 4090"
    assert plan["hours"] > 1
    assert run(["plan", "portable-1b", "--devices", "4x24GiB"]) == 0
    said = capsys.readouterr().out
    assert "memory on each of 4 × 24 GiB, taken for RTX 4090" in said
    assert "days of steps, assuming 40%" in said


def test_this_machine_has_no_hours_until_it_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_recipe: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert planned([str(tiny_recipe)], capsys)["hours"] is None
    monkeypatch.setattr("handspun.speed.BENCHMARK_S", 0.05)
    monkeypatch.setattr("handspun.speed.PROBED", ((64, 2, 2),))
    measured = planned([str(tiny_recipe), "--here"], capsys)
    assert measured["hours"] > 0
    assert planned([str(tiny_recipe)], capsys)["hours"] == measured["hours"], "it is remembered"


def test_superposition_is_refused_where_the_text_is_too_little(tiny_recipe: Path, capsys: pytest.CaptureFixture) -> None:
    asked = [str(tiny_recipe), "train.chat_share=0", "model.copy_head=false", "train.train_tokens=3_072_000"]
    superposed = [*asked, "train.superposition={bag = 6, share = 0.3}"]
    plan = planned(superposed, capsys)
    assert not plan["fits"] and plan["remedy"] == "train.superposition.kind=output"
    assert plan["flops"] == planned(asked, capsys)["flops"]
    mended = planned([*superposed, plan["remedy"]], capsys)
    assert mended["fits"] and mended["flops"] == plan["flops"]


EXAMPLES = re.findall(r"^```\n\$ handspun (plan .*)\n((?:.*\n)*?)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_the_page_on_plans_shows_what_the_program_says(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(command.split()) == 0
    assert capsys.readouterr().out == printed


def test_the_page_on_plans_has_examples() -> None:
    assert len(EXAMPLES) >= 2


def test_two_answers_to_one_question_are_refused(capsys: pytest.CaptureFixture) -> None:
    assert run(["plan", "quickstart", "--here", "--devices", "H100"]) == 1
    assert "leave one of them out" in capsys.readouterr().err
    assert run(["plan", "quickstart", "--devices", "4 potatoes"]) == 1
    assert "is not known; give a count and a memory" in capsys.readouterr().err


def test_the_plan_for_people_names_the_class_that_loads_it(tiny_recipe: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["plan", str(tiny_recipe), "model.copy_head=false"]) == 0
    assert "loads in transformers as Qwen3ForCausalLM; loads in llama.cpp as qwen3" in capsys.readouterr().out
    assert run(["plan", "qt-1b-portable"]) == 0
    assert "transformers has no class for it; loads in llama.cpp as mpt" in capsys.readouterr().out
    assert run(["plan", str(tiny_recipe)]) == 0
    assert "no stock class" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "quickstart"],
        ["plan", "qt-1b", "--json"],
        ["plan", "qt-1b", "--devices", "4x24GiB"],
        ["make", "quickstrt"],
        ["make", "quickstart", "train.lrr=1"],
    ],
)
def test_a_plan_and_a_wrong_recipe_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", SAY_WHAT_IS_LOADED.format(arguments=arguments)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = done.stderr.split()
    assert "handspun.recipe" in loaded
    assert not {"torch", "numpy", "tokenizers", "transformers"} & set(loaded)
