"""handspun tokenize: documents to a vocabulary and token shards."""

from pathlib import Path

from handspun.cli import terminal
from handspun.cli.workshop import run_until


def tokenize(recipe: str, *overrides: str, run: Path | None = None, json: bool = False) -> None:
    """Learn the vocabulary of a recipe and write its corpus as token shards.

    Stages before it are done first where they are not fresh.

    Parameters
    ----------
    recipe
        The name of a shipped recipe, the path of a TOML file, or a run folder.
    overrides
        Keys of the recipe to set, such as train.lr=1e-3.
    run
        The folder for everything this makes. Default: runs/NAME.
    json
        Print one JSON object: what this stage found, and the run folder.
    """
    folder, outcomes = run_until("tokenize", recipe, overrides, run)
    if json:
        terminal.write_json({**outcomes[-1].facts, "run": str(folder.path)})
