"""A benchmark of rows: those that the command line asks for are measured one after another, as one line of history.jsonl."""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contest import conditions
from handspun.device import n_threads
from models import Shelf
from record import append, described

Figures = dict[str, Any]


def measure_rows(
    benchmark: str,
    says: str,
    rows: Sequence[str],
    measure: Callable[[str, Shelf, int], Figures],
    table: Callable[[Mapping[str, Figures]], str],
    *,
    rounds: int,
) -> None:
    """Measure each row with models from a shelf and in so many rounds, add the line, and print it or the table."""
    arguments = parser(says, rows, rounds).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        shelf = Shelf(arguments.models or Path(temporary))
        results = {row: measure(row, shelf, arguments.rounds) for row in arguments.row or rows}
    line = described(benchmark, {**conditions(), **results})
    if not arguments.is_trial:
        append(line)
    print(json.dumps(line) if arguments.json else f"{n_threads()} threads; load {line['load']:.1f}\n\n{table(results)}")


def parser(says: str, rows: Sequence[str], rounds: int) -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(description=says)
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--row", action="append", choices=rows, help="measure this row only; may be given several times")
    parser.add_argument("--models", type=Path, help="keep the models in this folder. Default: a temporary one")
    parser.add_argument("--rounds", type=int, default=rounds, help="how often the sides of a comparison take their turn")
    parser.add_argument("--try", action="store_true", dest="is_trial", help="add nothing to history.jsonl")
    return parser
