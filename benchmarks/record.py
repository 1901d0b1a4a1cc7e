"""What every benchmark shares: medians of alternating runs, and the line it adds to history.jsonl."""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import handspun
from handspun import machine
from handspun.provenance import commit_of

HISTORY = Path(__file__).parent / "history.jsonl"


def alternate(contestants: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each contestant takes per round; they take turns, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def rates(work: float, seconds: list[float]) -> dict[str, float]:
    """Work per second: the median of the rounds, and the slowest and fastest of them."""
    return {"median": work / median(seconds), "lowest": work / max(seconds), "highest": work / min(seconds)}


def record(benchmark: str, results: Mapping[str, Any], history: Path = HISTORY) -> dict[str, Any]:
    """Append one line to history.jsonl and return it."""
    line = described(benchmark, results)
    append(line, history)
    return line


def described(benchmark: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """The results with what they were measured on: date, benchmark, commit, machine and load."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "benchmark": benchmark,
        "commit": commit_of(Path(handspun.__file__).parent),
        "machine": machine.facts(),
        "load": os.getloadavg()[0],
        "results": dict(results),
    }


def append(line: Mapping[str, Any], history: Path = HISTORY) -> None:
    """Add one line to history.jsonl."""
    with history.open("a") as file:
        file.write(json.dumps(line) + "\n")
