"""Engines on small models, and the vocabulary they share."""

from pydoc_data.topics import topics

import pytest
from small_models import SHAPES, random_model

from handspun.generate.torch_engine import TorchEngine
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(list(topics.values())[:20], TokensConfig(vocab_size=320))


@pytest.fixture(scope="session", params=SHAPES)
def engine(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> TorchEngine:
    return TorchEngine(random_model(request.param, tokenizer.vocab_size), tokenizer)


@pytest.fixture(scope="session")
def copying_engine(tokenizer: Tokenizer) -> TorchEngine:
    return TorchEngine(random_model("copy head", tokenizer.vocab_size), tokenizer)
