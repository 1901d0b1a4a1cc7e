"""The models that generation and serving are measured with: random weights as a checkpoint of ours and as GGUF files."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from handspun.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from handspun.cli.quantize import quantized
from handspun.export.config import Dtype
from handspun.export.gguf import export_gguf
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.quantize.config import BITS, QuantizeConfig, format_of
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.settings import build, to_toml
from handspun.tokens.blueprint import BYTE_OF_CHARACTER, Blueprint
from handspun.tokens.config import TokensConfig
from handspun.tokens.control import CONTROL_TOKENS
from handspun.tokens.tokenizer import Tokenizer

SHAPES = {
    "124m": (ModelConfig(d_model=768, n_layers=12, n_heads=12, d_ff=2048, max_seq_len=2048), 50_304),
    "1b": (
        ModelConfig(d_model=2048, n_layers=20, n_heads=16, n_kv_heads=4, d_ff=5376, max_seq_len=4096, tie_embeddings=False),
        32_768,
    ),
}
"""Shape and vocabulary; the larger is that of the recipe portable-1b."""
PEERS: dict[str, Dtype] = {"trained": "bf16", "fp32": "f32", "bf16": "bf16", "int8": "q8_0", "int4": "q4_0"}
"""Our way to store weights → the one of llama.cpp with about as many bits; "trained" is a checkpoint as training leaves it."""
PEER_BITS: dict[Dtype, float] = {"f32": 32, "bf16": 16, "q8_0": 8.5, "q4_0": 4.5}
"""Of a weight, its share of the scales included."""
UNTOLD = "What this text says means nothing to a model of random weights. "


def bytes_read(shape: str, bits: str) -> tuple[float, float]:
    """Bytes of weights that one new token is multiplied with, ours and llama.cpp's. An embedding that is no head is none."""
    config, vocab_size = SHAPES[shape]
    with torch.device("meta"):
        weights = dict(Transformer(config, vocab_size).named_parameters())
    if not config.tie_embeddings:
        del weights["embedding.weight"]
    sizes = {name: tuple(weight.shape) for name, weight in weights.items()}
    ours = sum(
        math.prod(size) * BITS["fp32" if bits == "fp32" else format_of(name, size, bits)] for name, size in sizes.items()
    )
    return ours / 8, sum(map(math.prod, sizes.values())) * PEER_BITS[PEERS[bits]] / 8


def tokenizer(vocab_size: int) -> Tokenizer:
    """A vocabulary of that size: control tokens, bytes, and pairs of bytes. What it encodes means nothing."""
    characters = list(BYTE_OF_CHARACTER)
    n_pairs = vocab_size - len(CONTROL_TOKENS) - len(characters)
    pairs = [(first, second) for first in characters for second in characters][:n_pairs]
    tokens = [*CONTROL_TOKENS, *characters, *map("".join, pairs)]
    vocab = {token: id for id, token in enumerate(tokens)}
    return Tokenizer(Blueprint("bytes", "gpt-2", vocab, pairs, {name: vocab[name] for name in CONTROL_TOKENS}))


@dataclass(frozen=True)
class Shelf:
    """A folder in which each model is made once, when it is first asked for."""

    folder: Path

    def run(self, shape: str) -> Path:
        """The run folder of a shape, as a finished training leaves it."""
        run = self.folder / shape
        if not (run / "recipe.toml").exists():
            config, vocab_size = SHAPES[shape]
            recipe = to_toml(Recipe(name=shape, model=config, tokens=TokensConfig(vocab_size=vocab_size)))
            model = Transformer(config, vocab_size).initialize(0)
            facts = {"trainer_state": {}, "facts": {}, "tokenizer": tokenizer(vocab_size), "recipe": recipe}
            save_checkpoint(run / "checkpoints", 1, model=model, **facts)
            (run / "recipe.toml").write_text(recipe)
        return run

    def checkpoint(self, shape: str) -> Checkpoint:
        """The checkpoint of a shape."""
        return load_checkpoint(self.run(shape) / "checkpoints")

    def weights(self, shape: str, bits: str) -> Path:
        """What our engine loads: the checkpoint, or its weights in fewer bits."""
        run = Run(self.run(shape))
        if bits in ("trained", "fp32"):
            return run.checkpoints
        if not (run.quantized / bits).exists():
            text = self.folder / "text.txt"
            text.write_text(UNTOLD * 10)
            quantized(run, build(QuantizeConfig, {"scheme": bits, "text": str(text), "max_tokens": 64}), is_forced=True)
        return run.quantized / bits

    def gguf(self, shape: str, bits: str) -> Path:
        """The same weights for llama.cpp, with as many bits as one of ours."""
        path = self.folder / f"{shape}-{PEERS[bits]}.gguf"
        if not path.exists():
            checkpoint = self.checkpoint(shape)
            model = checkpoint.load_model()
            export_gguf(model, checkpoint.load_tokenizer(), path, name=shape, dtype=PEERS[bits])
        return path
