"""The page on speed shows the newest measurement of each row, whatever it says."""

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
WRITER = runpy.run_path(str(ROOT / "dev" / "write_inference.py"))
MACHINE = {"n_cores": 2, "cpu": "a processor"}


def line(date: str, benchmark: str = "generate", **results: object) -> str:
    """A line of history.jsonl."""
    return json.dumps(
        {"date": date, "benchmark": benchmark, "machine": MACHINE, "load": 0.1, "results": {"threads": 2, **results}}
    )


def test_the_newest_measurement_of_a_row_counts_even_where_it_is_worse() -> None:
    good = {"ours": {"median": 90.0}, "peer": {"median": 100.0}, "ratio": 0.9, "bar": 0.6}
    bad = {"ours": {"median": 50.0, "share": 0.25}, "peer": {"median": 100.0, "share": 0.5}, "ratio": 0.5, "bar": 0.6}
    page = WRITER["page"]([line("2026-01-01", row=good), line("2026-01-02", row=bad)])
    assert "| `row` | 50.0 tok/s | 100.0 tok/s | 0.50 | 0.6 | bytes read: 25% and 50% of what memory gives |" in page
    assert "2 cores of a processor, 2026-01-02" in page
    assert "2026-01-01" not in page


def test_each_build_of_the_peer_has_a_table_of_its_own() -> None:
    rows = {
        with_amx: {"ours": {"median": 9.0}, "peer": {"median": peer}, "ratio": 9 / peer, "bar": 0.6}
        for with_amx, peer in ((True, 20.0), (False, 10.0))
    }
    page = WRITER["page"]([line("2026-01-01", llama_cpp_amx=with_amx, row=row) for with_amx, row in rows.items()])
    assert page.index("a processor, llama.cpp with AMX") < page.index("20.0 tok/s") < page.index("llama.cpp without AMX, 2026")
    assert page.index("llama.cpp without AMX, 2026") < page.index("10.0 tok/s")


def test_rows_without_a_peer_or_a_bar_show_what_they_have() -> None:
    slow = {"ours": {"answered": 1000, "growth_mb": 12.5}, "bar": 150.0}
    first = {"ours": {"median_s": 0.5, "p99_s": 1.25}, "bar": None}
    page = WRITER["page"]([line("2026-01-01", "serve", slow=slow, first=first)])
    assert "| `slow` |  |  |  | 150 | answered: 1,000, memory grew by, MB: 12.5 |" in page
    assert "| `first` | 0.50 s |  |  |  | 99 % within, s: 1.25 |" in page


def test_other_benchmarks_are_shown_elsewhere() -> None:
    assert WRITER["newest"]([line("2026-01-01", "train", row={"ours": {"median": 1.0}, "bar": 1.0})]) == {}


def test_the_page_is_what_the_file_says() -> None:
    assert WRITER["is_current"](), "run python dev/write_inference.py"
