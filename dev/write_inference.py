"""Write docs/runs/inference.md from benchmarks/history.jsonl: `python dev/write_inference.py`.

Of each row the newest measurement is shown, bad or good, against each build of llama.cpp. A test holds the page to the file.
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
COLUMNS = ["row", "handspun", "peer", "ratio", "bar", "more"]
NAMES = {
    "alone": "one alone, tok/s:",
    "times_alone": "times one alone:",
    "p99_s": "99 % within, s:",
    "answered": "answered:",
    "growth_mb": "memory grew by, MB:",
    "seconds": "all within, s:",
}
"""What the figures beside the medians are."""
HEAD = """# How fast replies come

The newest measurement of each row, by `python benchmarks/generate.py` and `python benchmarks/serve.py`, which say what a row
does. Both sides take turns, llama.cpp in a process of its own. Figures are medians; the ratio is what to look at. The bar is
one for the ratio; of `batch` and `clients` for the times one alone, of `first-1b` for our seconds, of `slow` for the memory.

llama.cpp "without AMX" is what `pip install llama-cpp-python` builds with gcc 12, kept from the processor's matrix unit:
that build ends the process where it uses the unit on q8_0 and q4_0. "With AMX" is the same release with that one library
compiled so that it works. Nobody gets it from pip, and it is the harder peer.
"""


def newest(lines: Iterable[str]) -> dict[tuple[str, bool | None], tuple[dict[str, Any], dict[str, Any]]]:
    """Each row against each build of llama.cpp: its figures, and the line it was measured in."""
    rows = {}
    for text in lines:
        line = json.loads(text)
        if line["benchmark"] in BENCHMARKS:
            found = {
                row: figures for row, figures in line["results"].items() if isinstance(figures, dict) and "ours" in figures
            }
            rows |= {(row, line["results"].get("llama_cpp_amx")): (figures, line) for row, figures in found.items()}
    return rows


def page(lines: Iterable[str]) -> str:
    """The whole page: a table per machine and day."""
    sessions: dict[str, list[list[str]]] = {}
    for (row, _), (figures, line) in newest(lines).items():
        sessions.setdefault(heading(line), []).append([f"`{row}`", *cells(figures)])
    return HEAD + "".join(f"\n## {title}\n\n{table(COLUMNS, rows)}\n" for title, rows in sessions.items())


def heading(line: dict[str, Any]) -> str:
    """On what, and when."""
    machine = line["machine"]
    amx = {True: ", llama.cpp with AMX", False: ", llama.cpp without AMX", None: ""}[line["results"].get("llama_cpp_amx")]
    return f"{machine['n_cores']} cores of {machine['cpu']}{amx}, {line['date'][:10]}"


def cells(figures: dict[str, Any]) -> list[str]:
    """Both sides, their ratio, what was asked for, and what else was measured."""
    sides = [median_of(figures.get(side, {})) for side in ("ours", "peer")]
    ratio = f"{figures['ratio']:.2f}" if "ratio" in figures else ""
    bar = f"{figures['bar']:g}" if figures["bar"] is not None else ""
    return [*sides, ratio, bar, more(figures)]


def median_of(side: dict[str, Any]) -> str:
    """Tokens per second, or seconds, where there is a median."""
    if "median" in side:
        return f"{side['median']:,.1f} tok/s"
    return f"{side['median_s']:.2f} s" if "median_s" in side else ""


def more(figures: dict[str, Any]) -> str:
    """The numbers of a row besides medians, their ratio and the bar."""
    own = {**figures["ours"], **figures}
    shown = [f"{NAMES[key]} {own[key]:,.4g}" for key in NAMES if key in own]
    shares = [f"{figures[side]['share']:.0%}" for side in ("ours", "peer") if "share" in figures.get(side, {})]
    return ", ".join([*shown, *([f"bytes read: {' and '.join(shares)} of what memory gives"] if shares else [])])


def is_current() -> bool:
    """Whether the page shows what the file holds."""
    return PAGE.read_text(encoding="utf-8") == page(HISTORY.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    write_bytes(PAGE, page(HISTORY.read_text(encoding="utf-8").splitlines()).encode())
