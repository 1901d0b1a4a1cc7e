"""Encoding much text fast: the vocabulary handed to tiktoken, over all cores.

An uncased vocabulary is made of characters and knows [UNK]; tiktoken merges bytes and cannot say [UNK], so `tokenizers` encodes
it: correct, and several times slower.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import tiktoken
import tokenizers

from handspun.tokens.blueprint import Blueprint
from handspun.tokens.config import Pattern

SLICE_CHARS = 1 << 18
"""characters a thread takes at a time: long enough that taking turns costs nothing"""

FAST_PATTERNS: dict[Pattern, str] = {
    "gpt-2": r"'(?:[sdmt]|re|ve|ll)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "llama-3": (
        r"'(?i:[sdmt]|re|ve|ll)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
}
"""the patterns of the blueprint spelled without backtracking: the same pieces, also of a million spaces"""


class Encoder(Protocol):
    """Turns texts into ids, none of them a control token."""

    def encode(self, text: str) -> np.ndarray: ...
    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]: ...


class ByteEncoder:
    """A byte-level vocabulary in tiktoken, one slice of the texts per thread (Rust lets go of the interpreter lock)."""

    def __init__(self, blueprint: Blueprint) -> None:
        ranks = {bytes_: id_ for id_, bytes_ in enumerate(blueprint.bytes_of_tokens()) if bytes_}
        self._encoding = tiktoken.Encoding(
            "handspun", pat_str=FAST_PATTERNS[blueprint.pattern], mergeable_ranks=ranks, special_tokens=blueprint.control
        )

    def encode(self, text: str) -> np.ndarray:
        """The ids of one text, uint32. A lone surrogate is read as U+FFFD."""
        try:
            return self._encoding.encode_to_numpy(text, disallowed_special=())
        except UnicodeEncodeError:
            return self._encoding.encode_to_numpy(well_formed(text), disallowed_special=())

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, in order, uint32."""
        slices = _slices(texts)
        if len(slices) < 2:
            return [self.encode(text) for text in texts]
        with ThreadPoolExecutor(_cores()) as pool:
            return [ids for done in pool.map(lambda part: [self.encode(text) for text in part], slices) for ids in done]


class UncasedEncoder:
    """An uncased vocabulary in `tokenizers`, which spreads a batch over the cores itself."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str) -> np.ndarray:
        """The ids of one text, uint32. A lone surrogate is read as U+FFFD."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, in order, uint32."""
        encodings = self._tokenizer.encode_batch_fast([well_formed(text) for text in texts], add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.uint32) for encoding in encodings]


def encoder_of(blueprint: Blueprint, tokenizer: tokenizers.Tokenizer) -> Encoder:
    """The fastest encoder that gives the ids of `tokenizer`."""
    return UncasedEncoder(tokenizer) if blueprint.profile == "uncased" else ByteEncoder(blueprint)


def well_formed(text: str) -> str:
    """`text` with each lone surrogate, which UTF-8 cannot carry, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _slices(texts: Sequence[str]) -> list[Sequence[str]]:
    """Runs of neighboring texts of about SLICE_CHARS characters."""
    slices, start, n_chars = [], 0, 0
    for place, text in enumerate(texts):
        n_chars += len(text)
        if n_chars >= SLICE_CHARS:
            slices.append(texts[start : place + 1])
            start, n_chars = place + 1, 0
    return [*slices, texts[start:]] if start < len(texts) else slices
