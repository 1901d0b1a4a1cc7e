"""Where in a conversation each token of its prompt stands, so that what was quoted can be shown at its source."""

from collections.abc import Sequence
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
    for data in map(tokenizer.token_bytes, prompt_ids):
        found.append(None)
        if data:
            start = n_characters - is_continuation(data[0])
            n_characters += sum(not is_continuation(byte) for byte in data)
            found[-1] = Place(message, start, n_characters)
        elif prompt_ids[len(found) - 1] not in (tokenizer.end_of_text, tokenizer.end_of_turn):
            message, n_characters = message + 1, 0
    return found


def is_continuation(byte: int) -> bool:
    """Whether a byte of UTF-8 goes on with the character before it."""
    return byte & 0xC0 == 0x80
