"""handspun plan says what a recipe needs before anything is spent, and in a blink."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.recipe import load_recipe, shipped_recipes

SAY_WHAT_IS_LOADED = "import sys; from handspun.cli.app import run; run({arguments}); sys.stderr.write(' '.join(sys.modules))"


def planned(arguments: list[str], capsys: pytest.CaptureFixture) -> dict:
    """The plan as one object."""
    assert run(["plan", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("recipe", shipped_recipes())
def test_every_shipped_recipe_can_be_planned(recipe: str, capsys: pytest.CaptureFixture) -> None:
    plan = planned([recipe], capsys)
    assert {"n_params", "n_params_by_part", "train_tokens", "flops", "memory_gib", "fits"} <= plan.keys()
    assert plan["n_params"] == sum(plan["n_params_by_part"].values())
    train = load_recipe(recipe).train
    assert plan["train_tokens"] == plan["steps"] * train.batch_tokens == pytest.approx(train.train_tokens, rel=0.01)
    parts = {part: gib for part, gib in plan["memory_gib"].items() if part != "total"}
    assert plan["memory_gib"]["total"] == pytest.approx(sum(parts.values()), abs=1e-3)


def test_a_larger_model_takes_more_of_everything(capsys: pytest.CaptureFixture) -> None:
    small, large = planned(["quickstart"], capsys), planned(["quickstart", "model.n_layers=8"], capsys)
    assert large["n_params"] > small["n_params"]
    assert large["flops"] > small["flops"]
    assert large["memory_gib"]["total"] > small["memory_gib"]["total"]


def test_what_does_not_fit_is_said_not_to(capsys: pytest.CaptureFixture) -> None:
    huge = ["quickstart", "model.d_model=24576", "model.n_layers=96", "model.n_heads=96"]
    assert not planned(huge, capsys)["fits"]
    assert run(["plan", *huge]) == 0
    assert "does not fit: lower" in capsys.readouterr().out


def test_the_plan_for_people_names_the_class_that_loads_it(tiny_recipe: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["plan", str(tiny_recipe), "model.copy_head=false"]) == 0
    assert "loads in transformers as Qwen3ForCausalLM; loads in llama.cpp as qwen3" in capsys.readouterr().out
    assert run(["plan", "qt-1b-portable"]) == 0
    assert "transformers has no class for it; loads in llama.cpp as mpt" in capsys.readouterr().out
    assert run(["plan", str(tiny_recipe)]) == 0
    assert "no stock class" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["plan", "quickstart"], ["plan", "quickstart", "--json"], ["make", "quickstrt"], ["make", "quickstart", "train.lrr=1"]],
)
def test_a_plan_and_a_wrong_recipe_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", SAY_WHAT_IS_LOADED.format(arguments=arguments)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = done.stderr.split()
    assert "handspun.recipe" in loaded
    assert not {"torch", "numpy", "tokenizers", "transformers"} & set(loaded)
