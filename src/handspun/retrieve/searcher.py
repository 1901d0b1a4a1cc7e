"""Finds the chunks of an index that fit a query best, by their words and by their meaning."""

from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock

from handspun.corpus.dedup import word_grams
from handspun.errors import RetrieveError
from handspun.retrieve.chunk import Hit
from handspun.retrieve.fusion import N_CANDIDATES, Arms, scored
from handspun.retrieve.index import Index
from handspun.retrieve.lexicon import Lexicon
from handspun.retrieve.names import by_name
from handspun.retrieve.store import Filters
from handspun.retrieve.tuned import Tuned
from handspun.retrieve.tuning import embedder_in_use

MAX_QUERY_CHARACTERS = 4096
LEAST_SCORE = 0.0005
"""A hit that none of the words brought has more: what is shown as 0.000 has nothing to do with the query."""
SAME_JACCARD = 0.8
"""Of two hits that share so much of their word 5-grams the better one is shown."""


class Searcher:
    """An index ready to be asked, with what that needs in memory. Any thread may use it; when the index is tuned anew it
    follows. Raises DamagedFileError, RetrieveError.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._lock = Lock()
        self._follow(Tuned.of(index.store))

    def _follow(self, tuned: Tuned | None) -> None:
        """Search as the index is tuned."""
        set_to = self.index.config.min_score
        self._tuned, self._arms = tuned, arms_of(self.index, tuned)
        self.min_score: float = set_to if set_to is not None else tuned.min_score if tuned else 0.0
        """Below it nothing counts as found: as it is set, or else as the index was tuned."""

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """The `k` best chunks at most, best first. Raises RetrieveError where the query is too long."""
        check(query)
        tuned, arms = self._current()
        candidates = arms.candidates(self.index.store, query, max(k, N_CANDIDATES), filters)
        if tuned != Tuned.of(self.index.store):  # meanwhile: these may be the vectors of one embedder, asked with another's
            return self.search(query, k, filters)
        ranked = by_name(query, scored(candidates, tuned.weight if tuned else 0.0))
        return list(distinct((hit for hit in ranked if hit.score >= LEAST_SCORE or hit.text_score is not None), k))

    def _current(self) -> tuple[Tuned | None, Arms]:
        """How the index is tuned now, and the arms, opened anew where that has changed."""
        tuned = Tuned.of(self.index.store)
        with self._lock:
            if tuned != self._tuned:
                self._follow(tuned)
            return tuned, self._arms


def arms_of(index: Index, tuned: Tuned | None) -> Arms:
    """What an index is searched with; where nothing was learnt for it, all words count alike. Raises DamagedFileError."""
    if tuned is None or not tuned.folder or not (folder := index.embedder_folder / tuned.folder).is_dir():
        return Arms(Lexicon({}, 0))
    return Arms(Lexicon.load(folder), embedder_in_use(index))


def check(query: str) -> None:
    """Raises RetrieveError where a query is longer than anybody's question."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise RetrieveError(
            f"the query has {len(query):,} characters and may have {MAX_QUERY_CHARACTERS:,}; ask with fewer words."
        )


def distinct(hits: Iterable[Hit], k: int) -> Iterator[Hit]:
    """The first `k` hits that do not say nearly the same as one before them."""
    sizes: list[int] = []
    owners: dict[int, list[int]] = {}
    for hit in hits:
        if len(sizes) == k:
            return
        grams = word_grams(hit.chunk.text).tolist()
        shared = Counter(owner for gram in grams for owner in owners.get(gram, ()))
        if all(count < SAME_JACCARD * (sizes[owner] + len(grams) - count) for owner, count in shared.items()):
            for gram in grams:
                owners.setdefault(gram, []).append(len(sizes))
            sizes.append(len(grams))
            yield hit
