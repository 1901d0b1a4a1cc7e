"""The extractive answer: of all sentences that were found the one that says most of what was asked. No model is needed."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from handspun.retrieve.answer import Answer, unknown
from handspun.retrieve.chunk import Hit
from handspun.retrieve.citation import cite
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.sentences import sentences
from handspun.retrieve.words import forms, words


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A sentence of a hit: characters `start` to `end` of its chunk's text."""

    hit: Hit
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        """The sentence on one line."""
        return " ".join(self.hit.chunk.text[self.start : self.end].split())


def extract(question: str, searcher: Searcher, hits: Sequence[Hit]) -> Answer:
    """The best sentence of the hits that count as found, cited; where none does, that it is not known."""
    excerpt = best_excerpt(question, [hit for hit in hits if hit.score >= searcher.min_score])
    if excerpt is None:
        return unknown(hits)
    chunk = excerpt.hit.chunk
    start, end = chunk.start + excerpt.start, chunk.start + excerpt.end
    citation = cite(searcher.index.store, chunk, start, end, excerpt.text)
    return Answer(excerpt.text, (citation,) if citation else (), citation is not None, "extractive")


def best_excerpt(question: str, hits: Sequence[Hit]) -> Excerpt | None:
    """The best sentence of the hits, or None where there is no text.

    Words of the question count more the fewer hits have them; of two that say as much the better hit's wins.
    """
    weights = rarity(question, hits)
    excerpts = [
        Excerpt(hit, start, end, score(hit, start, end, weights)) for hit in hits for start, end in sentences(hit.chunk.text)
    ]
    return max(excerpts, key=lambda excerpt: excerpt.score, default=None)


def rarity(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """How much each telling word of the question counts, by the share of the hits that have it (inverse document frequency)."""
    n_with = Counter(form for hit in hits for form in set(forms(f"{hit.chunk.heading} {hit.chunk.text}")))
    asked = {word.form for word in words(question) if word.is_telling}
    return {form: math.log(1 + (len(hits) + 0.5) / (n_with[form] + 0.5)) for form in asked}


def score(hit: Hit, start: int, end: int, weights: dict[str, float]) -> float:
    """The share of the question that a sentence says, times how well its chunk was found."""
    said = set(forms(hit.chunk.text[start:end]))
    share = sum(weight for form, weight in weights.items() if form in said) / (sum(weights.values()) or 1.0)
    return (share + 0.1) * (hit.score + 0.1)
