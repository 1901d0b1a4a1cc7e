"""What the verbs that work on a run have in common: finding it, locking it, and showing what happens in it."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from handspun.cli import terminal
from handspun.cli.progress import Progress
from handspun.errors import RetrieveError, RunError, SettingsError
from handspun.files import MANIFEST, sha256, write_json
from handspun.processes import Processes, joined
from handspun.quantize.config import LIMITS, Scheme
from handspun.recipe import Recipe, find_recipe, load_recipe
from handspun.runs import Run
from handspun.settings import to_toml
from handspun.sinks import require_packages

if TYPE_CHECKING:
    from handspun.retrieve.searcher import Searcher
    from handspun.stages.stage import Outcome, Workshop

RUNS = Path("runs")


class TerminalReporter:
    """Shows the stages on the terminal."""

    def progress(self, stage: str, unit: str) -> Progress:
        """A progress line for as long as it is entered."""
        return Progress(stage, unit)

    def say(self, text: str) -> None:
        """One line of talk."""
        terminal.say(text)

    def sample(self, prompt: str, text: str) -> None:
        """A prompt and the model's reply."""
        terminal.sample(f"{prompt} → ", text)


class SilentReporter:
    """Shows nothing: of several processes one speaks."""

    def progress(self, stage: str, unit: str) -> "AbstractContextManager[Progress]":
        """A progress line that is never drawn."""
        return nullcontext(Progress(stage, unit))

    def say(self, text: str) -> None:
        """Nothing."""

    def sample(self, prompt: str, text: str) -> None:
        """Nothing."""


@contextmanager
def opened(recipe: Recipe, folder: Path, processes: Processes, *, is_forced: bool) -> "Iterator[Workshop]":
    """The workshop of a recipe, its run folder claimed and locked. Raises RunError."""
    from handspun.stages.stage import Workshop

    run = Run(folder)
    with run.entered(recipe.name, to_toml(recipe)):
        yield Workshop(recipe, run, TerminalReporter(), is_forced, processes)


def run_until(
    stage: str, recipe: str, overrides: Sequence[str], folder: Path | None, *, is_forced: bool = False
) -> "tuple[Run, list[Outcome]]":
    """Do what is not done yet of a recipe's stages, up to `stage`, saying what was fresh.

    It is done in `folder`, or else where the recipe comes from if that is a run, or else in runs/NAME; `is_forced` where the
    planner says that there is too little memory or text, too. Of the processes that torchrun has started the first does it; the
    others do their share of the training and end.
    """
    loaded = load_recipe(recipe, overrides)
    require_packages(loaded.train.sinks)
    from handspun.stages.pipeline import follow_stages
    from handspun.stages.stage import Workshop

    home = folder or home_of(recipe, loaded)
    with joined(on_lost=terminal.error) as processes:
        if processes.is_first:
            mention_namesake(recipe)
            return run_first(stage, loaded, home, processes, is_forced=is_forced)
        follow_stages(Workshop(loaded, Run(home), SilentReporter(), is_forced, processes), until=stage)
    raise SystemExit(0)


def run_first(
    stage: str, recipe: Recipe, folder: Path, processes: Processes, *, is_forced: bool
) -> "tuple[Run, list[Outcome]]":
    """Do the stages, and say of each what became of it."""
    from handspun.stages.pipeline import run_stages

    outcomes = []
    with opened(recipe, folder, processes, is_forced=is_forced) as workshop:
        for outcome in run_stages(workshop, until=stage):
            terminal.say(f"{outcome.stage}: {ending(outcome)}")
            outcomes.append(outcome)
            if not outcome.was_fresh or outcome.was_taken_back:
                note_provenance(workshop)
    return workshop.run, outcomes


def ending(outcome: "Outcome") -> str:
    """What became of a stage, in words."""
    if outcome.was_taken_back:
        return "nothing to do: it was done before under these settings, and is taken back from superseded/"
    return "nothing to do" if outcome.was_fresh else f"done in {terminal.duration_text(outcome.seconds)}"


def home_of(name: str, recipe: Recipe) -> Path:
    """The folder that a recipe is made in: where it comes from if that is a run, or else runs/NAME."""
    path = find_recipe(name)
    return path.parent if Run(path.parent).recipe_path == path else RUNS / recipe.name


def note_provenance(workshop: "Workshop") -> None:
    """Write down where the run's results come from so far."""
    from handspun import machine, provenance

    run = workshop.run
    manifests = [*run.corpus.rglob(MANIFEST), *run.tokens.rglob(MANIFEST)]
    data = {manifest.parent.name: sha256(manifest) for manifest in manifests}
    facts = provenance.collect(seed=workshop.recipe.seed, machine=machine.facts(), data=data)
    write_json(run.provenance_path, facts)


