"""Generation: tokens per second of our engine, of llama.cpp on the same weights exported, and of transformers' `generate`.

    python benchmarks/generate.py [--json] [--row write-124m-bf16 …] [--models FOLDER] [--rounds 5]

Random weights, greedy, on all cores. The name of a row says what is done, the model, and how its weights are stored:
  write   one reply, token by token, and the part of the bound that is reached: bytes of weights a second over the bytes
          that can be read. Bar: 0.6 of llama.cpp's rate at as many bits
  read    a prompt of 512 tokens, to its first new token. Bar: llama.cpp's rate
  batch   16 replies side by side. Bar: 6 times our rate for one; `ratio` is against llama.cpp with 16 slots
  first   seconds from a checkpoint on disk, in the page cache, to the first token. Bar: 2
  gpt2    GPT-2's shape against transformers, which says the same tokens. Bar: 1.5 times its rate
"""

import time
from collections.abc import Mapping
from statistics import median

import torch

from bandwidth import read_gb_per_s
from contest import LlamaCpp, Ours, seconds_in_turn
from handspun.device import n_threads
from handspun.evaluate.report import table as markdown
from models import Shelf, bytes_read
from record import alternate, rates
from rows import Figures, measure_rows
from stock_gpt2 import contestants

ROWS = (
    "gpt2",
    "write-124m-fp32",
    *(f"{what}-124m-{bits}" for bits in ("bf16", "int8", "int4") for what in ("write", "read", "batch")),
    *(f"{what}-1b-{bits}" for bits in ("bf16", "int8", "int4") for what in ("write", "read", "batch")),
    *(f"first-1b-{bits}" for bits in ("trained", "bf16", "int8")),
)
BARS = {"write": 0.6, "read": 1.0, "batch": 6.0, "first": 2.0, "gpt2": 1.5}
N_REPLIES, N_PROMPT, N_TOKENS = 16, 32, 64
N_READ = 512


def measure(row: str, shelf: Shelf, rounds: int) -> Figures:
    """The figures of one row."""
    what, _, model = row.partition("-")
    if what == "gpt2":
        figures = against_transformers(rounds)
    else:
        figures = {"write": write, "read": read, "batch": batch, "first": first}[what](shelf, *model.split("-"), rounds)
    return {**figures, "bar": BARS[what]}


def write(shelf: Shelf, shape: str, bits: str, rounds: int) -> Figures:
    """One reply, token by token."""
    ours, peer = our_engine(shelf, shape, bits), LlamaCpp(shelf.gguf(shape, bits), 1, N_PROMPT + N_TOKENS)
    turns = {side: lambda engine=engine: engine.writing_s(1, N_PROMPT, N_TOKENS) for side, engine in sides(ours, peer)}
    figures = compared(N_TOKENS - 1, seconds_in_turn(turns, rounds))
    for side, n_bytes in zip(turns, bytes_read(shape, bits)):
        bandwidth = read_gb_per_s(round(n_bytes))
        share = figures[side]["median"] * n_bytes / 1e9 / bandwidth
        figures[side] |= {"mb_per_token": n_bytes / 1e6, "read_gb_per_s": bandwidth, "share": share}
    return figures


def read(shelf: Shelf, shape: str, bits: str, rounds: int) -> Figures:
    """A prompt, to its first new token."""
    ours, peer = our_engine(shelf, shape, bits), LlamaCpp(shelf.gguf(shape, bits), 1, N_READ + 1)
    turns = {side: lambda engine=engine: engine.reading_s(N_READ) for side, engine in sides(ours, peer)}
    return compared(N_READ, seconds_in_turn(turns, rounds))


def batch(shelf: Shelf, shape: str, bits: str, rounds: int) -> Figures:
    """Replies side by side, and one alone."""
    ours, peer = our_engine(shelf, shape, bits), LlamaCpp(shelf.gguf(shape, bits), N_REPLIES, N_PROMPT + N_TOKENS)
    turns = {side: lambda engine=engine: engine.writing_s(N_REPLIES, N_PROMPT, N_TOKENS) for side, engine in sides(ours, peer)}
    seconds = seconds_in_turn({**turns, "alone": lambda: ours.writing_s(1, N_PROMPT, N_TOKENS)}, rounds)
    alone = (N_TOKENS - 1) / median(seconds.pop("alone"))
    figures = compared(N_REPLIES * (N_TOKENS - 1), seconds)
    return {**figures, "alone": alone, "times_alone": figures["ours"]["median"] / alone}


def first(shelf: Shelf, shape: str, bits: str, rounds: int) -> Figures:
    """From a checkpoint, or a GGUF file, to the first token."""
    weights, gguf = shelf.weights(shape, bits), shelf.gguf(shape, bits)

    def ours() -> float:
        began = time.perf_counter()
        Ours(weights).reading_s(N_PROMPT)
        return time.perf_counter() - began

    def peer() -> float:
        llama = LlamaCpp(gguf, 1, N_PROMPT + 1)
        return llama.opening_s() + llama.reading_s(N_PROMPT)

    seconds = seconds_in_turn({"ours": ours, "peer": peer}, rounds)
    figures: Figures = {side: {"median_s": median(times)} for side, times in seconds.items()}
    return {**figures, "ratio": figures["peer"]["median_s"] / figures["ours"]["median_s"]}


def our_engine(shelf: Shelf, shape: str, bits: str) -> Ours:
    """Our engine on the weights as they are stored; it computes in bfloat16, but for fp32."""
    return Ours(shelf.weights(shape, bits), dtype=torch.float32 if bits == "fp32" else torch.bfloat16)


def against_transformers(rounds: int) -> Figures:
    """GPT-2's shape, with which transformers says the same tokens."""
    pair = contestants(2 * N_TOKENS)
    assert pair["handspun"]() == pair["transformers"]()
    seconds = alternate(pair, rounds)
    return compared(2 * N_TOKENS, {"ours": seconds["handspun"], "peer": seconds["transformers"]})


def sides(ours: Ours, peer: LlamaCpp) -> tuple[tuple[str, Ours], tuple[str, LlamaCpp]]:
    """Both by name."""
    return ("ours", ours), ("peer", peer)


def compared(n_tokens: int, seconds: dict[str, list[float]]) -> Figures:
    """Tokens per second of both, and the ratio of their medians."""
    figures: Figures = {side: rates(n_tokens, times) for side, times in seconds.items()}
    return {**figures, "ratio": figures["ours"]["median"] / figures["peer"]["median"]}


def table(results: Mapping[str, Figures]) -> str:
    """What was measured, for people."""
    lines = []
    for row, figures in results.items():
        ours, peer = (figures[side].get("median", figures[side].get("median_s")) for side in ("ours", "peer"))
        more = ", ".join(f"{key} {value:.2f}" for key, value in figures.items() if key in ("alone", "times_alone"))
        if "share" in figures["ours"]:
            more = f"share of the bound {figures['ours']['share']:.2f} and {figures['peer']['share']:.2f}"
        lines.append([row, f"{ours:.2f}", f"{peer:.2f}", f"{figures['ratio']:.2f}", f"{figures['bar']:.1f}", more])
    return markdown(["row", "ours", "peer", "ratio", "bar", "more"], lines)


if __name__ == "__main__":
    torch.set_num_threads(n_threads())
    measure_rows("generate", "Tokens per second, ours and others'.", ROWS, measure, table, rounds=5)
