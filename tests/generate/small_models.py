"""Small models whose every word is known: some with random weights, one that recites, one that quotes."""

from collections.abc import Sequence

import torch

from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer

SHAPES = {
    "copy head": {"copy_head": True, "copy_dim": 8},
    "GPT-2": {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False},
    "ALiBi": {"position": ("alibi", "nope"), "n_kv_heads": 2, "activation": "relu2", "tie_embeddings": False},
    "repeats": {"position": ("rope", "nope"), "repeat_embedding": True, "n_kv_heads": 1, "qk_norm": False},
}
MAX_SEQ_LEN = 64


def random_model(shape: str, vocab_size: int, *, max_seq_len: int = MAX_SEQ_LEN) -> Transformer:
    """A model of one of SHAPES with weights large enough that every part matters."""
    config = ModelConfig(**{"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": max_seq_len, **SHAPES[shape]})
    model = Transformer(config, vocab_size)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return model


def reciting_model(script: Sequence[int], vocab_size: int) -> Transformer:
    """A model that says `script[n]` after n + 1 tokens, whatever they are: only its positions speak."""
    size = {"d_model": MAX_SEQ_LEN, "n_layers": 1, "n_heads": 1, "max_seq_len": MAX_SEQ_LEN}
    model = Transformer(ModelConfig(**size, position="learned", tie_embeddings=False), vocab_size).initialize(0)
    assert model.positions is not None and model.head is not None
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.positions.weight.copy_(torch.eye(MAX_SEQ_LEN))
        model.head.weight.zero_()
        model.head.weight[list(script), range(len(script))] = 10.0
    return model


def quoting_model(vocab_size: int) -> Transformer:
    """A model that always quotes the token after the last place where its newest token stood before."""
    size = {"d_model": 128, "n_layers": 1, "n_heads": 1, "max_seq_len": MAX_SEQ_LEN}
    config = ModelConfig(**size, position="learned", copy_head=True, copy_dim=128)
    model = Transformer(config, vocab_size).initialize(0)
    assert model.positions is not None and model.copy_head is not None
    with torch.no_grad():
        model.positions.weight.zero_()
        model.positions.weight[:, 0] = torch.arange(MAX_SEQ_LEN) * 1e-3  # of two equal tokens the nearer is the more alike
        for part in (model.copy_head.query, model.copy_head.key):
            part.weight.copy_(100 * torch.eye(128))
        model.copy_head.gate.bias.fill_(-20.0)
    return model
