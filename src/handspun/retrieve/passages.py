"""Which hits are put before the model, and how much of each: what is cut or left out is said."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from handspun.corpus.document import Message
from handspun.retrieve.chunk import Hit
from handspun.retrieve.sentences import sentences
from handspun.tokens.chat import N_FRAME
from handspun.tokens.tokenizer import Tokenizer

WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was put before the model of one hit: `text`, which is characters `start` to `end` of its stored document."""

    hit: Hit
    text: str
    n_tokens: int
    """of the message, control tokens included"""
    is_cut: bool
    """whether the chunk goes on"""
    start: int
    end: int

    @property
    def message(self) -> Message:
        """The passage as the model reads it."""
        return Message("passage", shown(self.hit, self.text))

    @property
    def n_before(self) -> int:
        """Characters of the message before `text`."""
        return len(self.message.content) - len(self.text)


def shown(hit: Hit, text: str) -> str:
    """The text of a hit below the headings it stands under."""
    return f"{hit.chunk.heading}\n{text}" if hit.chunk.heading else text


def pack(hits: Sequence[Hit], tokenizer: Tokenizer, *, n_passages: int, passage_tokens: int) -> tuple[tuple[Sent, ...], int]:
    """The best hits that fit into `passage_tokens`, best first, and how many of the `n_passages` best were left out.

    One that does not fit whole is cut behind a sentence; the best one behind a word, where that is all there is room for.
    """
    sent: list[Sent] = []
    room, wanted = passage_tokens, hits[:n_passages]
    for hit in wanted:
        borders = [end for _, end in sentences(hit.chunk.text)]
        fitting = fit(hit, borders, tokenizer, room)
        if not fitting and hit is wanted[0]:
            fitting = fit(hit, [word.end() for word in WORD.finditer(hit.chunk.text)], tokenizer, room)
        if fitting:
            sent.append(fitting)
            room -= fitting.n_tokens
    return tuple(sent), len(wanted) - len(sent)


def fit(hit: Hit, borders: Sequence[int], tokenizer: Tokenizer, room: int) -> Sent | None:
    """The beginning of a hit up to the last of `borders` within `room` tokens; None where that is not even the first."""

    def n_tokens(end: int) -> int:
        return len(tokenizer.encode(shown(hit, hit.chunk.text[:end]))) + N_FRAME

    n_fitting = bisect_right(borders, room, key=n_tokens)
    if n_fitting == 0:
        return None
    start, end = hit.chunk.start, borders[n_fitting - 1]
    return Sent(hit, hit.chunk.text[:end], n_tokens(end), n_fitting < len(borders), start, start + end)
