"""An index that a Qdrant server searches: for tens of millions of chunks, and many who ask.

A point is there when the server has answered, but it shares no transaction with the SQLite file that this index keeps here:
`mirrored_store` says what a crash leaves. Words are sparse vectors of BM25 weights, whose rarity the server knows; since it
does not know how long a chunk is on average, one is held against AVERAGE_WORDS.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from jaxtyping import Float32

from handspun.errors import RetrieveError
from handspun.retrieve.mirror import Mirror, Rows
from handspun.retrieve.mirrored_store import MirroredStore
from handspun.retrieve.stemmer import Stemmer
from handspun.retrieve.text_query import words_of

K1, B, AVERAGE_WORDS = 1.2, 0.75, 60
"""how soon a word that is repeated says nothing new, how much length counts, and the usual number of telling words"""
KEY = "QDRANT_API_KEY"
REQUESTS: dict[str, Any] = {"timeout": 60, "check_compatibility": False}
"""seconds a request may take; and no talk before the first one"""
SENT = 256
"""points sent at a time"""


class QdrantStore(MirroredStore):
    """An index in the file `path`, with its points on the server at `url`."""

    def __init__(self, path: Path, url: str) -> None:
        if find_spec("qdrant_client") is None:
            raise RetrieveError(f'store=qdrant:{url} needs a package that is not here; `pip install "handspun[qdrant]"`.')
        super().__init__(path, lambda identity: QdrantMirror(url, f"handspun-{identity}"))


class QdrantMirror(Mirror):
    """One collection for each embedder there was; the one in use has a number."""

    def __init__(self, url: str, name: str) -> None:
        from qdrant_client import QdrantClient

        self._url, self._name = url, name
        self._generation: int | None = None
        self._has_vectors = False
        self._stemmer = Stemmer()
        self._client = (
            QdrantClient(":memory:") if url == ":memory:" else QdrantClient(url=url, **REQUESTS, api_key=os.environ.get(KEY))
        )

    def _asked(self, verb: str, *arguments: Any, **named: Any) -> Any:
        """What the server answers. Raises RetrieveError where it does not, or refuses."""
        from qdrant_client.http.exceptions import ApiException

        try:
            return getattr(self._client, verb)(*arguments, **named)
        except ApiException as error:
            reason = str(error).strip().splitlines()[0]
            raise RetrieveError(
                f"the Qdrant server at {self._url} does not do what it was asked ({reason}); is it running, and {KEY} right?"
            ) from error

    def _collection(self, generation: int | None = None) -> str:
        return f"{self._name}-{self._generation if generation is None else generation}"

    def open(self, generation: int) -> bool:
        if generation != self._generation:
            if not self._asked("collection_exists", self._collection(generation)):
                return False
            self._generation = generation
            settings = self._asked("get_collection", self._collection()).config.params
            self._has_vectors = bool(settings.vectors)
        return True

    def rewrite(self, generation: int, n_dims: int | None, rows: Iterator[Rows]) -> None:
        from qdrant_client.models import Distance, Modifier, SparseVectorParams, VectorParams

        name = self._collection(generation)
        self._generation, self._has_vectors = None, n_dims is not None
        self._asked("delete_collection", name)
        dense = {} if n_dims is None else {"vector": VectorParams(size=n_dims, distance=Distance.DOT, on_disk=True)}
        sparse = {"words": SparseVectorParams(modifier=Modifier.IDF)}
        self._asked("create_collection", name, vectors_config=dense, sparse_vectors_config=sparse)
        for some in rows:
            self._send(name, some)

    def drop_others(self, generation: int) -> None:
        for name in self._collections():
            if name != self._collection(generation):
                self._asked("delete_collection", name)

    def _collections(self) -> list[str]:
        names = [one.name for one in self._asked("get_collections").collections]
        return [name for name in names if name.startswith(f"{self._name}-")]

    def put(self, rows: Rows) -> None:
        self._send(self._collection(), rows)

    def _send(self, collection: str, rows: Rows) -> None:
        from qdrant_client.models import PointStruct

        points = [
            PointStruct(id=str(UUID(key)), vector={"words": words, **dense})
            for key, words, dense in zip(rows.ids, self._words(rows.texts), self._dense(rows))
        ]
        for start in range(0, len(points), SENT):
            self._asked("upsert", collection, points[start : start + SENT], wait=True)

    def _dense(self, rows: Rows) -> list[dict[str, list[float]]]:
        if rows.vectors is None or not self._has_vectors:
            return [{} for _ in rows.ids]
        return [{"vector": vector} for vector in rows.vectors.tolist()]

    def _words(self, texts: Sequence[str]) -> Iterator[Any]:
        """BM25's weights of the words of each text, without their rarity."""
        for counts in self._stemmer.stems(texts):
            fullness = K1 * (1 - B + B * counts.total() / AVERAGE_WORDS)
            yield sparse({stem: n * (K1 + 1) / (n + fullness) for stem, n in counts.items()})

    def drop(self, ids: Sequence[str]) -> None:
        from qdrant_client.models import PointIdsList

        if ids:
            self._asked("delete", self._collection(), PointIdsList(points=points_of(ids)), wait=True)

    def search_text(self, query: str, k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        [counts] = self._stemmer.stems([" ".join(words_of(query))])
        return self._search(sparse(counts), "words", k, among) if counts else []

    def search_vectors(self, query: Float32[np.ndarray, " D"], k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        return self._search(query.tolist(), "vector", k, among) if self._has_vectors else []

    def _search(self, query: Any, using: str, k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        from qdrant_client.models import Filter, HasIdCondition

        chosen = None if among is None else Filter(must=HasIdCondition(has_id=points_of(among)))
        found = self._asked(
            "query_points", self._collection(), query=query, using=using, limit=k, query_filter=chosen, with_payload=False
        )
        return [(UUID(str(point.id)).hex, point.score) for point in found.points]

    def counts(self) -> tuple[int, int]:
        from qdrant_client.models import Filter, HasVectorCondition

        n_rows = self._asked("count", self._collection(), exact=True).count
        if not self._has_vectors:
            return n_rows, 0
        having = Filter(must=HasVectorCondition(has_vector="vector"))
        return n_rows, self._asked("count", self._collection(), count_filter=having, exact=True).count

    def destroy(self) -> None:
        for name in self._collections():
            self._asked("delete_collection", name)

    def close(self) -> None:
        self._stemmer.close()
        self._client.close()


def points_of(ids: Sequence[str]) -> list[Any]:
    """Chunk ids as Qdrant writes them."""
    return [str(UUID(one)) for one in ids]


def sparse(weights: Mapping[str, float]) -> Any:
    """Weights of words as a sparse vector: a word's place is a hash of it, of 32 bits."""
    from qdrant_client.models import SparseVector

    places = [int.from_bytes(blake2b(word.encode(), digest_size=4).digest()) for word in weights]
    return SparseVector(indices=places, values=[float(weight) for weight in weights.values()])
