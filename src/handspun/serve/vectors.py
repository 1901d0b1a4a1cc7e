"""Texts as vectors: what embeddings are in both protocols."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from handspun.errors import PromptError, RefusedError
from handspun.serve.models import Loaded
from handspun.serve.prompt import TRUNCATE

N_AT_ONCE = 8
"""Texts that are read in one go; replies go on in between."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector of length 1 for each text."""

    values: list[list[float]]
    n_tokens: int
    n_truncated: int


async def embed(loaded: Loaded, texts: Sequence[str], limit: int, *, dimensions: int | None, truncate: bool) -> Vectors:
    """The vectors of some texts of at most `limit` tokens, cut to their first `dimensions` numbers. Raises PromptError."""
    import torch.nn.functional as F

    whole = await asyncio.to_thread(lambda: [[loaded.tokenizer.end_of_text, *loaded.tokenizer.encode(text)] for text in texts])
    read = [shortened(ids, limit, truncate=truncate) for ids in whole]
    values: list[list[float]] = []
    for start in range(0, len(read), N_AT_ONCE):
        vectors = await loaded.worker.embed(read[start : start + N_AT_ONCE])
        if dimensions and dimensions > vectors.shape[1]:
            raise PromptError(f"dimensions={dimensions}: this model's vectors have {vectors.shape[1]:,}; ask for no more.")
        values += F.normalize(vectors[:, :dimensions], dim=-1).tolist()
    return Vectors(values, sum(map(len, read)), sum(map(len, whole)) - sum(map(len, read)))


def refuse_index(index: str | None) -> None:
    """Raises RefusedError where vectors are asked of an index."""
    if index is not None:
        raise RefusedError(f'vectors come from a model alone; leave the index "{index}" out.')


def shortened(ids: list[int], limit: int, *, truncate: bool) -> list[int]:
    """A text as far as it may be read. Raises PromptError where it is too long and must not be truncated."""
    if len(ids) > limit and not truncate:
        remedy = f"shorten it, or send {TRUNCATE} to have its beginning read"
        raise PromptError(f"the input has {len(ids):,} tokens and there is room for {limit:,}; {remedy}.")
    return ids[:limit]
