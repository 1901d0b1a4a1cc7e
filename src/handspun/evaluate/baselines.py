"""What a model has to beat on the same bytes: a compressor primed with the training text, and counted n-grams."""

import lzma
import math
from collections.abc import Iterable

import numpy as np

SEPARATOR = b"\x00"
"""Stands between documents, as <|endoftext|> does for the model: it is paid for and its byte is not counted."""
XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
DISCOUNT = 0.75
"""What absolute discounting takes from every count (Ney 1994)."""


def joined(texts: Iterable[str]) -> bytes:
    """The texts as bytes, each closed by a separator."""
    return b"".join(text.encode() + SEPARATOR for text in texts)


def xz_bpb(train: bytes, held_out: bytes, n_bytes: int) -> float:
    """Bits per byte that `xz -9e` needs for `held_out` after it has seen `train`: the growth of the compressed size."""
    sizes = [len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=XZ_FILTERS)) for data in (train, train + held_out)]
    return 8 * (sizes[1] - sizes[0]) / n_bytes


def ngram_bpb(train: bytes, held_out: bytes, n_bytes: int, *, order: int) -> float:
    """Bits per byte of a byte model of `order` with interpolated absolute discounting (Kneser and Ney 1995, without continuation counts)."""
    probs = np.full(len(held_out), 1 / 256)
    for length in range(1, order + 1):
        probs = interpolated(contexts(train, length), contexts(held_out, length), probs)
    return float(-np.log(probs).sum() / math.log(2) / n_bytes)


def contexts(data: bytes, length: int) -> tuple[np.ndarray, np.ndarray]:
    """For each byte, its last `length - 1` predecessors as one number, and the byte appended to it (at most 8 bytes)."""
    values = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
    context = np.zeros(len(values), dtype=np.uint64)
    for back in range(length - 1, 0, -1):
        shifted = np.zeros_like(values)
        shifted[back:] = values[:-back]
        context = context << np.uint64(8) | shifted
    return context, context << np.uint64(8) | values


def interpolated(
    train: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray], shorter: np.ndarray
) -> np.ndarray:
    """max(count - D, 0) / total + D · kinds / total · shorter: one order on top of the probabilities of the shorter ones."""
    grams, gram_counts = np.unique(train[1], return_counts=True)
    kinds_of, kinds = np.unique(grams >> np.uint64(8), return_counts=True)
    context_values, totals = np.unique(train[0], return_counts=True)
    count = looked_up(grams, gram_counts, held_out[1])
    total = looked_up(context_values, totals, held_out[0])
    n_kinds = looked_up(kinds_of, kinds, held_out[0])
    safe_total = np.maximum(total, 1)
    mixed = np.maximum(count - DISCOUNT, 0) / safe_total + DISCOUNT * n_kinds / safe_total * shorter
    return np.where(total > 0, mixed, shorter)


def looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where it is absent. `keys` are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
