"""Finds chunks by their words in SQLite's full-text index: BM25, and words that stand side by side count extra."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from handspun.retrieve.database import Database
from handspun.retrieve.filters import condition, passing
from handspun.retrieve.store import Filters
from handspun.retrieve.text_query import any_of, pairs_of, words_of

PAIR_WEIGHT = 0.25
"""what two words of the query that stand side by side in a chunk add to its score, next to what the words give"""
RESCORED, RESCORED_PAIRS = 200, 1000
"""chunks with the words, and chunks with the pairs, that are looked at for that"""
MOST_WEIGHED = 30_000
"""chunks that have a word of the query, up to which they are weighed; FTS5 takes .3 microseconds for each"""
SMALL = 1000
"""chunks up to which words are weighed one by one"""
IS_SMALL = f"SELECT count(*) <= {SMALL} FROM (SELECT 1 FROM chunks LIMIT {SMALL + 1})"
LEAST_IDF = 1e-6
"""FTS5's weight of a word that over half of all chunks have"""


class TextSearch:
    """The words of a database. Whoever calls holds its `reading`."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def best(self, query: str, k: int, filters: Filters | None = None) -> list[tuple[int, float]]:
        """The numbers of the `k` chunks whose words fit a query best, with their scores, best first."""
        rank = self._ranked_word_by_word if self._count(IS_SMALL) else self._ranked
        scores = rank(self._affordable(words_of(query)), max(k, RESCORED), filters)
        for chunk, score in rank(pairs_of(query), RESCORED_PAIRS).items():
            if chunk in scores:
                scores[chunk] += PAIR_WEIGHT * score
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]

    def _count(self, sql: str, *parameters: str) -> int:
        return self._connection.execute(sql, parameters).fetchone()[0]

    def _affordable(self, words: Sequence[str]) -> list[str]:
        """The words without the commonest ones, where those would have very many chunks weighed for little."""
        counts = {word: self._count("SELECT count(*) FROM words WHERE words MATCH ?", any_of([word])) for word in {*words}}
        rarest = sorted(counts, key=lambda word: (counts[word], word))
        weighed = accumulate(counts[word] for word in rarest)
        kept = {word for place, (word, n_rows) in enumerate(zip(rarest, weighed)) if not place or n_rows <= MOST_WEIGHED}
        return [word for word in words if word in kept]

    def _ranked(self, phrases: Sequence[str], k: int, filters: Filters | None = None) -> dict[int, float]:
        """The numbers of the `k` chunks that any of the phrases fit best, with BM25 scores."""
        if not phrases:
            return {}
        where, parameters = condition(filters)
        among = "JOIN chunks ON chunks.id = words.rowid JOIN documents ON documents.id = document" if filters else ""
        sql = f"SELECT words.rowid, -rank FROM words {among} WHERE words MATCH ? AND {where} ORDER BY rank LIMIT ?"
        return dict(self._connection.execute(sql, (any_of(phrases), *parameters, k)))

    def _ranked_word_by_word(self, phrases: Sequence[str], k: int, filters: Filters | None = None) -> dict[int, float]:
        """The same for a small index: a word is worth something there even if over half of the chunks have it.

        FTS5 gives such a word no weight (Robertson's idf is below zero), so its scores are taken phrase by phrase and weighed
        with Lucene's idf, which is the same where words are rare.
        """
        scores: Counter[int] = Counter()
        n_chunks = self._count("SELECT count(*) FROM chunks")
        for phrase in phrases:
            found = self._ranked([phrase], n_chunks)
            odds = (n_chunks - len(found) + 0.5) / (len(found) + 0.5)
            weight = math.log(1 + odds) / max(math.log(odds), LEAST_IDF)
            scores.update({chunk: score * weight for chunk, score in found.items()})
        kept = set(passing(self._connection, filters)) if filters else scores.keys()
        return dict(Counter({chunk: score for chunk, score in scores.items() if chunk in kept}).most_common(k))
