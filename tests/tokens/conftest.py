"""Small tokenizers learnt from the documentation that comes with Python."""

from pydoc_data.topics import topics

import pytest
from hypothesis import strategies

from handspun.tokens.config import Pattern, TokensConfig
from handspun.tokens.tokenizer import Tokenizer

ODD_PIECES = [
    "<|user|>",
    "<|end|>",
    "[UNK]",
    "'s",
    "'LL",
    "ſ",
    "İ",
    "Σ",
    "\r\n",
    "\u2028",
    "\u3000",
    "\xa0",
    "👩‍🚀",
    "e\u0301",
    "٣",
]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(topics.values())


@pytest.fixture(scope="session")
def tokenizer(texts: list[str]) -> Tokenizer:
    return Tokenizer.train(texts, TokensConfig(vocab_size=1024))


@pytest.fixture(scope="session")
def uncased(texts: list[str]) -> Tokenizer:
    return Tokenizer.train(texts, TokensConfig(vocab_size=1024, profile="uncased"))


@pytest.fixture(scope="session", params=["gpt-2", "llama-3"])
def patterned(request: pytest.FixtureRequest, texts: list[str]) -> Tokenizer:
    pattern: Pattern = request.param
    return Tokenizer.train(texts, TokensConfig(vocab_size=1024, pattern=pattern))


@pytest.fixture(scope="session", params=["bytes gpt-2", "bytes llama-3", "uncased gpt-2", "uncased llama-3"])
def any_tokenizer(request: pytest.FixtureRequest, texts: list[str]) -> Tokenizer:
    profile, pattern = request.param.split()
    return Tokenizer.train(texts, TokensConfig(vocab_size=600, profile=profile, pattern=pattern))


@pytest.fixture(scope="session")
def odd_text() -> strategies.SearchStrategy[str]:
    """Text in which words, spaces, control names and rare characters meet at random."""
    pieces = strategies.one_of(
        strategies.sampled_from(ODD_PIECES), strategies.text(max_size=5), strategies.text(" \t\n'az19!", max_size=8)
    )
    return strategies.lists(pieces, max_size=12).map("".join)