def find_weights(name: str) -> tuple[Run, Path, Scheme | None]:
    """The run at a path or of a name, the folder of its finished weights, and the scheme of NAME:SCHEME. Raises RunError."""
    run_name, _, tag = name.rpartition(":")
    if not run_name or folder_of(name):
        run = find_run(name)
        return run, run.finished, None
    run = find_run(run_name)
    if tag not in LIMITS:
        known = [run_name, *(f"{run_name}:{scheme}" for scheme in LIMITS if (run.quantized / scheme).is_dir())]
        raise RunError(f'"{tag}" is no scheme of {run.path}; there are {", ".join(known)}.')
    scheme = cast("Scheme", tag)
    folder = run.quantized / scheme
    if not folder.is_dir():
        raise RunError(f"{run.path} has no weights in {scheme}; `handspun quantize {run_name} scheme={scheme}` makes them.")
    return run, folder, scheme


def find_searcher(index: str | None, run: Run | None) -> "Searcher":
    """The searcher of the index at a path, or of that name in indexes/, or else of a run's own. Raises RetrieveError."""
    from handspun.retrieve.index import Index
    from handspun.retrieve.searcher import Searcher

    found = index if index is not None else own_index(run) if run else None
    if found is None:
        whose = f"{run.path} has no index of its own" if run else "there is nothing to look up in"
        raise RetrieveError(f"{whose}: name one, --index NAME; `handspun index FOLDER --name NAME` makes one.")
    return Searcher(Index.open(found))


def own_index(run: Run) -> Path | None:
    """The index of a run, where it has one."""
    from handspun.retrieve.index import SETTINGS

    return run.index if (run.index / SETTINGS).is_file() else None


def require_memory(run: Run, *, n_rows: int, scheme: Scheme | None = None) -> None:
    """Raises DeviceError where this machine has no room to load the model of a run and talk in so many rows."""
    from handspun.device import choose_device
    from handspun.planner.at_hand import devices_at_hand
    from handspun.planner.check import check_reading
    from handspun.planner.reading import Reading

    recipe, devices = load_recipe(str(run.path)), devices_at_hand(choose_device())
    reading = Reading(recipe.model, recipe.tokens.vocab_size, devices, n_rows, recipe.model.max_seq_len, scheme)
    check_reading(reading, what=f'loading "{recipe.name}"')


def mention_base_model(run: Run) -> None:
    """Say of a model that has read no conversations what it does with a message."""
    if is_base_model(run):
        terminal.say(f"a base model: it goes on with texts and has learnt no replies; {continuation(run.path)} shows that.")


def is_base_model(run: Run) -> bool:
    """Whether the model has never read a conversation."""
    return run.finished != run.tuned and not load_recipe(str(run.path)).train.chat_share


def continuation(folder: Path) -> str:
    """The command that lets the model of a run go on with a text."""
    return f'`handspun generate {shlex.quote(str(folder))} "Once upon a time" --text`'


def mention_namesake(name: str) -> None:
    """Say which recipe a NAME stands for where NAME.toml, here, is another one."""
    path, namesake = find_recipe(name), Path(f"{name}.toml")
    if path != namesake and namesake.is_file() and recipe_in(path) != recipe_in(namesake):
        taken = f"the recipe of that name that handspun ships, not {namesake}"
        if RUNS in path.parents:
            taken = f"{path}, which differs from {namesake}"
        terminal.say(f'"{name}" is {taken} here; for the latter write {namesake}')


def recipe_in(path: Path) -> Recipe | None:
    """The recipe that a file describes, defaults filled in; None where it describes none."""
    try:
        return load_recipe(str(path))
    except SettingsError:
        return None


def find_run(name: str) -> Run:
    """The run at a path, or of that name in runs/. Raises RunError naming those there are."""
    if folder := folder_of(name):
        return Run(folder)
    run_name, _, tag = name.rpartition(":")
    if tag in LIMITS and folder_of(run_name):
        raise RunError(f'"{name}" is a run in the scheme {tag}, and the run itself is needed: {run_name}.')
    known = sorted(folder.parent.name for folder in RUNS.glob("*/recipe.toml"))
    hint = f"there are {', '.join(known)}" if known else "there are none yet: `handspun make quickstart` makes one"
    raise RunError(f'no run "{name}"; {hint}.')


def folder_of(name: str) -> Path | None:
    """The folder of the run at a path, or of that name in runs/; None where there is none."""
    return next((path for path in (Path(name), RUNS / name) if (path / "recipe.toml").is_file()), None)
