"""What words and vectors bring forward, and one score of both: a convex combination (Bruch, Gai and Ingber, 2022).

Fusing by ranks instead lowers quality wherever one arm is much the better one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.store import Filters, Store

N_CANDIDATES = 100
"""chunks that each arm brings forward"""
N_LOOKED_THROUGH = 50
"""of the best of them, in which the words of the query are looked for side by side"""
FEEDBACK_CHUNKS = 3
"""of the best by words are read together with the query (Rocchio, 1971): nDCG@10 of Cranfield .435 instead of .419"""
STRETCH_WORDS, STRETCH_STEP = 8, 4
"""telling words that count as one place, and how many lie between the beginnings of two such places"""
TINY = 1e-9
NEARNESS_SHARE = 0.3
"""of what words give a chunk; the rest is BM25. Worth .002 to .004 of nDCG@10 beside vectors (dev/LOG.md)"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk, and what speaks for it: every number but the raw scores lies between 0 and 1."""

    chunk: Chunk
    text_score: float | None
    vector_score: float | None
    words: float
    """its BM25 score over the best one's, and how much of the query it says in one place"""
    meaning: float
    """where its cosine lies between the lowest and the highest of those brought forward"""
    nearness: float
    """the share of the query that it says in one place, rare words counting more"""

    def score(self, weight: float) -> float:
        """One number of both arms, `weight` being the vectors' share."""
        return (1 - weight) * self.words + weight * self.meaning

    def certainty(self, weight: float) -> float:
        """How sure it is that this has to do with the query, whatever else there is."""
        return (1 - weight) * self.nearness + weight * max(0.0, self.vector_score or 0.0)


@dataclass(frozen=True, slots=True)
class Arms:
    """What an index is searched with besides its store."""

    lexicon: Lexicon
    embedder: Embedder | None = None

    def candidates(self, store: Store, query: str, k: int = N_CANDIDATES, filters: Filters | None = None) -> list[Candidate]:
        """What either arm brings forward, in no order."""
        by_words = dict(store.search_text(query, k, filters))
        best = store.chunks(list(by_words)[:FEEDBACK_CHUNKS])
        by_meaning = dict(self.nearest(store, query, best, k, filters))
        most_words = max(by_words.values(), default=0.0) or 1.0
        lowest, highest = min(by_meaning.values(), default=0.0), max(by_meaning.values(), default=0.0)
        leading = {*list(by_words)[:N_LOOKED_THROUGH], *list(by_meaning)[:N_LOOKED_THROUGH]}
        found = {chunk.id: chunk for chunk in store.chunks(list(by_words | by_meaning))}
        near = self.nearness(query, {id: chunk for id, chunk in found.items() if id in leading})
        return [
            Candidate(
                chunk=chunk,
                text_score=by_words.get(id),
                vector_score=by_meaning.get(id),
                words=(1 - NEARNESS_SHARE) * by_words.get(id, 0.0) / most_words + NEARNESS_SHARE * near.get(id, 0.0),
                meaning=(by_meaning.get(id, lowest) - lowest) / ((highest - lowest) or 1.0),
                nearness=near.get(id, 0.0),
            )
            for id, chunk in found.items()
        ]

    def nearest(
        self, store: Store, query: str, best: Sequence[Chunk], k: int, filters: Filters | None
    ) -> list[tuple[str, float]]:
        """The chunks whose vectors are nearest the query's, read together with the best by words where that takes no time."""
        if self.embedder is None:
            return []
        vector = self.embedder.embed([query], are_queries=True)[0]
        if self.embedder.is_instant and best:
            vector = vector + self.embedder.embed([chunk.searched_text for chunk in best]).mean(axis=0)
            vector /= max(float(np.linalg.norm(vector)), TINY)
        return store.search_vectors(vector, k, filters) if vector.any() else []

    def nearness(self, query: str, chunks: Mapping[str, Chunk]) -> dict[str, float]:
        """Of each chunk, by its id, the largest share of the query's words that stand within a few words of each other."""
        weights = {word: count * self.lexicon.weight(word) for word, count in Counter(stems(query)).items()}
        total = sum(weights.values()) or 1.0
        return {id: best_stretch(stems(chunk.searched_text), weights) / total for id, chunk in chunks.items()}


def best_stretch(words: Sequence[str], weights: dict[str, float]) -> float:
    """The most that the distinct words of one stretch weigh."""
    places = [place for place, word in enumerate(words) if word in weights]
    starts = {place - place % STRETCH_STEP - back for place in places for back in (0, STRETCH_STEP)}
    stretches = (set(words[max(0, start) : max(0, start) + STRETCH_WORDS]) for start in starts)
    return max((sum(weights.get(word, 0.0) for word in stretch) for stretch in stretches), default=0.0)


def scored(candidates: Sequence[Candidate], weight: float) -> list[Hit]:
    """The candidates as hits, best first: a score is what both arms say, times how sure it is that anything fits at all."""
    certainty = max((candidate.certainty(weight) for candidate in candidates), default=0.0)
    hits = [Hit(one.chunk, min(1.0, certainty * one.score(weight)), one.text_score, one.vector_score) for one in candidates]
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.source, hit.chunk.start))
