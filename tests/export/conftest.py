"""The vocabulary that the exported models share."""

from pydoc_data.topics import topics

import pytest

from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(list(topics.values())[:20], TokensConfig(vocab_size=320))
