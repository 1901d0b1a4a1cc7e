"""Every shipped recipe is rehearsed: the same shape at 1/64 of its width, learning for a few steps on a CPU."""

import math
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handspun.metrics import Metrics
from handspun.model.config import ModelConfig
from handspun.recipe import Recipe, load_recipe, shipped_recipes
from handspun.rehearsal import rehearsal, rehearsed_model
from handspun.runs import Run
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Workshop

STARTS, ENDS = ["br", "cl", "d", "f", "gr", "h", "l", "m", "pr", "st", "t", "w"], ["ane", "ell", "ick", "ore", "ump", "ist"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred documents of made-up words, no two alike, in four folders."""
    syllables = [start + end for start in STARTS for end in ENDS]
    words = [first + second for first in syllables for second in syllables]
    folder = tmp_path_factory.mktemp("text")
    for part in range(4):
        (folder / f"part-{part}").mkdir()
    for number in range(100):
        drawn = [words[(number * 911 + place * place * 37) % len(words)] for place in range(150)]
        (folder / f"part-{number % 4}" / f"{number:03d}.txt").write_text(" ".join(drawn).capitalize() + ".")
    return folder


class Silence:
    """Shows nothing."""

    @contextmanager
    def progress(self, stage: str, unit: str) -> Any:
        yield lambda done, total=None, **fields: None

    def say(self, text: str) -> None: ...

    def sample(self, prompt: str, text: str) -> None: ...


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_trains_at_a_64th_of_its_width(name: str, text: Path, tmp_path: Path) -> None:
    full = load_recipe(name, ["train.sample_prompts=[]"])
    sources = [str(path) for path in sorted(text.iterdir())] if full.corpus.weights else [str(text)]
    recipe = rehearsal(full, tuple(sources))
    assert recipe.corpus.weights == full.corpus.weights
    outcomes = list(run_stages(Workshop(recipe, Run(tmp_path / name), Silence()), until="train"))
    assert [outcome.stage for outcome in outcomes] == ["curate", "tokenize", "train"]
    records = list(Metrics(tmp_path / name / "metrics.jsonl").read())
    steps = [record for record in records if "train_loss" in record]
    assert len(steps) == recipe.train.steps >= 3
    assert all(math.isfinite(step["train_loss"]) and step["grad_norm"] > 0 for step in steps)
    assert [record["step"] for record in records if record.get("val_bpb", 0) > 0] == [recipe.train.steps]


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_rehearsal_differs_in_size_and_text_alone(name: str) -> None:
    recipe = load_recipe(name)
    small = rehearsal(recipe, ("python",))
    assert small.model.d_model == pytest.approx(recipe.model.d_model / 64, abs=2)
    assert small.model.n_layers == recipe.model.n_layers
    assert small.model.n_heads / small.model.kv_heads == recipe.model.n_heads / recipe.model.kv_heads
    kinds = ("positions", "norm", "activation", "bias", "tie_embeddings", "qk_norm", "portable_as", "gguf_as")
    assert [getattr(small.model, kind) for kind in kinds] == [getattr(recipe.model, kind) for kind in kinds]
    kept = ("optimizer", "lr", "matrix_lr", "schedule", "superposition", "activation_checkpointing", "parallel", "chat_share")
    assert [getattr(small.train, key) for key in kept] == [getattr(recipe.train, key) for key in kept]
    assert small.train.grad_accum == 2


def test_heads_of_a_narrow_model_keep_their_groups_and_an_even_width() -> None:
    small = rehearsed_model(ModelConfig(d_model=1100, n_heads=10, n_kv_heads=5), 64, 32)
    assert (small.n_heads, small.kv_heads, small.head_dim) == (4, 2, 4)
    narrow = rehearsed_model(ModelConfig(d_model=640, n_heads=10, n_kv_heads=2), 64, 32)
    assert (narrow.n_heads, narrow.kv_heads, narrow.head_dim) == (5, 1, 2)
    assert rehearsed_model(ModelConfig(d_model=64, n_heads=1), 64, 32).kv_heads == 1


def test_weights_are_kept_for_as_many_sources_and_no_limit_is() -> None:
    recipe = load_recipe("illuminator-4.7b")
    as_many = rehearsal(recipe, ("a", "b", "c", "d")).corpus
    assert (as_many.weights, as_many.max_bytes) == (recipe.corpus.weights, None)
    assert rehearsal(recipe, ("a",)).corpus.weights == ()


def test_a_recipe_without_conversations_gets_none_and_one_with_them_keeps_its_tuning() -> None:
    assert rehearsal(Recipe(name="mine"), ("python",)).corpus.conversations == ()
    small = rehearsal(load_recipe("quickstart"), ("python",))
    assert small.corpus.conversations == ("manners",)
    assert small.tune is not None and small.tune.applied_to(small.train).steps == small.train.steps
