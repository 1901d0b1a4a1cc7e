"""Encoding much text fast: the vocabulary handed to tiktoken, over all cores.

tiktoken merges bytes and knows no [UNK]. An uncased vocabulary is made of characters, so there the bytes of a known character
are merged before all else, and of an unknown one the first byte becomes [UNK] and the others nothing.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tiktoken
from tokenizers import normalizers

from handspun.machine import n_usable_cores
from handspun.tokens.blueprint import Blueprint
from handspun.tokens.config import Pattern
from handspun.tokens.control import UNKNOWN
from handspun.tokens.surrogates import well_formed

SLICE_CHARS = 1 << 18
"""characters a thread takes at a time: long enough that taking turns costs nothing"""

FAST_PATTERNS: dict[Pattern, str] = {
    "gpt-2": r"(?:'(?:[sdmt]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)|\s++$|\s+(?!\S)|\s",
    "llama-3": (
        r"(?:'(?i:[sdmt]|re|ve|ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
        r"|\s++$|\s+(?!\S)|\s"
    ),
}
"""the patterns of the blueprint, cutting alike: the group needs no backtracking, so the regex engine runs it in one go"""

NOTHING = 2**32 - 1
"""stands in for the id of a byte that adds none"""


class BulkEncoder:
    """Text to ids through tiktoken: the ids that `tokenizers` gives, several times faster. No id is a control token's."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._lowercase = normalizers.Lowercase() if blueprint.profile == "uncased" else None
        ids = _ids_of_characters(blueprint) if self._lowercase else _ids_of_bytes(blueprint)
        self._id_of_rank = np.array(list(ids.values()), dtype=np.uint32)
        self._encoding = tiktoken.Encoding(
            "handspun",
            pat_str=FAST_PATTERNS[blueprint.pattern],
            mergeable_ranks={data: rank for rank, data in enumerate(ids)},
            special_tokens={name: len(ids) + place for place, name in enumerate(blueprint.control)},
        )

    def encode(self, text: str) -> np.ndarray:
        """The ids of one text, uint32. A lone surrogate is read as U+FFFD."""
        text = well_formed(text)
        if self._lowercase is None:
            return self._id_of_rank[self._encoding.encode_to_numpy(text, disallowed_special=())]
        text = text.lower() if text.isascii() else self._lowercase.normalize_str(text)
        ids = self._id_of_rank[self._encoding.encode_to_numpy(text, disallowed_special=())]
        return ids[ids != NOTHING]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, in order, uint32: one slice of the texts per thread (Rust lets go of the interpreter lock)."""
        slices = _slices(texts)
        if len(slices) < 2:
            return [self.encode(text) for text in texts]
        with ThreadPoolExecutor(n_usable_cores()) as pool:
            return [ids for done in pool.map(lambda part: [self.encode(text) for text in part], slices) for ids in done]


def _ids_of_bytes(blueprint: Blueprint) -> dict[bytes, int]:
    """The tokens of a byte-level vocabulary in the order in which they are merged, and their ids."""
    return {data: id_ for id_, data in enumerate(blueprint.bytes_of_tokens()) if data}


def _ids_of_characters(blueprint: Blueprint) -> dict[bytes, int]:
    """The same for a vocabulary of characters: single bytes, beginnings of characters, characters, and then the merges."""
    known = {token.encode(): id_ for token, id_ in blueprint.vocab.items() if token not in blueprint.control}
    merged = [(left + right).encode() for left, right in blueprint.merges]
    characters = sorted(known.keys() - set(merged))
    beginnings = {character[:length] for character in characters for length in range(2, len(character))}
    pieces = [*(bytes([byte]) for byte in range(256)), *sorted(beginnings, key=len), *characters, *merged]
    unknown = blueprint.control[UNKNOWN]
    return {piece: known.get(piece, NOTHING if _continues(piece) else unknown) for piece in pieces}


def _continues(piece: bytes) -> bool:
    """Whether `piece` goes on with a character that an earlier byte began."""
    return piece[0] & 0b1100_0000 == 0b1000_0000


def _slices(texts: Sequence[str]) -> list[Sequence[str]]:
    """Runs of neighboring texts of about SLICE_CHARS characters."""
    slices, start, n_chars = [], 0, 0
    for place, text in enumerate(texts):
        n_chars += len(text)
        if n_chars >= SLICE_CHARS:
            slices.append(texts[start : place + 1])
            start, n_chars = place + 1, 0
    return [*slices, texts[start:]] if start < len(texts) else slices
