"""The page on reading shows the newest measurement of each model, whatever it says."""

import json
import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WRITER = runpy.run_path(str(ROOT / "dev" / "write_factbook.py"))


def figures(retrieved: float) -> dict[str, Any]:
    """What is measured of a model, or of one seed."""
    return {
        "retrieved": retrieved,
        "closed_book": 0.01,
        "wrong_passage": 0.02,
        "citation_precision": 0.95,
        "cpu_s": 123.4,
    }


def line(date: str, benchmark: str = "factbook", **models: float) -> str:
    """A line of history.jsonl, with one seed for each model."""
    measured = {
        model: {**figures(retrieved), "n_parameters": 2_190_000, "per_seed": {"1": figures(retrieved)}}
        for model, retrieved in models.items()
    }
    results = {**measured, "n_questions": 400, "n_passages": 3000}
    return json.dumps({"date": date, "benchmark": benchmark, "machine": {"cpu": "a processor"}, "results": results})


def test_the_newest_measurement_of_a_model_counts_even_where_it_is_worse() -> None:
    page = WRITER["page"]([line("2026-01-01", copy=0.9, plain=0.1), line("2026-01-02", copy=0.5)])
    assert "| mean | 0.500 | 0.010 | 0.020 | 0.950 | 123 |" in page
    assert "| 1 | 0.100 | 0.010 | 0.020 | 0.950 | 123 |" in page
    assert "0.900" not in page
    assert "2.19M parameters, 400 questions, 3,000 passages in the index; a processor, 2026-01-02" in page


def test_other_benchmarks_are_shown_elsewhere() -> None:
    assert WRITER["newest"]([line("2026-01-01", "retrieval", copy=0.9)]) == {}


def test_the_page_is_what_the_file_says() -> None:
    assert WRITER["is_current"](), "run python dev/write_factbook.py"
