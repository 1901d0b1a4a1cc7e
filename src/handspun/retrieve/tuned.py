"""What an index was tuned to, as its store notes it."""

from dataclasses import asdict, dataclass
from typing import Self

from handspun.retrieve.store import Store

FACT = "search"
GROWTH = 2
"""An index that has so many times the chunks it was tuned on, or that part of them, is tuned anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """How an index is searched."""

    asked: str
    """the setting `embedder` that it was tuned for"""
    folder: str
    """below embedder/: where the lexicon is, and the embedder if it was learnt here; empty: neither is there"""
    embedder: str | None
    """the name of the embedder whose vectors are searched; None: words alone"""
    weight: float
    """the share of the vectors in a score"""
    min_score: float
    """below it nothing counts as found"""
    n_chunks: int
    """when it was tuned"""
    n_known_items: int = 0
    """questions with known answers that it was tried on; 0: there was too little text for them"""
    ndcg_words: float | None = None
    """nDCG@10 of those questions by words alone"""
    ndcg_fused: float | None = None
    """with the vectors' share"""
    share_found: float | None = None
    """of plain questions whose answer is there, those that score at least `min_score`; None: it and `weight` are defaults"""
    share_mistaken: float | None = None
    """of questions that no chunk answers, those that do, too"""

    @classmethod
    def of(cls, store: Store) -> Self | None:
        """What a store notes; None where it was never tuned."""
        noted = store.facts().get(FACT)
        return cls(**noted) if noted else None

    def note(self, store: Store) -> None:
        """Have a store note it."""
        store.note(**{FACT: asdict(self)})

    def fits(self, asked: str, n_chunks: int) -> bool:
        """Whether it was tuned for this setting, on about so many chunks."""
        return bool(self.folder) and self.asked == asked and self.n_chunks < GROWTH * n_chunks < GROWTH**2 * self.n_chunks
