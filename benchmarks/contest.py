"""Two engines on the same weights, ours and llama.cpp's: how long each takes to read and to write the same."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import torch

from handspun.device import n_threads
from handspun.generate.config import GenerateConfig
from handspun.generate.llama_context import LlamaContext, NewToken
from handspun.generate.session import load_engine
from handspun.generate.torch_engine import TorchEngine

AMX_VARIABLE = "LLAMA_CPP_AMX"
FIRST_ID = 300
"""From here on there are no control tokens."""


def conditions() -> dict[str, int | bool]:
    """What a ratio to llama.cpp depends on besides the machine."""
    return {"threads": n_threads(), "llama_cpp_amx": AMX_VARIABLE in os.environ}


NEW_IDS = count(FIRST_ID)


def prompts(n_replies: int, n_prompt: int) -> list[list[int]]:
    """Prompts that share no beginning, with each other or with any before."""
    return [[next(NEW_IDS), *range(FIRST_ID + 100, FIRST_ID + 99 + n_prompt)] for _ in range(n_replies)]


class Ours:
    """Our engine. Seconds are of the wall clock: from a prompt to its first new token, or from the first to the last one."""

    def __init__(self, weights: Path, *, dtype: torch.dtype | None = None) -> None:
        self.engine = endless(load_engine(weights, dtype))

    def reading_s(self, n_prompt: int) -> float:
        (reply,) = self.engine.generate(prompts(1, n_prompt), GenerateConfig(max_new_tokens=1))
        assert reply.timing.first_token is not None
        return reply.timing.first_token - reply.timing.asked

    def writing_s(self, n_replies: int, n_prompt: int, n_tokens: int) -> float:
        replies = self.engine.generate(prompts(n_replies, n_prompt), GenerateConfig(max_new_tokens=n_tokens))
        assert all(len(reply.tokens) == n_tokens for reply in replies)
        first = max(reply.timing.first_token or 0 for reply in replies)
        return max(reply.timing.ended or 0 for reply in replies) - first


def endless(engine: TorchEngine) -> TorchEngine:
    """An engine whose replies never end by themselves."""
    engine.ends = frozenset()
    return engine


class LlamaCpp:
    """llama.cpp in a process of its own: beside threads of torch, which wait busily, it writes at a third of its rate."""

    def __init__(self, gguf: Path, n_slots: int, n_tokens: int) -> None:
        start = {"initializer": open_slots, "initargs": (gguf, n_slots, n_tokens)}
        self.process = ProcessPoolExecutor(1, mp_context=get_context("spawn"), **start)

    def opening_s(self) -> float:
        """From a file to weights and slots."""
        return self.process.submit(opening_s).result()

    def reading_s(self, n_prompt: int) -> float:
        return self.process.submit(reading_s, n_prompt).result()

    def writing_s(self, n_replies: int, n_prompt: int, n_tokens: int) -> float:
        return self.process.submit(writing_s, n_replies, n_prompt, n_tokens).result()


def open_slots(gguf: Path, n_slots: int, n_tokens: int) -> None:
    """Begin the process."""
    global SLOTS
    torch.set_num_threads(1)
    SLOTS = Slots(gguf, n_slots, n_tokens)


def opening_s() -> float:
    """`LlamaCpp.opening_s` in the process."""
    return SLOTS.opening_s


def reading_s(n_prompt: int) -> float:
    """`LlamaCpp.reading_s` in the process."""
    return SLOTS.reading_s(n_prompt)


def writing_s(n_replies: int, n_prompt: int, n_tokens: int) -> float:
    """`LlamaCpp.writing_s` in the process."""
    return SLOTS.writing_s(n_replies, n_prompt, n_tokens)


class Slots:
    """llama.cpp, driven as its own server drives it: all slots in one batch, and the likeliest token of each.

    It uses a processor's matrix unit only where AMX_VARIABLE is set: what gcc 12 makes of llama.cpp crashes there, and without
    the unit it is 2 to 4 times slower in q8_0 and q4_0, so ratios of these rows count only with it.
    """

    def __init__(self, gguf: Path, n_slots: int, n_tokens: int) -> None:
        began = time.perf_counter()
        size = {"n_tokens": n_slots * n_tokens, "n_slots": n_slots, "n_threads": n_threads()}
        self.context = LlamaContext(gguf, **size, may_use_amx=AMX_VARIABLE in os.environ)
        self.opening_s = time.perf_counter() - began

    def reading_s(self, n_prompt: int) -> float:
        """From a prompt to its first new token."""
        began = time.perf_counter()
        self.read_prompts(prompts(1, n_prompt))
        return time.perf_counter() - began

    def writing_s(self, n_replies: int, n_prompt: int, n_tokens: int) -> float:
        """From the first to the last new token of replies that are written side by side."""
        ids = self.read_prompts(prompts(n_replies, n_prompt))
        began = time.perf_counter()
        for position in range(n_prompt, n_prompt + n_tokens - 1):
            logits = self.context.read([NewToken(id, position, slot, True) for slot, id in enumerate(ids)])
            ids = logits.argmax(-1).tolist()
        return time.perf_counter() - began

    def read_prompts(self, rows: Sequence[Sequence[int]]) -> list[int]:
        """Read each prompt into a slot of its own, and the likeliest next token of each."""
        return [self.read_prompt(slot, row) for slot, row in enumerate(rows)]

    def read_prompt(self, slot: int, ids: Sequence[int]) -> int:
        self.context.forget(slot)
        size, logits = self.context.n_batch, torch.empty(0)
        for start in range(0, len(ids), size):
            part = ids[start : start + size]
            tokens = [NewToken(id, start + n, slot, start + n + 1 == len(ids)) for n, id in enumerate(part)]
            logits = self.context.read(tokens)
        return int(logits[-1].argmax())


def seconds_in_turn(turns: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each turn says it took, per round; one round before them warms up."""
    for turn in turns.values():
        turn()
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            seconds[name].append(turn())
    return seconds
