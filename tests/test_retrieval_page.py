"""The page on search shows the newest measurement of each set, whatever it says; and search reaches its bars."""

import json
import os
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WRITER = runpy.run_path(str(ROOT / "dev" / "write_retrieval.py"))


def line(date: str, ndcg: float, benchmark: str = "retrieval") -> str:
    """A line of history.jsonl."""
    arm = {"ndcg_at_10": ndcg, "recall_at_10": 0.5, "recall_at_100": 0.75, "mrr": 0.25}
    chosen = {"weight": 0.25, "tuning_cpu_s": 4.4, "n_documents": 1400, "n_queries": 225, "bar": 0.42}
    results = {"embedder": "lsa", "cranfield": {"words": arm, "fused": arm, **chosen}}
    return json.dumps({"date": date, "benchmark": benchmark, "results": results})


def test_the_newest_measurement_of_a_set_counts_even_where_it_is_worse() -> None:
    page = WRITER["page"]([line("2026-01-01", 0.5), line("2026-01-02", 0.4), line("2026-01-03", 0.9, "train")])
    assert "| both, as `handspun search` has it | 0.4000 | 0.5000 | 0.7500 | 0.2500 | 0.42 |" in page
    assert "vectors alone" not in page and "0.9000" not in page and "2026-01-02" in page


def test_the_page_is_what_the_file_says() -> None:
    assert WRITER["is_current"](), "run python dev/write_retrieval.py"


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", ["cranfield", "cisi", "squad"])
def test_search_reaches_its_bar_and_is_never_below_words_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "HANDSPUN_DATA" not in os.environ:
        pytest.skip("HANDSPUN_DATA names no folder")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "retrieval", raising=False)
    import retrieval

    found = retrieval.measure(Path(os.environ["HANDSPUN_DATA"]) / "retrieval" / name, "lsa")
    assert found["fused"]["ndcg_at_10"] >= retrieval.BARS[name]
    assert found["fused"]["ndcg_at_10"] >= found["words"]["ndcg_at_10"]
