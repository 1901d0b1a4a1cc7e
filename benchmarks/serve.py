"""Serving: many clients of `handspun serve` at once, over HTTP.

    python benchmarks/serve.py [--json] [--row clients-124m …] [--models FOLDER] [--rounds 3]

Random weights, greedy, on all cores; the clients take a part of them. The name of a row says what is done and the model:
  clients   16 at once, in tokens per second of all. Bar: 6 times one client's. `ratio` is against llama.cpp, without HTTP
  first     seconds to the first token while 16 clients ask again and again: median and 99th percentile of 160
  slow      1,000 clients that pause before each line they read: all are answered. Bar: they add less than 150 MB to the memory
            of a server that has answered 160 quick ones
"""

import asyncio
import random
import string
import time
from collections.abc import Mapping
from statistics import median, quantiles
from typing import Any

from contest import LlamaCpp
from handspun.evaluate.report import table as markdown
from models import Shelf
from record import rates
from rows import Figures, measure_rows
from visitors import Server, Visit, serving

ROWS = (*(f"clients-124m-{bits}" for bits in ("bf16", "int8", "int4")), "clients-1b-int8", "first-124m-int8", "slow-124m-int8")
BARS = {"clients": 6.0, "first": None, "slow": 150.0}
N_CLIENTS, N_PROMPT, N_TOKENS = 16, 32, 64
N_ASKED, N_SHORT = 160, 16
N_SLOW, PAUSE_S = 1000, 0.5


def measure(row: str, shelf: Shelf, rounds: int) -> Figures:
    """The figures of one row."""
    what, shape, bits = row.split("-")
    way = {"clients": clients, "first": first, "slow": slow}[what]
    return {**asyncio.run(way(shelf, shape, bits, rounds)), "bar": BARS[what]}


def question(model: str, n_tokens: int, dice: random.Random) -> dict[str, Any]:
    """A request for a reply of that many tokens to a prompt that nobody sent before."""
    prompt = "".join(dice.choices(string.ascii_letters, k=2 * N_PROMPT))
    options = {"num_predict": n_tokens, "temperature": 0}
    return {"model": model, "prompt": prompt, "raw": True, "stream": True, "options": options}


def name_of(shelf: Shelf, shape: str, bits: str) -> str:
    """The model by its name on the server, where it is then found."""
    shelf.weights(shape, bits)
    return shape if bits in ("trained", "fp32") else f"{shape}:{bits}"


async def clients(shelf: Shelf, shape: str, bits: str, rounds: int) -> Figures:
    """Clients at once, one alone, and llama.cpp with as many slots, in turn."""
    peer, dice = LlamaCpp(shelf.gguf(shape, bits), N_CLIENTS, N_PROMPT + N_TOKENS), random.Random(0)
    name, seconds = name_of(shelf, shape, bits), {"ours": [], "alone": [], "peer": []}
    with serving(shelf.run(shape)) as server:
        for _ in range(rounds + 1):
            seconds["ours"].append(await writing_s(server, name, N_CLIENTS, dice))
            seconds["alone"].append(await writing_s(server, name, 1, dice))
            seconds["peer"].append(peer.writing_s(N_CLIENTS, N_PROMPT, N_TOKENS))
    n_tokens = N_TOKENS - 1
    ours, peer_rates = (rates(N_CLIENTS * n_tokens, seconds[side][1:]) for side in ("ours", "peer"))
    alone = n_tokens / median(seconds["alone"][1:])
    compared = {"ratio": ours["median"] / peer_rates["median"], "alone": alone, "times_alone": ours["median"] / alone}
    return {"ours": ours, "peer": peer_rates, **compared}


async def writing_s(server: Server, model: str, n_clients: int, dice: random.Random) -> float:
    """From the last client's first token to the end of all."""
    visits = await asyncio.gather(*(server.visit(question(model, N_TOKENS, dice)) for _ in range(n_clients)))
    assert all(visit.n_tokens == N_TOKENS for visit in visits), visits
    return max(visit.ended for visit in visits) - max(visit.first for visit in visits)


async def first(shelf: Shelf, shape: str, bits: str, _rounds: int) -> Figures:
    """Clients that ask again as soon as they have been answered."""
    dice, visits, name = random.Random(0), list[Visit](), name_of(shelf, shape, bits)
    with serving(shelf.run(shape)) as server:
        await server.visit(question(name, 1, dice))

        async def client() -> None:
            while len(visits) < N_ASKED:
                visits.append(await server.visit(question(name, N_SHORT, dice)))

        await asyncio.gather(*(client() for _ in range(N_CLIENTS)))
    assert all(visit.n_tokens == N_SHORT for visit in visits)
    waits = [visit.first - visit.asked for visit in visits]
    return {"ours": {"median_s": median(waits), "p99_s": quantiles(waits, n=100)[98], "asked": len(waits)}}


async def slow(shelf: Shelf, shape: str, bits: str, _rounds: int) -> Figures:
    """Many clients at once that read slowly."""
    dice, name = random.Random(0), name_of(shelf, shape, bits)
    with serving(shelf.run(shape), f"serve.queue={N_SLOW}") as server:
        for _ in range(N_ASKED // N_CLIENTS):
            await asyncio.gather(*(server.visit(question(name, N_SHORT, dice)) for _ in range(N_CLIENTS)))
        before, began = server.rss_bytes, time.perf_counter()
        watch = asyncio.create_task(server.watch_memory())
        visits = await asyncio.gather(*(server.visit(question(name, N_SHORT, dice), PAUSE_S) for _ in range(N_SLOW)))
        watch.cancel()
    answered = sum(visit.n_tokens == N_SHORT for visit in visits)
    growth_mb = (server.most_bytes - before) / 1e6
    return {"ours": {"answered": answered, "growth_mb": growth_mb, "seconds": time.perf_counter() - began}}


def table(results: Mapping[str, Figures]) -> str:
    """What was measured, for people."""
    lines = []
    for row, figures in results.items():
        plain = {**figures["ours"], **{key: value for key, value in figures.items() if isinstance(value, float)}}
        said = ", ".join(f"{key} {value:.4g}" for key, value in plain.items() if key != "bar")
        lines.append([row, str(figures["bar"] or ""), said])
    return markdown(["row", "bar", "measured"], lines)


if __name__ == "__main__":
    measure_rows("serve", "Many clients of one server.", ROWS, measure, table, rounds=3)
