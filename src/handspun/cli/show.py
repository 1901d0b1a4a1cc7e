"""handspun show: look at a part of handspun or of a run."""

from cyclopts import App

from handspun.cli import terminal
from handspun.cli.workshop import find_run, mention_namesake
from handspun.errors import SettingsError

show = App(name="show", help="Look at a part of handspun or of a run.")


@show.command
def config(*, json: bool = False) -> None:
    """List every key of a recipe: its type, its default and what it means.

    Parameters
    ----------
    json
        Print one JSON object: {"keys": [{"key", "type", "default", "doc"}]}.
    """
    from handspun.recipe import Recipe
    from handspun.reference import documented_fields

    fields = documented_fields(Recipe)
    if json:
        terminal.write_json({"keys": [field._asdict() for field in fields]})
    else:
        terminal.table(("key", "type", "default", "meaning"), fields)


@show.command
def recipe(name: str, *overrides: str) -> None:
    """Print a recipe in full, every default filled in, as TOML.

    Parameters
    ----------
    name
        The name of a shipped recipe, the path of a TOML file, or a run folder.
    overrides
        Keys to set first, such as model.n_layers=8.
    """
    from handspun.recipe import load_recipe
    from handspun.settings import to_toml

    mention_namesake(name)
    terminal.write(to_toml(load_recipe(name, overrides)))


@show.command
def batch(run: str, *, step: int = 0, rows: int = 2, pretraining: bool = False) -> None:
    """Print what a training step reads, and mark which of it is learnt from.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/.
    step
        The step whose batch to show.
    rows
        How many of its sequences.
    pretraining
        Show a step of the pretraining instead of the tuning.
    """
    if rows < 1 or step < 0:
        wrong = f"--rows {rows} shows nothing; ask for at least 1" if rows < 1 else f"--step {step} is none; the first is 0"
        raise SettingsError(f"{wrong}.")
    folder = find_run(run)
    from handspun.stages.batch import marked_rows

    for number, row in enumerate(marked_rows(folder, step, pretraining=pretraining, n_rows=rows), start=1):
        share = sum(len(text) for text, is_learnt in row if is_learnt) / max(1, sum(len(text) for text, _ in row))
        terminal.write_line(f"── sequence {number}: {100 * share:.0f} % of the text is learnt from")
        terminal.marked(row)
