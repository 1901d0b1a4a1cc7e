"""handspun make: the whole way of a recipe, from raw text to a measured assistant."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handspun.cli import terminal
from handspun.cli.workshop import is_base_model, run_until
from handspun.recipe import load_recipe, shipped_recipes
from handspun.runs import Run

EXAMPLE_QUESTION = "What does textwrap.dedent do?"


def make(recipe: str, *overrides: str, run: Path | None = None, force: bool = False, json: bool = False) -> None:
    """Do every stage of a recipe that is not done yet: curate, tokenize, train, tune, index, evaluate.

    Parameters
    ----------
    recipe
        The name of a shipped recipe, the path of a TOML file, or a run folder.
    overrides
        Keys of the recipe to set, such as train.lr=1e-3.
    run
        The folder for everything this makes. Default: runs/NAME.
    force
        Go on where the planner says that there is too little memory or text.
    json
        Print one JSON object: what was measured, the seconds of each stage, and the run folder.
    """
    folder, outcomes = run_until("evaluate", recipe, overrides, run, is_forced=force)

    from handspun.evaluate.report import report  # only now, so that a wrong recipe is refused in a blink
    from handspun.files import read_json, write_bytes

    evaluation = read_json(folder.evaluation_path)
    seconds = {outcome.stage: round(outcome.seconds, 1) for outcome in outcomes}
    mixture = next((outcome.facts["mixture"] for outcome in outcomes if "mixture" in outcome.facts), ())
    write_bytes(folder.report_path, report(evaluation, seconds, machine_line(), mixture).encode())
    if all(outcome.was_fresh and not outcome.was_taken_back for outcome in outcomes):
        terminal.say("nothing to do: every stage is fresh.")
    if json:
        measured = {key: value for key, value in evaluation.items() if key not in ("transcripts", "by_kind", "cited")}
        terminal.write_json({**measured, "seconds": seconds, "run": str(folder.path)})
    else:
        show_summary(evaluation, seconds, folder.path)


def machine_line() -> str:
    """The machine in words, and what else it is doing: a load above its cores means that the times are too long."""
    from handspun.machine import cpu_name, n_usable_cores

    return f"{n_usable_cores()} cores of {cpu_name()} (load {os.getloadavg()[0]:.1f})"


def show_summary(evaluation: Mapping[str, Any], seconds: Mapping[str, float], folder: Path) -> None:
    """What was measured, what it sounds like, and what to type next."""
    from handspun.evaluate.index_report import citation_sentence, example_lines
    from handspun.evaluate.report import answer_rows

    if "val_bpb" in evaluation:
        baselines = [("xz -9e, primed with the training text", evaluation["xz_bpb"]), ("n-gram model", evaluation["ngram_bpb"])]
        terminal.write_line()
        terminal.table(("held-out text", "bits per byte"), [("this model", evaluation["val_bpb"]), *baselines])
    if "exact_match" in evaluation:
        terminal.write_line(f"\n{evaluation['n_questions']:,} questions about objects never asked about in training:")
        terminal.table(("", "exact match", "F1", '"I do not know."'), answer_rows(evaluation))
    if "citations" in evaluation:
        terminal.write_line(f"\n{citation_sentence(evaluation['citations'])}")
    for transcript in evaluation.get("transcripts", ()):
        show_spoken([(message["role"], message["content"]) for message in transcript])
    for example in evaluation.get("cited", ()):
        show_spoken(example_lines(example))
    terminal.write_line(f"\n{terminal.duration_text(sum(seconds.values()))} in all. Everything is in {folder}. Next:")
    for command in next_commands(Run(folder)):
        terminal.write_line(f"  {command}")


def show_spoken(said: Sequence[tuple[str, str]]) -> None:
    """Who says what."""
    terminal.write_line()
    for who, what in said:
        terminal.write_line(f"{who:>10}  {what}".replace("\n", f"\n{'':>12}"))


def next_commands(run: Run) -> list[str]:
    """What to type once a model is made: for one that was shipped, how to make one's own."""
    folder = shlex.quote(str(run.path))
    talk = f'handspun generate {folder} "Once upon a time" --text' if is_base_model(run) else f"handspun chat {folder}"
    ask = [f'handspun ask {folder} "{EXAMPLE_QUESTION}"'] if is_indexed_python(run) else []
    own = ["handspun new mine --minutes 30"] if run.recipe_name() in shipped_recipes() else []
    return [talk, *ask, f"handspun show batch {folder}", *own]


def is_indexed_python(run: Run) -> bool:
    """Whether a run can be asked about Python out of its own index."""
    recipe = load_recipe(str(run.path))
    return recipe.retrieve is not None and "python" in recipe.corpus.sources
