"""Small models of every shape that can be exported, with weights large enough that every part matters."""

import torch

from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer

PORTABLE = {
    "qwen3": {"n_kv_heads": 2},
    "llama": {"qk_norm": False, "n_kv_heads": 2, "tie_embeddings": False, "rope_theta": 500.0},
    "gpt2": {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False},
}
"""By the name of llama.cpp's architecture."""


def portable_model(name: str, vocab_size: int, d_model: int = 128) -> Transformer:
    """A model with random weights; those of its norms are near one."""
    config = ModelConfig(**{"d_model": d_model, "n_layers": 2, "n_heads": 4, "max_seq_len": 64, **PORTABLE[name]})
    model, generator = Transformer(config, vocab_size), torch.Generator().manual_seed(0)
    for part, weight in model.named_parameters():
        is_scale = "norm" in part and part.endswith("weight")
        torch.nn.init.normal_(weight, mean=float(is_scale), std=0.1, generator=generator)
    return model
