"""Repeated text: exact copies by hash, near copies by the word 5-grams they share."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import combinations
from zlib import crc32

import numpy as np
import numpy.typing as npt

GRAM_WORDS = 5
NEAR_JACCARD = 0.5
GRAM_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)

Grams = npt.NDArray[np.uint64]


class SeenTexts:
    """Remembers texts by 16 bytes each; white space does not count."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def is_new(self, text: str) -> bool:
        """Whether no text that reads the same came before; remembers this one."""
        digest = blake2b(" ".join(text.split()).encode(), digest_size=16).digest()
        is_new = digest not in self._digests
        self._digests.add(digest)
        return is_new


def word_grams(text: str) -> Grams:
    """The distinct word 5-grams of a text as sorted 64-bit hashes, case and white space folded (shorter texts: one gram)."""
    words = text.lower().split()
    codes = np.fromiter((crc32(word.encode()) for word in words), dtype=np.uint64, count=len(words))
    width = min(GRAM_WORDS, len(words))
    if not width:
        return codes
    starts = len(words) - width + 1
    grams = np.zeros(starts, dtype=np.uint64)
    for offset, multiplier in enumerate(GRAM_MULTIPLIERS[:width]):
        grams += (codes[offset : offset + starts] + np.uint64(1)) * np.uint64(multiplier)
    return np.unique(grams)


def near_pairs(all_grams: Sequence[Grams]) -> Iterator[tuple[int, int]]:
    """The pairs of texts whose 5-grams overlap by a Jaccard share of at least one half."""
    shared = Counter(pair for owners in _owners_of_common_grams(all_grams) for pair in combinations(owners, 2))
    for (first, second), count in shared.items():
        if count >= NEAR_JACCARD * (len(all_grams[first]) + len(all_grams[second]) - count):
            yield first, second


def _owners_of_common_grams(all_grams: Sequence[Grams]) -> Iterator[list[int]]:
    """For each gram that several texts have: the sorted numbers of those texts."""
    grams = np.concatenate([np.empty(0, np.uint64), *all_grams])
    owners = np.repeat(np.arange(len(all_grams)), [len(grams) for grams in all_grams])
    order = np.argsort(grams, kind="stable")
    grams, owners = grams[order], owners[order]
    borders = np.flatnonzero(np.diff(grams)) + 1
    starts, stops = np.concatenate([[0], borders]), np.concatenate([borders, [len(grams)]])
    for index in np.flatnonzero(stops - starts > 1):
        yield owners[starts[index] : stops[index]].tolist()


def joined_groups(n_items: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of n items the smallest number among those it is linked to through `pairs`, directly or not."""
    parents = list(range(n_items))

    def root(item: int) -> int:
        while parents[item] != item:
            parents[item] = item = parents[parents[item]]
        return item

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parents[high] = low
    return [root(item) for item in range(n_items)]


def same_key_pairs(keys: Iterable[Hashable | None]) -> Iterator[tuple[int, int]]:
    """Each item paired with the first one of the same key; None is no key."""
    first_with: dict[Hashable, int] = {}
    for item, key in enumerate(keys):
        if key is not None and (first := first_with.setdefault(key, item)) != item:
            yield first, item


class NearIndex:
    """Finds texts that nearly repeat one of those it was built from; holds 12 bytes per gram of them."""

    def __init__(self, all_grams: Sequence[Grams]) -> None:
        self._sizes = np.array([len(grams) for grams in all_grams], dtype=np.int64)
        grams = np.concatenate([np.empty(0, np.uint64), *all_grams])
        order = np.argsort(grams, kind="stable")
        self._grams = grams[order]
        self._owners = np.repeat(np.arange(len(all_grams), dtype=np.int32), self._sizes)[order]

    def is_near(self, text: str) -> bool:
        """Whether the text shares at least half of its 5-grams (Jaccard) with one indexed text."""
        grams = word_grams(text)
        starts = np.searchsorted(self._grams, grams, side="left")
        stops = np.searchsorted(self._grams, grams, side="right")
        hits = np.flatnonzero(stops > starts)
        if not len(hits):
            return False
        owners = np.concatenate([self._owners[starts[hit] : stops[hit]] for hit in hits])
        shared = np.bincount(owners, minlength=len(self._sizes))
        return bool(np.any((shared > 0) & (shared >= NEAR_JACCARD * (self._sizes + len(grams) - shared))))
