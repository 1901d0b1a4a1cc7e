"""A recipe is data: what is shipped loads, plans and comes back; what cannot be is refused by name."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.errors import SettingsError
from handspun.model.cost import parameters
from handspun.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from handspun.settings import apply_overrides, build, to_toml
from handspun.tune.config import TuneConfig


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_and_comes_back_from_its_own_toml(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert build(Recipe, tomllib.loads(to_toml(recipe))) == recipe


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_opens_with_its_command_and_says_what_of_it_was_measured(name: str) -> None:
    command, hardware, time, result = find_recipe(name).read_text().splitlines()[:4]
    assert command == f"# handspun make {name}"
    assert hardware.startswith("# hardware: ")
    assert re.fullmatch(r"# time: .+ \((measured|planned)\)", time)
    assert re.fullmatch(r"# result: .+ \((measured|planned)\)", result)


LADDER = ("portable-15m", "portable-60m", "portable-124m", "portable-350m", "portable-1b")


def test_what_is_shipped_is_the_quickstart_a_reader_published_models_and_a_ladder() -> None:
    published = ("gpt2-small", "qt-1b", "qt-1b-portable", "illuminator-4.7b")
    assert shipped_recipes() == sorted(["quickstart", "tune-reader", *published, *LADDER])


def n_params(recipe: Recipe) -> int:
    """Parameters of the recipe's model."""
    return sum(parameters(recipe.model, recipe.tokens.vocab_size).values())


@pytest.mark.parametrize(
    ("name", "n", "tolerance", "transformers_class", "architecture"),
    [
        ("gpt2-small", 124_439_808, 0, "GPT2LMHeadModel", "gpt2"),
        ("qt-1b", 1.01e9, 0.001, None, None),
        ("qt-1b-portable", 1.01e9, 0.001, None, "mpt"),
        ("illuminator-4.7b", 4.7e9, 0.01, "LlamaForCausalLM", "llama"),
        ("portable-15m", 15e6, 0.05, "Qwen3ForCausalLM", "qwen3"),
        ("portable-60m", 60e6, 0.05, "Qwen3ForCausalLM", "qwen3"),
        ("portable-124m", 124e6, 0.05, "Qwen3ForCausalLM", "qwen3"),
        ("portable-350m", 350e6, 0.05, "Qwen3ForCausalLM", "qwen3"),
        ("portable-1b", 1e9, 0.05, "Qwen3ForCausalLM", "qwen3"),
    ],
)
def test_a_shipped_recipe_has_the_size_of_its_name_and_loads_where_it_says(
    name: str, n: float, tolerance: float, transformers_class: str | None, architecture: str | None
) -> None:
    recipe = load_recipe(name)
    assert n_params(recipe) == pytest.approx(n, rel=tolerance)
    assert (recipe.model.portable_as, recipe.model.gguf_as) == (transformers_class, architecture)


def test_the_parts_of_qt_add_up_as_its_header_says() -> None:
    recipe = load_recipe("qt-1b")
    parts = parameters(recipe.model, recipe.tokens.vocab_size)
    assert parts["embedding"] == parts["head"] == pytest.approx(20.5e6, rel=0.001)
    assert sum(parts.values()) - parts["embedding"] - parts["head"] == pytest.approx(969e6, rel=0.001)
    assert "22 blocks of 44.1M make 969M" in find_recipe("qt-1b").read_text()


def test_the_parts_of_the_illuminator_add_up_as_its_header_says() -> None:
    recipe = load_recipe("illuminator-4.7b")
    parts = parameters(recipe.model, recipe.tokens.vocab_size)
    assert parts["attention"] / 48 == pytest.approx(37.7e6, rel=0.002)
    assert parts["feed_forward"] / 48 == pytest.approx(56.6e6, rel=0.002)
    assert parts["embedding"] == pytest.approx(168e6, rel=0.002)
    usual = replace(recipe.model, n_kv_heads=None, activation="gelu", d_ff=None)
    assert sum(parameters(usual, 1).values()) == pytest.approx(9.7e9, rel=0.01)


