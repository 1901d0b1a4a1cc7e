"""What is measured at the end of a run, as a recipe gives it."""

from dataclasses import dataclass
from typing import Literal

QuestionKind = Literal["does", "is", "module", "arguments", "reading"]
LONGEST_NGRAM = 8
"""Bytes that fit into the 64-bit number an n-gram is counted as."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """Held-out text and held-out questions."""

    ngram_order: int = 5
    """Bytes the n-gram baseline looks at: the byte it predicts and the ones before it."""
    n_questions: int | None = None
    """Ask at most this many of the held-out questions of each kind. Absent: all."""
    question_kind: QuestionKind = "does"
    """The kind of question the headline counts; the others are reported beside it."""
    rows: int = 64
    """Questions answered at once."""
    scored_tokens: int = 4096
    """Held-out tokens that an index is measured on, with passages before them and without."""
    stride: int = 4
    """Of these tokens so many are predicted before passages are looked up anew, at most a quarter of train.seq_len. Half the
    stride costs twice the time."""
    query_tokens: int = 32
    """Tokens just before those that are to be predicted, by which passages are looked up."""

    def __post_init__(self) -> None:
        if not 1 <= self.ngram_order <= LONGEST_NGRAM:
            raise ValueError(f"ngram_order={self.ngram_order}: must be from 1 to {LONGEST_NGRAM}")
        if self.n_questions is not None and self.n_questions < 1:
            raise ValueError(f"n_questions={self.n_questions}: must be at least 1, or leave it out")
        for key in ("rows", "scored_tokens", "stride", "query_tokens"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: must be at least 1")
