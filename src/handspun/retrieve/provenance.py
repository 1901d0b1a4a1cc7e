"""Where a model with a copy head has its words from: characters of the answer, and of the passage they were copied from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from handspun.generate.request import Token
from handspun.retrieve.passages import Sent
from handspun.tokens.place import Place, token_spans


@dataclass(frozen=True, slots=True)
class Copied:
    """A character of the answer, and the character of a passage's text, by the passage's number, that it was copied from."""

    at: int
    passage: int
    source_at: int


def copied(
    tokens: Sequence[Token], places: Sequence[Place | None], sent: Sequence[Sent], numbers: Mapping[int, int]
) -> Iterator[Copied]:
    """The last character of each token that was copied from a passage: tokens begin with the space before a word.

    `places` are those of the prompt's tokens; `numbers` gives the passage that each message of the prompt is.
    """
    for token, (start, end) in zip(tokens, token_spans(token.data for token in tokens)):
        place = places[token.copied_from] if token.copied_from is not None else None
        if place and place.message in numbers and start < end:
            number = numbers[place.message]
            yield Copied(end - 1, number, place.end - 1 - sent[number].n_before)
