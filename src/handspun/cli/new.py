"""handspun new: a recipe that fits this machine, this text and a given time."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from cyclopts import Parameter

from handspun import machine
from handspun.cli import plan, terminal
from handspun.errors import SettingsError
from handspun.files import write_bytes
from handspun.planner.devices import devices_here
from handspun.planner.plan import make_plan
from handspun.recipe import Recipe, shipped_recipes
from handspun.settings import build, to_tree
from handspun.tune.config import TuneConfig

if TYPE_CHECKING:
    from handspun.sizing import Corpus


def new(
    name: str,
    *,
    minutes: float | None = None,
    hours: float | None = None,
    text: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> None:
    """Write NAME.toml: the recipe of the largest portable model that this machine trains in the given time.

    The machine is measured for a few seconds first.

    Parameters
    ----------
    name
        What the recipe, its file and its run are called.
    minutes
        How long making it may take.
    hours
        The same in hours.
    text
        Files and folders to learn from. Default: the documentation of this Python installation.
    """
    from handspun.sizing import expected_minutes, is_limited_by_text, minutes_given, sized_recipe

    path, given, corpus = unused_recipe_path(name), minutes_given(minutes, hours), corpus_of(text)
    speeds = plan.measure_here().speeds
    devices = replace(devices_here(), count=1)
    recipe = sized_recipe(name, given, corpus, speeds, devices)
    expected = expected_minutes(recipe, corpus, speeds)
    write_bytes(path, recipe_text(recipe, given, expected).encode())
    plan.show(make_plan(recipe, devices))
    if is_limited_by_text(recipe, given, corpus, speeds, devices):
        terminal.say(
            f"the text is what limits this model: with more than {corpus.n_bytes / 1e6:,.1f} MB of it, {given:g} minutes would "
            f"be enough for a larger one."
        )
    terminal.write_line(f"\n{path} is written: about {expected:.0f} minutes on this machine. Next:")
    terminal.write_line(f"  handspun make {shlex.quote(str(path))}")


def unused_recipe_path(name: str) -> Path:
    """NAME.toml, here. Raises SettingsError where the name cannot be or is taken."""
    build(Recipe, {"name": name})
    path = Path(f"{name}.toml")
    if name in shipped_recipes():
        raise SettingsError(f'"{name}" is a recipe that handspun ships; choose another name.')
    if path.exists():
        raise SettingsError(f"{path} exists already; choose another name, or delete it.")
    if not os.access(Path.cwd(), os.W_OK):
        raise SettingsError(f"{path} may not be written in {Path.cwd()}; go to a folder of your own first.")
    return path


def corpus_of(text: tuple[Path, ...]) -> "Corpus":
    """What there is to learn from. Raises CorpusError where a path holds nothing that can be read."""
    from handspun.corpus.sources import LocalSource
    from handspun.planner.text import PYTHON_BYTES
    from handspun.sizing import Corpus

    if not text:
        return Corpus(("python",), PYTHON_BYTES)
    names = tuple(map(str, text))
    return Corpus(names, sum(LocalSource(name).n_bytes for name in names))


def recipe_text(recipe: Recipe, minutes: float, expected: float) -> str:
    """The recipe as TOML without what is a default, under a header that says what it was made for."""
    from handspun.model.cost import parameters

    n_params = sum(parameters(recipe.model, recipe.tokens.vocab_size).values())
    defaults = {**to_tree(Recipe(name=recipe.name)), "tune": to_tree(TuneConfig()), "name": None}
    machine_text = f"{machine.n_usable_cores()} cores of {machine.cpu_name()}"
    return (
        f"# handspun make {recipe.name}.toml          {machine_text}, about {expected:.0f} minutes\n"
        f"# sized by `handspun new` for {minutes:g} minutes: {n_params:,} parameters\n"
        f"{tomli_w.dumps(without(defaults, to_tree(recipe)))}"
    )


def without(defaults: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without the values that are defaults, and without tables that hold nothing else."""
    pruned = {
        key: without(defaults.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if value != defaults.get(key)
    }
    return {key: value for key, value in pruned.items() if value != {} or key not in defaults}
