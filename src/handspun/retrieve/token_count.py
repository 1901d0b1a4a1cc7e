"""How many tokens a text has: counted by a tokenizer, or estimated where there is none."""

from collections.abc import Sequence

from handspun.retrieve.chunker import CountTokens
from handspun.tokens.tokenizer import Tokenizer

BYTES_PER_TOKEN = 4.0


def token_counter(tokenizer: Tokenizer | None) -> CountTokens:
    """What counts the tokens of texts."""
    if tokenizer is None:
        return estimated_tokens
    return lambda texts: [len(ids) for ids in tokenizer.encode_batch(texts)]


def estimated_tokens(texts: Sequence[str]) -> list[int]:
    """About how many tokens each text has."""
    return [1 + round(len(text.encode()) / BYTES_PER_TOKEN) for text in texts]
