"""What keeps an index: files, documents, chunks, the words in them, and their vectors. Every store passes the same tests."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile

Vectors = Float32[np.ndarray, "N D"]
Filters = Mapping[str, Any]
"""What a chunk's metadata must say; "source" is a prefix or a glob (guide/*.md) of its source."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each there are; the last three are equal in a whole index."""

    files: int
    """that were read"""
    documents: int
    chunks: int
    text_rows: int
    """chunks that can be found by their words"""
    vectors: int
    """chunks that have a vector of the current embedder, or, where there is no embedder, all of them"""


class Store(ABC):
    """One index. Any thread may use it. Whatever is written by one call is written whole or not at all."""

    @abstractmethod
    def files(self) -> dict[str, IndexedFile]:
        """Every file that was read or failed, by its path."""

    @abstractmethod
    def replace(
        self,
        file: IndexedFile,
        documents: Sequence[IndexedDocument] = (),
        chunks: Sequence[Chunk] = (),
        vectors: Vectors | None = None,
    ) -> None:
        """Put a file in the place of what there was of it, all in one transaction. `vectors` are of the current embedder."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Forget a file with all that came from it."""

    @abstractmethod
    def search_text(self, query: str, k: int, filters: Filters | None = None) -> list[tuple[str, float]]:
        """The ids of the `k` chunks whose words fit best, with BM25 scores, best first. Any query is taken, operators too."""

    @abstractmethod
    def search_vectors(
        self, query: Float32[np.ndarray, " D"], k: int, filters: Filters | None = None
    ) -> list[tuple[str, float]]:
        """The ids of the `k` chunks whose vectors of the current embedder are nearest, with cosines, best first.

        None where the query has another length: it is of an embedder that was the current one, perhaps a moment ago.
        """

    @abstractmethod
    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """The chunks with these ids, in their order; those that are gone are left out."""

    @abstractmethod
    def document(self, source: str) -> IndexedDocument | None:
        """The stored document of that source."""

    @abstractmethod
    def fields(self) -> list[str]:
        """What the metadata of any document says: the names that filters may ask for besides source."""

    @abstractmethod
    def n_passing(self, filters: Filters) -> int:
        """How many documents filters let pass."""

    @abstractmethod
    def every_chunk(self) -> Iterator[Chunk]:
        """All chunks, in the order of their sources and starts."""

    @abstractmethod
    def lacking(self, embedder: str) -> Iterator[Chunk]:
        """The chunks that have no vector of an embedder yet."""

    @abstractmethod
    def add_vectors(self, embedder: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors of an embedder, which need not be the current one, beside those there are."""

    @abstractmethod
    def use_embedder(self, embedder: str | None) -> None:
        """Make an embedder whose vectors are whole the current one, and drop the vectors of all others."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What was noted of the index: how its chunks were made, and how it is searched."""

    @abstractmethod
    def note(self, **facts: Any) -> None:
        """Note facts, as JSON."""

    @abstractmethod
    def counts(self) -> Counts:
        """How many there are of everything."""

    @abstractmethod
    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each: counts that differ, damaged pages. Empty where it is whole."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
