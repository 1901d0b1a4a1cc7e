"""handspun tune: a pretrained model to an assistant."""

from pathlib import Path

from handspun.cli import terminal
from handspun.cli.workshop import run_until


def tune(recipe: str, *overrides: str, run: Path | None = None, force: bool = False, json: bool = False) -> None:
    """Tune the pretrained model of a recipe on its conversations.

    Stages before it are done first where they are not fresh.

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
        Print one JSON object: what this stage found, and the run folder.
    """
    folder, outcomes = run_until("tune", recipe, overrides, run, is_forced=force)
    if json:
        terminal.write_json({**outcomes[-1].facts, "run": str(folder.path)})
