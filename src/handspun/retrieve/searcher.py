"""Finds the chunks of an index that fit a query best."""

import math

from handspun.errors import RetrieveError
from handspun.retrieve.chunk import Hit
from handspun.retrieve.index import Index
from handspun.retrieve.names import by_name
from handspun.retrieve.store import Filters
from handspun.retrieve.text_query import telling_words

N_CANDIDATES = 100
"""Hits that each way of searching brings forward."""
MAX_QUERY_CHARACTERS = 4096
BM25_CEILING = 2.2
"""What one word adds to a BM25 score at most, in units of its weight: k1 + 1."""


class Searcher:
    """An index ready to be asked. Any thread may use it."""

    def __init__(self, index: Index) -> None:
        self.index = index
        tuned = index.config.min_score if index.config.min_score is not None else index.store.facts().get("min_score", 0.0)
        self.min_score: float = tuned
        """Below it nothing counts as found."""
        self.n_chunks = index.store.counts().chunks

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """The `k` best chunks at most, best first. Raises RetrieveError where the query is too long."""
        check(query)
        found = self.index.store.search_text(query, max(k, N_CANDIDATES), filters)
        chunks = {chunk.id: chunk for chunk in self.index.store.chunks([id for id, _ in found])}
        most = BM25_CEILING * math.log(self.n_chunks + 1) * max(1, len(telling_words(query)))
        hits = [Hit(chunks[id], min(1.0, score / most), text_score=score) for id, score in found if id in chunks]
        return by_name(query, hits)[:k]


def check(query: str) -> None:
    """Raises RetrieveError where a query is longer than anybody's question."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise RetrieveError(
            f"the query has {len(query):,} characters and may have {MAX_QUERY_CHARACTERS:,}; ask with fewer words."
        )


def open_searcher(index: Index) -> Searcher:
    """The searcher of an index, with what it needs in memory."""
    return Searcher(index)
