"""handspun curate: raw text to clean documents, with a report of what was dropped."""

from pathlib import Path

from handspun.cli import terminal
from handspun.cli.workshop import run_until


def curate(recipe: str, *overrides: str, run: Path | None = None, json: bool = False) -> None:
    """Turn the sources of a recipe into clean documents and conversations, with a report of what was dropped and why.

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
    folder, outcomes = run_until("curate", recipe, overrides, run)
    if json:
        terminal.write_json({**outcomes[-1].facts, "run": str(folder.path)})