@pytest.mark.parametrize("name", [*LADDER, "qt-1b-portable", "illuminator-4.7b"])
def test_the_rows_of_what_is_to_be_quantized_are_multiples_of_32(name: str) -> None:
    recipe = load_recipe(name)
    assert not any(width % 32 for width in (recipe.model.d_model, recipe.model.ff_width, recipe.tokens.vocab_size))
    assert load_recipe("qt-1b").model.ff_width % 32


@pytest.mark.parametrize("name", LADDER)
def test_the_ladder_is_trained_by_muon_on_bags_first_and_20_tokens_per_parameter(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.train.optimizer, recipe.train.schedule) == ("muon", "wsd")
    assert recipe.train.superposition is not None
    assert recipe.train.train_tokens == pytest.approx(20 * n_params(recipe), rel=0.06)
    assert recipe.train.lr == pytest.approx(0.004 * (256 / recipe.model.d_model) ** 0.5, rel=0.03)


def test_a_recipe_with_everything_set_comes_back_from_its_toml() -> None:
    recipe = Recipe(
        name="mine",
        seed=7,
        corpus=CorpusConfig(sources=("a b.txt", "ü.md"), conversations=("manners",)),
        tune=TuneConfig(train_tokens=5000, mask_prompt=False),
    )
    assert build(Recipe, tomllib.loads(to_toml(recipe))) == recipe


def test_a_recipe_needs_only_a_name() -> None:
    assert build(Recipe, {"name": "mine"}).tune is None
    with pytest.raises(SettingsError, match="name is missing"):
        build(Recipe, {})


def test_overrides_are_applied_before_the_recipe_is_checked() -> None:
    recipe = load_recipe("quickstart", ["model.d_model=256", "model.n_heads=4", "train.sample_prompts=[]"])
    assert (recipe.model.d_model, recipe.model.n_heads, recipe.train.sample_prompts) == (256, 4, ())
    with pytest.raises(SettingsError, match=r"model.d_model=200: not divisible by n_heads=3"):
        load_recipe("quickstart", ["model.d_model=200"])


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("trian.lr=1e-3", "did you mean train.lr?"),
        ("train.lrr=1e-3", "did you mean train.lr?"),
        ("model.layers=4", "did you mean model.n_layers?"),
        ("n_layers=4", "did you mean model.n_layers?"),
        ("tokens.d_model=4", "did you mean model.d_model?"),
        ("zzz=1", "`handspun show config` lists every key."),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_that_is_known(override: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_recipe("quickstart", [override])
    assert override.partition("=")[0] in str(refused.value) and str(refused.value).endswith(hint)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["train.seq_len=512", "train.batch_tokens=6144", "model.max_seq_len=256"], "train.seq_len=512: more than model.max_s"),
        (["corpus.conversations=[]"], "train.chat_share=0.667: there are no conversations"),
        (["corpus.conversations=[]", "train.chat_share=0.0"], r"corpus.conversations=\[\]: \[tune\] learns from conversations"),
        (["name=.hidden"], 'name=".hidden": must be a plain file name'),
        (["name=''"], 'name="": must be a plain file name'),
    ],
)
def test_tables_that_do_not_go_together_are_refused(overrides: list[str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_recipe("quickstart", overrides)


def test_a_recipe_is_found_by_name_by_path_and_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    for path in (tmp_path / "other.toml", run / "recipe.toml"):
        path.write_text('name = "mine"\n')
    assert find_recipe("quickstart").name == "quickstart.toml"
    assert find_recipe("other.toml") == Path("other.toml")
    assert find_recipe("mine") == Path("runs/mine/recipe.toml")
    assert find_recipe(str(run)) == run / "recipe.toml"


def test_a_recipe_that_is_nowhere_is_refused_with_those_there_are() -> None:
    shipped = r'no recipe "quickstrat": shipped are .*, quickstart, tune-reader; did you mean "quickstart"\?'
    with pytest.raises(SettingsError, match=shipped):
        find_recipe("quickstrat")
    with pytest.raises(SettingsError, match='no recipe "zzz": shipped are'):
        find_recipe("zzz")


def test_the_tree_of_a_recipe_takes_the_same_grammar_as_its_file() -> None:
    tree = {"name": "mine", "train": {"lr": 0.001}}
    assert build(Recipe, apply_overrides({"name": "mine"}, ["train.lr=1e-3"])) == build(Recipe, tree)
