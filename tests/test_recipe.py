"""A recipe is data: what is shipped loads, plans and comes back; what cannot be is refused by name."""

import tomllib
from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.errors import SettingsError
from handspun.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from handspun.settings import apply_overrides, build, to_toml
from handspun.tune.config import TuneConfig


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_and_comes_back_from_its_own_toml(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert build(Recipe, tomllib.loads(to_toml(recipe))) == recipe


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_opens_with_its_command(name: str) -> None:
    assert find_recipe(name).read_text().startswith(f"# handspun make {name}")


def test_quickstart_is_shipped() -> None:
    assert "quickstart" in shipped_recipes()


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
    with pytest.raises(SettingsError, match=r'no recipe "quickstrat": did you mean "quickstart"\? Shipped are .*quickstart'):
        find_recipe("quickstrat")
    with pytest.raises(SettingsError, match='no recipe "zzz": Shipped are'):
        find_recipe("zzz")


def test_the_tree_of_a_recipe_takes_the_same_grammar_as_its_file() -> None:
    tree = {"name": "mine", "train": {"lr": 0.001}}
    assert build(Recipe, apply_overrides({"name": "mine"}, ["train.lr=1e-3"])) == build(Recipe, tree)
