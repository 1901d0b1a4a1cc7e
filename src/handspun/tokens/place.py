"""Where in a conversation each token of its prompt stands, so that what was quoted can be shown at its source."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from handspun.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Place:
    """Some characters of a message: `content[start:end]` of the message of that number."""

    message: int
    start: int
    end: int


def places(tokenizer: Tokenizer, prompt_ids: Sequence[int]) -> list[Place | None]:
    """The place of each token of a rendered conversation; None for a control token.

    A token that holds a part of a character stands for the whole of it.
    """
    found: list[Place | None] = []
    message, n_characters = -1, 0
    for id, data in zip(prompt_ids, map(tokenizer.token_bytes, prompt_ids)):
        if data:
            start, n_characters = characters(data, n_characters)
            found.append(Place(message, start, n_characters))
        else:
            found.append(None)
            if id not in (tokenizer.end_of_text, tokenizer.end_of_turn):
                message, n_characters = message + 1, 0
    return found


def token_spans(tokens: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """The characters that each token of a text stands for, first and one behind the last."""
    n_characters = 0
    for data in tokens:
        start, n_characters = characters(data, n_characters)
        yield start, n_characters


def characters(data: bytes, n_before: int) -> tuple[int, int]:
    """The first character that a token stands for, `n_before` begun before it, and the one behind its last."""
    n_begun = sum(not is_continuation(byte) for byte in data)
    return n_before - is_continuation(data[0]) if data else n_before, n_before + n_begun


def is_continuation(byte: int) -> bool:
    """Whether a byte of UTF-8 goes on with the character before it."""
    return byte & 0xC0 == 0x80
