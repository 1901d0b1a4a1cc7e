"""Write docs/runs/factbook.md from benchmarks/history.jsonl: `python dev/write_factbook.py`.

Of each model the newest measurement is shown, bad or good. A test holds the page to the file.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handspun.evaluate.report import table
from handspun.files import write_bytes

ROOT = Path(__file__).parent.parent
HISTORY, PAGE = ROOT / "benchmarks" / "history.jsonl", ROOT / "docs" / "runs" / "factbook.md"
SHARES = ("retrieved", "closed_book", "wrong_passage", "citation_precision")
COLUMNS = ["seed", "with retrieval", "closed book", "wrong passages", "citations that are precise", "CPU, s"]
BARS = ["bar", "≥ 0.75", "≤ 0.06", "≤ 0.06", "≥ 0.9", "≤ 600"]
NAMES = {
    "copy": "With a copy head and a repeat embedding",
    "plain": "The same transformer without either",
}
HEAD = """# Does retrieval make a small model know more?

The newest measurement of each model, by `python benchmarks/factbook.py`, which says what is asked and how. Questions are about
countries of the World Factbook that were kept out of all that the model read in training. Shares are of answers that match the
fact exactly; without a passage that says so, the right answer is "I do not know." and counts as no match. A citation is precise
where it is verified and its passage holds the fact. The CPU seconds are those of a whole training, with one thread.
"""


def newest(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The last line of history.jsonl in which each model was measured."""
    found = [line for line in map(json.loads, lines) if line["benchmark"] == "factbook"]
    return {model: line for line in found for model in NAMES if model in line["results"]}


def page(lines: Iterable[str]) -> str:
    """The whole page: a table for each model."""
    measured = newest(lines)
    return HEAD + "".join(section(model, measured[model]) for model in NAMES if model in measured)


def section(model: str, line: dict[str, Any]) -> str:
    """What was measured of one model, and on what."""
    results = line["results"][model]
    rows = [cells(seed, figures) for seed, figures in results["per_seed"].items()]
    rows += [cells("mean", results), BARS]
    about = (
        f"{results['n_parameters'] / 1e6:.2f}M parameters, {line['results']['n_questions']} questions, "
        f"{line['results']['n_passages']:,} passages in the index; {line['machine']['cpu']}, {line['date'][:10]}."
    )
    return f"\n## {NAMES[model]}\n\n{about}\n\n{table(COLUMNS, rows)}\n"


def cells(seed: str, figures: dict[str, Any]) -> list[str]:
    """A row of the table."""
    return [seed, *(f"{figures[share]:.3f}" for share in SHARES), f"{figures['cpu_s']:.0f}"]


def is_current() -> bool:
    """Whether the page shows what the file holds."""
    return PAGE.read_text(encoding="utf-8") == page(HISTORY.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    write_bytes(PAGE, page(HISTORY.read_text(encoding="utf-8").splitlines()).encode())
