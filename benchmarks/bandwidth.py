"""How fast this machine reads memory: the bound of generating one token at a time, for which every weight is read once."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

ROUNDS = 9
WIDTH = 4096


def read_gb_per_s(n_bytes: int) -> float:
    """Gigabytes per second at which all threads read that many bytes again and again, by the fastest of three ways."""
    matrix = torch.ones(n_bytes // 4 // WIDTH, WIDTH)
    vector = torch.ones(WIDTH)
    ways = [lambda: matrix.sum(), lambda: torch.linalg.vector_norm(matrix), lambda: matrix @ vector]
    return matrix.nbytes / min(median(seconds_of(way) for _ in range(ROUNDS)) for way in ways) / 1e9


def seconds_of(way: Callable[[], Any]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began
