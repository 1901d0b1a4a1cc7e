"""GPT-2 with random weights twice: ours, and the one of transformers, which says the same tokens."""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from handspun.generate.config import GenerateConfig
from handspun.generate.layout import lay_out_for_reading
from handspun.generate.torch_engine import TorchEngine
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from models import tokenizer

VOCAB_SIZE = 50_257
PROMPT_TOKENS = 32
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


def contestants(n_tokens: int) -> dict[str, Callable[[], list[int]]]:
    """Both ways to continue one prompt by `n_tokens` tokens."""
    model, prompt = peer(), torch.randint(8, VOCAB_SIZE, (1, PROMPT_TOKENS))
    engine = TorchEngine(ours(model.state_dict()), tokenizer(VOCAB_SIZE))
    engine.ends = frozenset()

    def handspun() -> list[int]:
        (reply,) = engine.generate(prompt.tolist(), GenerateConfig(max_new_tokens=n_tokens))
        return [token.id for token in reply.tokens]

    def transformers() -> list[int]:
        with torch.inference_mode():
            ids = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=n_tokens, do_sample=False)
        return ids[0, PROMPT_TOKENS:].tolist()

    return {"handspun": handspun, "transformers": transformers}
