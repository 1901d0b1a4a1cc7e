"""What turns texts into vectors, so that texts that mean alike lie near each other."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from handspun.retrieve.store import Vectors


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
