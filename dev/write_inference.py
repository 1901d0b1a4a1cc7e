"""Write docs/runs/inference.md from benchmarks/history.jsonl: `python dev/write_inference.py`.

Of each row the newest measurement is shown, bad or good. A test holds the page to the file.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handspun.evaluate.report import table
from handspun.files import write_bytes

ROOT = Path(__file__).parent.parent
HISTORY, PAGE = ROOT / "benchmarks" / "history.jsonl", ROOT / "docs" / "runs" / "inference.md"
BENCHMARKS = ("generate", "serve")
HEAD = """# How fast replies come

The newest measurement of each row, by `python benchmarks/generate.py` and `python benchmarks/serve.py`, which say what a row
does. Both sides take turns in one process or on one machine, and the figures are medians; the ratio is what to look at.
"""


def newest(lines: Iterable[str]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Each row with a bar: its figures, and the line it was measured in."""
    rows = {}
    for text in lines:
        line = json.loads(text)
        if line["benchmark"] in BENCHMARKS:
            found = {row: figures for row, figures in line["results"].items() if isinstance(figures, dict) and "bar" in figures}
            rows |= {row: (figures, line) for row, figures in found.items()}
    return rows


def page(lines: Iterable[str]) -> str:
    """The whole page: a table per machine and day."""
    sessions: dict[str, list[list[str]]] = {}
    for row, (figures, line) in newest(lines).items():
        sessions.setdefault(heading(line), []).append([f"`{row}`", *cells(figures)])
    return HEAD + "".join(f"\n## {title}\n\n{table(COLUMNS, rows)}\n" for title, rows in sessions.items())


COLUMNS = ["row", "handspun", "peer", "ratio", "bar", "more"]


def heading(line: dict[str, Any]) -> str:
    """On what, and when."""
    machine = line["machine"]
    return f"{machine['n_cores']} cores of {machine['cpu']}, {line['date'][:10]}"


def cells(figures: dict[str, Any]) -> list[str]:
    """Both sides, their ratio, what was asked for, and what else was measured."""
    sides = [median_of(figures[side]) if side in figures else "" for side in ("ours", "peer")]
    ratio = f"{figures['ratio']:.2f}" if "ratio" in figures else ""
    return [*sides, ratio, f"{figures['bar']:g}", more(figures)]


def median_of(side: dict[str, Any]) -> str:
    """Tokens per second, or seconds."""
    return f"{side['median']:,.1f} tok/s" if "median" in side else f"{side['median_s']:.2f} s"


def more(figures: dict[str, Any]) -> str:
    """The numbers of a row besides the two sides'."""
    known = {"ratio", "bar"}
    own = [f"{key} {value:,.4g}" for key, value in figures.items() if isinstance(value, int | float) and key not in known]
    shares = [f"{side} {figures[side]['share']:.0%}" for side in ("ours", "peer") if "share" in figures.get(side, {})]
    return ", ".join([*own, *(["of what can be read: " + " and ".join(shares)] if shares else [])])


def is_current() -> bool:
    """Whether the page shows what the file holds."""
    return PAGE.read_text(encoding="utf-8") == page(HISTORY.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    write_bytes(PAGE, page(HISTORY.read_text(encoding="utf-8").splitlines()).encode())
