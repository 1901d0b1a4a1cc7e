"""What an answer through an index says of where it comes from: an extra of both protocols."""

from typing import Literal

from handspun.serve.wire import Wire


class Span(Wire):
    """Characters `start` to `end`, counted from 0, of the stored text of a source."""

    source: str
    start: int
    end: int
    chunk_id: str
    """names the passage: /api/indexes/INDEX/passages/CHUNK_ID has it"""
    heading: str
    """the headings above it, outermost first, joined by " > " """
    page: int | None
    """from 1, where the source has pages"""


class CitedSpan(Span):
    """What the reply has taken from a source, letter by letter."""

    quote: str
    verified: bool
    answer_start: int
    """characters `answer_start` to `answer_end` of the reply say so"""
    answer_end: int


class ReadPassage(Span):
    """What the model has read of a passage before the question."""

    text: str
    n_tokens: int
    is_cut: bool
    """only a part of the passage was read, for want of room"""
    score: float


class NearSpan(Span):
    """A passage that came near, and was not read."""

    score: float


class Findings(Wire):
    """All of it."""

    searched: str | None = None
    """the index that was searched"""
    kind: Literal["model", "extractive", "unknown"] | None = None
    """who speaks: the model; a sentence of a source; or nobody, where nothing was found"""
    supported: bool | None = None
    """whether what is said stands in what was read"""
    citations: list[CitedSpan] | None = None
    sent: list[ReadPassage] | None = None
    n_left_out: int | None = None
    """passages that were found and not read, for want of room"""
    nearest: list[NearSpan] | None = None
    """where nothing was found: what came nearest"""
