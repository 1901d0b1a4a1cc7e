"""Cached greedy generation: tokens per second of `Engine` and of transformers' `generate`, on the same weights.

    python benchmarks/generate.py [--json] [--tokens 128] [--rounds 5]

GPT-2's shape (124M parameters, tied, fp32) with random weights, one prompt at a time, on all cores. Both say the same tokens;
the bar is a ratio of 1.5.
"""

import argparse
import json
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from handspun.device import n_threads
from handspun.generate.config import GenerateConfig
from handspun.generate.layout import lay_out_for_reading
from handspun.generate.torch_engine import TorchEngine
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.blueprint import BYTE_OF_CHARACTER, Blueprint
from handspun.tokens.control import CONTROL_TOKENS
from handspun.tokens.tokenizer import Tokenizer
from record import alternate, rates, record

VOCAB_SIZE = 50_257
PROMPT_TOKENS = 32
BAR = 1.5
SHAPE = ModelConfig(
    d_model=768,
    n_layers=12,
    n_heads=12,
    max_seq_len=1024,
    position="learned",
    norm="layernorm",
    norm_eps=1e-5,
    activation="gelu_tanh",
    bias=True,
    qk_norm=False,
)
NAMES = {
    "embedding": "transformer.wte",
    "positions": "transformer.wpe",
    "norm": "transformer.ln_f",
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
"""Our name of each part → GPT-2's."""


def peer() -> GPT2LMHeadModel:
    """transformers' GPT-2 with random weights, large enough that its logits differ."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(bos_token_id=None, eos_token_id=None, pad_token_id=0)).eval()
    for weight in model.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.08)
    return model


def gpt2_name(name: str) -> str:
    """GPT-2's name of one of our weights."""
    part, _, kind = name.rpartition(".")
    if not part.startswith("blocks."):
        return f"{NAMES[part]}.{kind}"
    _, layer, part = part.split(".", 2)
    return f"transformer.h.{layer}.{NAMES[part]}.{kind}"


def ours(theirs: dict[str, Tensor]) -> Transformer:
    """Our model with the peer's weights, which keeps its block matrices the other way round."""
    model = Transformer(SHAPE, VOCAB_SIZE)
    weights = {
        name: theirs[gpt2_name(name)].T if weight.ndim == 2 and name.startswith("blocks.") else theirs[gpt2_name(name)]
        for name, weight in model.state_dict().items()
    }
    model.load_state_dict(weights)
    return lay_out_for_reading(model)


def tokenizer() -> Tokenizer:
    """A vocabulary of GPT-2's size: control tokens, bytes, and pairs of bytes. Nothing is encoded with it."""
    characters = list(BYTE_OF_CHARACTER)
    pairs = [(first, second) for first in characters for second in characters][
        : VOCAB_SIZE - len(CONTROL_TOKENS) - len(characters)
    ]
    tokens = [*CONTROL_TOKENS, *characters, *map("".join, pairs)]
    vocab = {token: id for id, token in enumerate(tokens)}
    return Tokenizer(Blueprint("bytes", "gpt-2", vocab, pairs, {name: vocab[name] for name in CONTROL_TOKENS}))


def contestants(n_tokens: int) -> dict[str, Callable[[], list[int]]]:
    """Both ways to continue one prompt by `n_tokens` tokens."""
    model, prompt = peer(), torch.randint(8, VOCAB_SIZE, (1, PROMPT_TOKENS))
    engine = TorchEngine(ours(model.state_dict()), tokenizer())
    engine.ends = frozenset()

    def handspun() -> list[int]:
        (reply,) = engine.generate(prompt.tolist(), GenerateConfig(max_new_tokens=n_tokens))
        return [token.id for token in reply.tokens]

    def transformers() -> list[int]:
        with torch.inference_mode():
            ids = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=n_tokens, do_sample=False)
        return ids[0, PROMPT_TOKENS:].tolist()

    return {"handspun": handspun, "transformers": transformers}


def main() -> None:
    parser = argparse.ArgumentParser(description="Tokens per second of cached greedy generation.")
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--rounds", type=int, default=5, help="how often both take their turn")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to generate in each turn")
    arguments = parser.parse_args()
    torch.set_num_threads(n_threads())
    pair = contestants(arguments.tokens)
    assert pair["handspun"]() == pair["transformers"]()
    measured = {name: rates(arguments.tokens, times) for name, times in alternate(pair, arguments.rounds).items()}
    ratio = measured["handspun"]["median"] / measured["transformers"]["median"]
    line = record("generate", {"tokens": arguments.tokens, "threads": n_threads(), **measured, "ratio": ratio, "bar": BAR})
    if arguments.json:
        print(json.dumps(line))
        return
    print(f"tokens per second on {n_threads()} threads (median of {arguments.rounds} rounds; load {line['load']:.1f})\n")
    print("| handspun | transformers | ratio | bar |\n|---|---|---|---|")
    print(f"| {measured['handspun']['median']:.1f} | {measured['transformers']['median']:.1f} | {ratio:.2f} | {BAR:.2f} |")


if __name__ == "__main__":
    main()
