"""Another engine that finds chunks by words and by vectors, for a store whose truth is an SQLite file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from handspun.retrieve.store import Vectors


@dataclass(frozen=True, slots=True)
class Rows:
    """What an engine is given of some chunks."""

    ids: Sequence[str]
    texts: Sequence[str]
    """their telling words, those of the heading first"""
    vectors: Vectors | None
    """None where there is no embedder, or not of these chunks yet"""


class Mirror(ABC):
    """The words and vectors of an index in another engine. Where it differs from the SQLite file, the file is right."""

    @abstractmethod
    def open(self, generation: int) -> bool:
        """Work with this table from now on; False where there is none. One that is open already costs nothing."""

    @abstractmethod
    def rewrite(self, generation: int, n_dims: int | None, rows: Iterator[Rows]) -> None:
        """Make the table of these rows, in the place of one of that number; `n_dims` is None where there are no vectors."""

    @abstractmethod
    def drop_others(self, generation: int) -> None:
        """Remove every other table of this index."""

    @abstractmethod
    def put(self, rows: Rows) -> None:
        """Add rows, or write those of the same ids anew."""

    @abstractmethod
    def drop(self, ids: Sequence[str]) -> None:
        """Remove rows; those that are not there are passed over."""

    @abstractmethod
    def search_text(self, query: str, k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        """As `Store.search_text`, among these ids or all."""

    @abstractmethod
    def search_vectors(self, query: Float32[np.ndarray, " D"], k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        """As `Store.search_vectors`, among these ids or all."""

    @abstractmethod
    def counts(self) -> tuple[int, int]:
        """Rows, and rows with a vector."""

    @abstractmethod
    def destroy(self) -> None:
        """Remove all there is of this index, when it has moved elsewhere."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
