"""A run whose model never ends a reply: what it says is as random at every place, and never a control token."""

import tomllib
from pathlib import Path

import tomli_w
import torch

from handspun.checkpoint import save_checkpoint
from handspun.files import write_json
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.runs import Run
from handspun.settings import to_tree
from handspun.tokens.tokenizer import Tokenizer

SHAPE = {"n_layers": 2, "n_heads": 2, "norm": "layernorm", "bias": True, "tie_embeddings": False}


def endless_model(vocab_size: int, control: list[int], *, d_model: int, max_seq_len: int) -> Transformer:
    """Its last norm forgets what was read, so that the same probabilities come every time."""
    config = ModelConfig(**SHAPE, d_model=d_model, max_seq_len=max_seq_len)
    model = Transformer(config, vocab_size).initialize(1)
    assert model.head is not None
    with torch.no_grad():
        model.norm.weight.zero_()
        model.norm.bias.fill_(1.0)
        model.head.weight[control] = -100.0 / d_model
    return model


def write_endless_run(folder: Path, like: Path, *, d_model: int = 32, max_seq_len: int = 8192) -> Path:
    """A finished run in `folder` with such a model; recipe and tokenizer are those of the run `like`."""
    tokenizer = Tokenizer.load(Run(like).tokens / "tokenizer")
    model = endless_model(tokenizer.vocab_size, list(tokenizer.control.values()), d_model=d_model, max_seq_len=max_seq_len)
    recipe = tomllib.loads(Run(like).recipe_path.read_text())
    recipe = tomli_w.dumps({**recipe, "name": folder.name, "model": to_tree(model.config)})
    run = Run(folder)
    facts = {"compute_dtype": "float32"}
    save_checkpoint(run.checkpoints, 1, model=model, trainer_state={}, facts=facts, tokenizer=tokenizer, recipe=recipe)
    run.recipe_path.write_text(recipe)
    write_json(run.stages_path, {"stages": {"train": {"key": "none", "outputs": [], "finished": "2026-11-21T00:00:00+00:00"}}})
    return folder
