"""An answer, and what of it stands in the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from handspun.corpus.questions import UNKNOWN
from handspun.retrieve.chunk import Hit
from handspun.retrieve.citation import Citation
from handspun.retrieve.passages import Sent

Kind = Literal["model", "extractive", "unknown"]
N_NEAREST = 3
"""hits that are named where nothing is known"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a question. An extractive one is a sentence of the index that no model has touched."""

    text: str
    citations: tuple[Citation, ...]
    """those that hold, in the order of the text"""
    supported: bool
    """whether they cover all that the text says beyond the question"""
    kind: Kind
    sent: tuple[Sent, ...] = ()
    """what was put before the model"""
    n_left_out: int = 0
    """of what should have been, the hits that there was no room for"""
    nearest: tuple[Hit, ...] = ()
    """where it is not known, what came nearest"""
    n_read: int = 0
    """tokens that the model has read for it; 0 where it was not asked"""


def unknown(hits: Sequence[Hit], sent: tuple[Sent, ...] = (), n_left_out: int = 0, n_read: int = 0) -> Answer:
    """That it is not known: nothing was found, or the model says so of what was sent."""
    return Answer(UNKNOWN, (), False, "unknown", sent, n_left_out, tuple(hits[:N_NEAREST]), n_read)


def says_unknown(text: str) -> bool:
    """Whether a reply says that it does not know."""
    return text.strip().casefold() == UNKNOWN.casefold()
