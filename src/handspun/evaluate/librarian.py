"""Looks up passages for a text that is being scored, and never that text itself or a near copy of it.

An index often holds the very texts that a model is measured on; with those at hand any model would look brilliant.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from handspun.corpus.dedup import Grams, word_grams
from handspun.corpus.document import Document
from handspun.corpus.split import stable_fraction
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS

LEAKED_SHARE = 0.5
"""Of the word 5-grams of a passage or of the text, whichever has fewer, from which one counts as a copy of the other."""
SPARE_HITS = 10
"""Hits asked for beyond those that are wanted: some will be the text itself."""
POOL_CHUNKS = 1000
"""Chunks of an index that wrong passages are drawn from."""


@dataclass
class Librarian:
    """Finds passages, the right ones and wrong ones."""

    search: Callable[[str, int], Sequence[Hit]]
    """the best hits for a query, at most so many"""
    pool: Sequence[Chunk]
    """chunks of the same index, of which the wrong ones are drawn"""
    n_passages: int
    grams: dict[str, Grams] = field(default_factory=dict)
    """of the texts that were asked about"""

    def retrieved(self, query: str, document: Document) -> list[Chunk]:
        """The best passages for a query out of a document, itself and its copies left out."""
        hits = self.search(query[-MAX_QUERY_CHARACTERS:], self.n_passages + SPARE_HITS)
        return [hit.chunk for hit in hits if not self.gives_away(hit.chunk, document)][: self.n_passages]

    def wrong(self, query: str, document: Document, retrieved: Sequence[Chunk]) -> list[Chunk]:
        """As many others, drawn by a hash of the query, so that they are the same each time."""
        barred = {chunk.id for chunk in retrieved}
        wrong: list[Chunk] = []
        for chunk in turned(self.pool, f"wrong:{document.id}:{query}"):
            if len(wrong) == len(retrieved):
                break
            if chunk.id not in barred and not self.gives_away(chunk, document):
                wrong.append(chunk)
        return wrong

    def gives_away(self, chunk: Chunk, document: Document) -> bool:
        """Whether a chunk comes from the document, or says half of what it says."""
        if chunk.source in (document.id, document.source):
            return True
        text, passage = self.grams_of(document), word_grams(chunk.text)
        fewer = min(len(text), len(passage))
        return bool(fewer) and len(np.intersect1d(text, passage, assume_unique=True)) >= LEAKED_SHARE * fewer

    def grams_of(self, document: Document) -> Grams:
        """The distinct word 5-grams of a document, counted once."""
        if document.id not in self.grams:
            self.grams[document.id] = word_grams(document.text)
        return self.grams[document.id]


def turned(pool: Sequence[Chunk], key: str) -> Sequence[Chunk]:
    """The pool from a place on that a hash of the key picks, and round to it again."""
    start = int(stable_fraction(key) * len(pool))
    return (*pool[start:], *pool[:start])


def pool_of(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Chunks to draw wrong passages from, each as likely as another to be among them, the same each time (Vitter 1985)."""
    rng, pool = np.random.default_rng(0), list[Chunk]()
    for number, chunk in enumerate(chunks):
        if number < POOL_CHUNKS:
            pool.append(chunk)
        elif (place := int(rng.integers(number + 1))) < POOL_CHUNKS:
            pool[place] = chunk
    return [pool[place] for place in rng.permutation(len(pool))]
