"""The extractive answer: of all sentences that were found the one that says most of what was asked. No model is needed."""

from collections.abc import Sequence
from dataclasses import dataclass

from handspun.retrieve.answer import Answer, unknown
from handspun.retrieve.chunk import Hit
from handspun.retrieve.citation import cite
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.sentences import sentences
from handspun.retrieve.telling import rarity, share_said
from handspun.retrieve.words import words

FENCE = "```"
LEAST = 0.1
"""added to what is multiplied: a sentence that repeats nothing of the question may still be the answer"""


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
    excerpt = best_excerpt([hit for hit in hits if hit.score >= searcher.min_score], rarity(question, hits))
    if excerpt is None:
        return unknown(hits)
    chunk = excerpt.hit.chunk
    start, end = chunk.start + excerpt.start, chunk.start + excerpt.end
    citation = cite(searcher.index.store, chunk, start, end, excerpt.text)
    return Answer(excerpt.text, (citation,) if citation else (), citation is not None, "extractive")


def best_excerpt(hits: Sequence[Hit], weights: dict[str, float]) -> Excerpt | None:
    """The best sentence of the hits, or None where there is no text. `weights` are those of the words of the question.

    Of two sentences that say as much of it the better hit's wins.
    A heading answers nothing, nor does a table or a block of code.
    """
    excerpts = [
        Excerpt(hit, start, end, score(hit, start, end, weights))
        for hit in hits
        for start, end in sentences(hit.chunk.text)
        if is_prose(hit.chunk.text[start:end]) and not is_heading(hit, start, end)
    ]
    return max(excerpts, key=lambda excerpt: excerpt.score, default=None)


def is_prose(sentence: str) -> bool:
    """Whether it is neither a row of a Markdown table nor a part of a fenced block."""
    return not sentence.startswith("|") and FENCE not in sentence


def is_heading(hit: Hit, start: int, end: int) -> bool:
    """Whether a sentence is the heading that its chunk stands below."""
    heading, sentence = (
        [word.form for word in words(text) if word.is_word]
        for text in (hit.chunk.heading.rpartition(" > ")[2], hit.chunk.text[start:end])
    )
    return bool(heading) and sentence == heading


def score(hit: Hit, start: int, end: int, weights: dict[str, float]) -> float:
    """The share of the question that a sentence says, times how well its chunk was found, which counts twice."""
    return (share_said(hit.chunk.text[start:end], weights) + LEAST) * (hit.score + LEAST) ** 2
