"""Write docs/runs/retrieval.md from benchmarks/history.jsonl: `python dev/write_retrieval.py`.

Of each set and embedder the newest measurement is shown, bad or good. A test holds the page to the file.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handspun.evaluate.report import table
from handspun.files import write_bytes

ROOT = Path(__file__).parent.parent
HISTORY, PAGE = ROOT / "benchmarks" / "history.jsonl", ROOT / "docs" / "runs" / "retrieval.md"
ARMS = {"words": "words alone (BM25)", "vectors": "vectors alone", "fused": "both, as `handspun search` has it"}
MEASURES = ("ndcg_at_10", "recall_at_10", "recall_at_100", "mrr")
COLUMNS = ["arm", "nDCG@10", "recall@10", "recall@100", "MRR", "bar for nDCG@10"]
HEAD = """# How well search finds

The newest measurement of each set, by `python benchmarks/retrieval.py`: relevance judgments of people, all queries, through the
whole product with the settings that an index has by default. The share of the vectors is tuned on questions made out of the
set's own text. Its default, which stays unless they speak against it, was chosen with a look at these very sets (dev/LOG.md).
"""


def newest(lines: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The figures of each set and embedder."""
    found = {}
    for text in lines:
        line = json.loads(text)
        if line["benchmark"] == "retrieval":
            results = {**line["results"]}
            embedder = results.pop("embedder")
            found |= {(name, embedder): {**figures, "date": line["date"][:10]} for name, figures in results.items()}
    return found


def page(lines: Iterable[str]) -> str:
    """The whole page: a table per set and embedder."""
    return HEAD + "".join(section(name, embedder, figures) for (name, embedder), figures in newest(lines).items())


def section(name: str, embedder: str, figures: dict[str, Any]) -> str:
    """What was measured on one set."""
    size = f"{figures['n_documents']:,} documents, {figures['n_queries']:,} queries, {figures['date']}"
    tuned = f"Tuned in {figures['tuning_cpu_s']:.0f} CPU-seconds to a share of {figures['weight']:g} for the vectors."
    rows = [[ARMS[arm], *(f"{figures[arm][key]:.4f}" for key in MEASURES), bar(arm, figures)] for arm in ARMS if arm in figures]
    return f"\n## {name}, embedder {embedder}: {size}\n\n{tuned}\n\n{table(COLUMNS, rows)}\n"


def bar(arm: str, figures: dict[str, Any]) -> str:
    """What both together are to reach."""
    return f"{figures['bar']:g}" if arm == "fused" and figures["bar"] is not None else ""


def is_current() -> bool:
    """Whether the page shows what the file holds."""
    return PAGE.read_text(encoding="utf-8") == page(HISTORY.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    write_bytes(PAGE, page(HISTORY.read_text(encoding="utf-8").splitlines()).encode())
