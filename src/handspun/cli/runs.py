"""handspun runs: the runs in a folder, how far each has come and how good it is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from handspun.cli import terminal
from handspun.cli.workshop import RUNS, find_run
from handspun.errors import HandspunError, RunError
from handspun.runs import Run, RunSummary, list_runs

if TYPE_CHECKING:
    from handspun.comparison import History
    from handspun.plot.panel import Panel

runs = App(name="runs", help="List the runs in a folder, or lay some of them side by side.")
COMPARED = ("val_bpb", "tokens", "hours", "tok_per_s", "mfu", "peak_gib")


@runs.default
def list_folder(folder: Path = RUNS, *, json: bool = False) -> None:
    """List the runs in a folder, the one changed last first.

    Parameters
    ----------
    folder
        Where the runs lie, or one run.
    json
        Print one JSON object: {"runs": [...]}.
    """
    if not folder.is_dir() and folder != RUNS:
        raise RunError(f'no folder "{folder}"; name one that holds runs, or is one.')
    summaries = sorted(readable_summaries(folder), key=lambda summary: summary.modified, reverse=True)
    if json:
        terminal.write_json({"runs": [asdict(summary) for summary in summaries]})
    elif summaries:
        terminal.table(("run", "recipe", "stage done", "steps", "val_bpb", "size", "changed"), map(table_row, summaries))
    else:
        terminal.say(f"no runs in {folder}; `handspun make quickstart` makes the first one.")


@runs.command
def compare(
    first: str, second: str, *others: str, json: bool = False, svg: Path | None = None, png: Path | None = None
) -> None:
    """Lay runs side by side: their losses over tokens, time and FLOPs, what they reached, and how their recipes differ.

    Parameters
    ----------
    first
        A run folder, or the name of one in runs/.
    second
        Another one.
    others
        More of them.
    json
        Print one JSON object: {"runs": [...], "recipe_diff": {KEY: [...]}}.
    svg
        Write the plots to this file as well.
    png
        Write the plots to this file as well, as an image; needs the extra handspun[png].
    """
    from handspun.comparison import differences, panels, read_history

    histories = [read_history(find_run(name)) for name in (first, second, *others)]
    grid = panels([(history.path, history) for history in histories])
    write_pictures(grid, svg, png)
    if json:
        terminal.write_json({"runs": list(map(json_row, histories)), "recipe_diff": differences(histories)})
    else:
        show_plots(grid)
        show_tables(histories, differences(histories))


def readable_summaries(folder: Path) -> list[RunSummary]:
    """A summary of each run that can be read; of the others, why not."""
    summaries = []
    for run in [Run(folder)] if Run(folder).recipe_path.is_file() else list_runs(folder):
        try:
            summaries.append(run.summary())
        except HandspunError as error:
            terminal.error(str(error))
    return summaries


def table_row(summary: RunSummary) -> tuple[str | float | None, ...]:
    """One run as a line of the table."""
    size, changed = terminal.bytes_text(summary.size_bytes), summary.modified.replace("T", " ").removesuffix("+00:00")
    return summary.path, summary.name, summary.stage, summary.steps, summary.val_bpb, size, changed


def json_row(history: "History") -> dict[str, Any]:
    """One run for scripts: what the table says, and every value of its curves."""
    return {**history.facts(), "curves": {quantity: history.columns(quantity) for quantity in ("train_loss", "val_bpb")}}


def write_pictures(grid: "list[list[Panel]]", svg: Path | None, png: Path | None) -> None:
    """The plots as files, where files are asked for. Raises HandspunError where Pillow is needed and absent."""
    from handspun.files import write_bytes

    if svg is not None:
        from handspun.plot.svg import svg as drawn_svg

        write_bytes(svg, drawn_svg(grid, "Training loss and held-out bits per byte over tokens, time and FLOPs").encode())
    if png is not None:
        from handspun.plot.png import png as drawn_png

        write_bytes(png, drawn_png(grid))


def show_plots(grid: "list[list[Panel]]") -> None:
    """The plots, as wide as the terminal."""
    from handspun.cli.plot import drawn_panels

    terminal.styled(drawn_panels(grid, terminal.width(), is_colored=terminal.is_colored()))


def show_tables(histories: "list[History]", differing: dict[str, list[Any]]) -> None:
    """What each run has reached, and the keys in which their recipes differ, under the letters of the plots."""
    from handspun.cli.plot import color, letter
    from handspun.settings import toml_text

    letters = [letter(number) for number in range(len(histories))]
    terminal.styled([[(letter(n), color(n)), (f"  {history.path}", "")] for n, history in enumerate(histories)])
    terminal.write_line()
    rows = [[name, *(history.facts()[key] for key in COMPARED)] for name, history in zip(letters, histories)]
    terminal.table(("", *COMPARED), rows)
    terminal.write_line()
    cells = [[key, *("-" if value is None else toml_text(value) for value in values)] for key, values in differing.items()]
    if cells:
        terminal.table(("key of the recipe", *letters), cells)
    else:
        terminal.write_line("the recipes are the same")
