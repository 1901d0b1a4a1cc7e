"""handspun consolidate: a checkpoint that several processes wrote, as one file that any tool reads."""

from handspun.cli import terminal
from handspun.cli.workshop import find_run
from handspun.errors import RunError


def consolidate(run: str, *, step: int | None = None, json: bool = False) -> None:
    """Put a checkpoint that was written in pieces together as one model.safetensors.

    handspun itself reads both kinds; other tools want one file. The last checkpoint of a run is put together by itself.

    Parameters
    ----------
    run
        A run folder, or its name in runs/.
    step
        Which checkpoint. Default: the newest whole one.
    json
        Print one JSON object: the folder of the checkpoint, and whether it was in pieces.
    """
    from handspun.checkpoint import all_checkpoints, load_checkpoint
    from handspun.consolidate import consolidate as put_together

    found = find_run(run)
    steps = [checkpoint.step for checkpoint in all_checkpoints(found.checkpoints)]
    if steps and step is not None and step not in steps:
        raise RunError(f"{found.path} has no checkpoint of step {step:,}; there are {', '.join(f'{n:,}' for n in steps)}.")
    folder = found.checkpoints if step is None else found.checkpoints / f"{step:08d}"
    with found.lock():
        checkpoint = load_checkpoint(folder)
        was_in_pieces = put_together(checkpoint)
    if json:
        terminal.write_json({"checkpoint": str(checkpoint.folder), "was_in_pieces": was_in_pieces})
    else:
        terminal.say(f"{checkpoint.folder} {'is one file now' if was_in_pieces else 'was one file already'}.")
