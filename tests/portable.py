"""Small models of every shape that can be exported, with weights large enough that every part matters; and a run of one."""

from pathlib import Path

import torch

from handspun.checkpoint import save_checkpoint
from handspun.generate.config import GenerateConfig
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.recipe import Recipe
from handspun.settings import to_toml
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.config import TrainConfig

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


def write_portable_run(folder: Path, **generate: object) -> Path:
    """The run folder of a model that llama.cpp computes, finished but never trained."""
    tokenizer = Tokenizer.train(["A shard holds words, and a token has a name. " * 9], TokensConfig(vocab_size=270))
    config = ModelConfig(d_model=64, n_layers=1, n_heads=2, max_seq_len=64)
    tables = {"model": config, "train": TrainConfig(seq_len=64), "tokens": TokensConfig(vocab_size=270)}
    recipe = to_toml(Recipe(name="portable", **tables, generate=GenerateConfig(**generate)))
    facts = {"trainer_state": {}, "facts": {"compute_dtype": "float32"}, "tokenizer": tokenizer, "recipe": recipe}
    save_checkpoint(folder / "checkpoints", 1, model=Transformer(config, 270).initialize(0), **facts)
    (folder / "recipe.toml").write_text(recipe)
    return folder
