"""What a model has to beat on the same bytes: a compressor primed with the training text, and counted n-grams."""

import lzma
from collections.abc import Iterable

import numpy as np

SEPARATOR = b"\x00"
"""Stands between documents, as <|endoftext|> does for the model: it is paid for and its byte is not counted."""
PRIMER_BYTES = 32 << 20
"""Training text, from its end, that the baselines learn from: with much more they would take hours and gigabytes."""
XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
DISCOUNT = 0.75
"""What absolute discounting takes from every count."""


def joined(texts: Iterable[str], *, at_most: int | None = None) -> bytes:
    """The texts as bytes, each closed by a separator; of more than `at_most` bytes the last ones."""
    data = bytearray()
    for text in texts:
        data += text.encode() + SEPARATOR
        if at_most and len(data) > 2 * at_most:
            del data[:-at_most]
    return bytes(data[-at_most:] if at_most else data)


def xz_bpb(train: bytes, held_out: bytes, n_bytes: int) -> float:
    """Bits per byte that `xz -9e` needs for `held_out` after it has seen `train`: the growth of the compressed size."""
    sizes = [len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=XZ_FILTERS)) for data in (train, train + held_out)]
    return 8 * (sizes[1] - sizes[0]) / n_bytes


def ngram_bpb(train: bytes, held_out: bytes, n_bytes: int, *, order: int) -> float:
    """Bits per byte of a byte model of `order` (at most 8) with interpolated absolute discounting (Ney 1994)."""
    return float(-np.log2(ngram_probs(train, held_out, order)).sum() / n_bytes)


def ngram_probs(train: bytes, held_out: bytes, order: int) -> np.ndarray:
    """The probability of each byte of `held_out` given the `order - 1` before it, learnt from `train`."""
    probs = np.full(len(held_out), 1 / 256)
    for length in range(1, order + 1):
        probs = interpolated(grams(train, length), grams(held_out, length), probs)
    return probs


def grams(data: bytes, length: int) -> np.ndarray:
    """Each byte with its last `length - 1` predecessors as one number (uint64); before the first byte there are zeros."""
    values = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
    joined_bytes = np.zeros(len(values), dtype=np.uint64)
    for back in range(length - 1, -1, -1):
        joined_bytes <<= np.uint64(8)
        joined_bytes[back:] |= values[: len(values) - back]
    return joined_bytes


def interpolated(train: np.ndarray, held_out: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """max(count - D, 0) / total + D · kinds / total · shorter: one order on top of the probabilities of the shorter ones."""
    known, counts = np.unique(train, return_counts=True)
    contexts, first = np.unique(known >> np.uint64(8), return_index=True)
    count = looked_up(known, counts, held_out)
    total = looked_up(contexts, np.add.reduceat(counts, first), held_out >> np.uint64(8))
    kinds = looked_up(contexts, np.diff(first, append=len(known)), held_out >> np.uint64(8))
    at_least_one = np.maximum(total, 1)
    mixed = np.maximum(count - DISCOUNT, 0) / at_least_one + DISCOUNT * kinds / at_least_one * shorter
    return np.where(total > 0, mixed, shorter)


def looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where it is absent. `keys` are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
