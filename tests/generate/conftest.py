"""Small models whose every word is known: some with random weights, one that recites, one that quotes."""

from collections.abc import Callable, Sequence
from pydoc_data.topics import topics

import pytest
import torch

from handspun.generate.engine import Engine
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer

SHAPES = {
    "copy head": {"copy_head": True, "copy_dim": 8},
    "GPT-2": {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False},
    "ALiBi": {"position": ("alibi", "nope"), "n_kv_heads": 2, "activation": "relu2", "tie_embeddings": False},
}


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(list(topics.values())[:20], TokensConfig(vocab_size=320))


def random_model(shape: str, vocab_size: int, seed: int = 0) -> Transformer:
    """A model of one of SHAPES with weights large enough that every part matters."""
    config = ModelConfig(**{"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64, **SHAPES[shape]})
    model = Transformer(config, vocab_size)
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return model


@pytest.fixture(scope="session", params=SHAPES)
def engine(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> Engine:
    return Engine(random_model(request.param, tokenizer.vocab_size), tokenizer)


@pytest.fixture(scope="session")
def copying_engine(tokenizer: Tokenizer) -> Engine:
    return Engine(random_model("copy head", tokenizer.vocab_size), tokenizer)


@pytest.fixture
def reciter(tokenizer: Tokenizer) -> Callable[[Sequence[int]], Engine]:
    """Makes an engine whose model says `script[n]` after n + 1 tokens, whatever they are: only its positions speak."""

    def make(script: Sequence[int]) -> Engine:
        config = ModelConfig(d_model=64, n_layers=1, n_heads=1, max_seq_len=64, position="learned", tie_embeddings=False)
        model = Transformer(config, tokenizer.vocab_size).initialize(0)
        assert model.positions is not None and model.head is not None
        with torch.no_grad():
            model.embedding.weight.zero_()
            model.positions.weight.copy_(torch.eye(64))
            model.head.weight.zero_()
            model.head.weight[list(script), range(len(script))] = 10.0
        return Engine(model, tokenizer)

    return make


@pytest.fixture
def quoter(tokenizer: Tokenizer) -> Engine:
    """An engine that always quotes: the token after the newest place where its last token stood before."""
    config = ModelConfig(d_model=128, n_layers=1, n_heads=1, max_seq_len=64, position="learned", copy_head=True, copy_dim=128)
    model = Transformer(config, tokenizer.vocab_size).initialize(0)
    assert model.positions is not None and model.copy_head is not None
    with torch.no_grad():
        model.embedding.weight[:, 0] = 0
        model.positions.weight.zero_()
        model.positions.weight[:, 0] = torch.arange(64) * 1e-3  # a later source matches a little better
        model.copy_head.query.weight.copy_(100 * torch.eye(128))
        model.copy_head.query.weight[0] = 10 * model.embedding.weight.sum(0).sign()
        model.copy_head.key.weight.copy_(100 * torch.eye(128))
        model.copy_head.gate.bias.fill_(-20.0)
    return Engine(model, tokenizer)
