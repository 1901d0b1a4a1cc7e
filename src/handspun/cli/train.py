"""handspun train: token shards to a pretrained model; it goes on where it was interrupted."""

from pathlib import Path

from handspun.cli import terminal
from handspun.cli.workshop import run_until


def train(recipe: str, *overrides: str, run: Path | None = None, force: bool = False, json: bool = False) -> None:
    """Pretrain the model of a recipe, going on from the newest checkpoint where there is one.

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
    folder, outcomes = run_until("train", recipe, overrides, run, is_forced=force)
    if json:
        terminal.write_json({**outcomes[-1].facts, "run": str(folder.path)})
