"""How many tokens a text has: counted by a tokenizer, or estimated where there is none."""

from collections.abc import Sequence

from handspun.retrieve.chunker import CountTokens
from handspun.tokens.tokenizer import Tokenizer

ASCII_PER_TOKEN, OTHER_BYTES_PER_TOKEN = 3.8, 2.0
"""bytes of a token of GPT-2, by what they spell; docs/concepts/retrieve.md says how far off that is"""


def token_counter(tokenizer: Tokenizer | None) -> CountTokens:
    """What counts the tokens of texts."""
    if tokenizer is None:
        return estimated_tokens
    return lambda texts: [len(ids) for ids in tokenizer.encode_batch(texts)]


def estimated_tokens(texts: Sequence[str]) -> list[int]:
    """About how many tokens each text has."""
    return [1 + round(estimate(len(text.encode()), len(text.encode("ascii", "ignore")))) for text in texts]


def estimate(n_bytes: int, n_ascii: int) -> float:
    """Tokens by the bytes of a text and how many of them are ASCII."""
    return n_ascii / ASCII_PER_TOKEN + (n_bytes - n_ascii) / OTHER_BYTES_PER_TOKEN
