"""What turns texts into vectors, so that texts that mean alike lie near each other."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from handspun.progress import OnProgress, unheard
from handspun.retrieve.store import Store, Vectors

EMBEDDED_AT_ONCE = 64
"""chunks whose vectors are kept together"""


class Embedder(ABC):
    """One way from text to vectors of length 1. A text without a known word gives zeros."""

    name: str
    """says what made it, down to a hash of its weights: vectors of equal names may be compared"""
    n_dims: int
    is_instant = False
    """whether a chunk takes far less than a millisecond: then the best chunks by words are read together with a query"""

    @abstractmethod
    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        """One row for each text; some embedders treat queries apart."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Keep what is needed to open it again, where that is not somewhere already."""


def embed_lacking(store: Store, embedder: Embedder, on_progress: OnProgress = unheard) -> None:
    """Give every chunk of a store a vector that has none of this embedder's."""
    lacking = list(store.lacking(embedder.name))
    for start in range(0, len(lacking), EMBEDDED_AT_ONCE):
        on_progress(start, len(lacking))
        batch = lacking[start : start + EMBEDDED_AT_ONCE]
        vectors = embedder.embed([chunk.searched_text for chunk in batch])
        store.add_vectors(embedder.name, [chunk.id for chunk in batch], vectors)
    on_progress(len(lacking), len(lacking))
