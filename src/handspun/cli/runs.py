"""handspun runs: the runs in a folder, how far each has come and how good it is."""

from dataclasses import asdict
from pathlib import Path

from handspun.cli import terminal
from handspun.errors import HandspunError
from handspun.runs import RunSummary, list_runs


def runs(folder: Path = Path("runs"), *, json: bool = False) -> None:
    """List the runs in a folder, the one changed last first.

    Parameters
    ----------
    folder
        Where the runs lie.
    json
        Print one JSON object: {"runs": [...]}.
    """
    summaries = sorted(readable_summaries(folder), key=lambda summary: summary.modified, reverse=True)
    if json:
        terminal.write_json({"runs": [asdict(summary) for summary in summaries]})
    elif summaries:
        terminal.table(("run", "recipe", "stage done", "steps", "val_bpb", "size", "changed"), map(table_row, summaries))
    else:
        terminal.say(f"no runs in {folder}; `handspun make quickstart` makes the first one.")


def readable_summaries(folder: Path) -> list[RunSummary]:
    """A summary of each run that can be read; of the others, why not."""
    summaries = []
    for run in list_runs(folder):
        try:
            summaries.append(run.summary())
        except HandspunError as error:
            terminal.error(str(error))
    return summaries


def table_row(summary: RunSummary) -> tuple[str | float | None, ...]:
    """One run as a line of the table."""
    size, changed = terminal.bytes_text(summary.size_bytes), summary.modified.replace("T", " ").removesuffix("+00:00")
    return summary.path, summary.name, summary.stage, summary.steps, summary.val_bpb, size, changed
