"""A tokenizer in llama.cpp's terms."""

from typing import Any

from handspun.errors import ExportError
from handspun.tokens.config import Pattern
from handspun.tokens.control import CHAT_TEMPLATE
from handspun.tokens.tokenizer import Tokenizer

RULES: dict[Pattern, str] = {"gpt-2": "gpt-2", "llama-3": "dbrx"}
"""llama.cpp's name of the rule that cuts text into words. Its "llama-bpe" cuts as "dbrx" does, but takes a word that is a token
whole, whatever the merges say."""
NORMAL, CONTROL = 1, 3
"""The format's kinds of tokens."""


def vocabulary_keys(tokenizer: Tokenizer) -> dict[str, Any]:
    """The tokenizer under llama.cpp's keys. Raises ExportError for one that llama.cpp would read otherwise."""
    blueprint = tokenizer.blueprint
    if blueprint.profile == "uncased":
        raise ExportError(
            'tokens.profile="uncased" cannot be exported: llama.cpp does not lower the case of a text; use "bytes".'
        )
    control = set(blueprint.control.values())
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": RULES[blueprint.pattern],
        "tokenizer.ggml.tokens": sorted(blueprint.vocab, key=blueprint.vocab.__getitem__),
        "tokenizer.ggml.token_type": [CONTROL if id in control else NORMAL for id in range(len(blueprint.vocab))],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in blueprint.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.end_of_text,
        "tokenizer.ggml.eos_token_id": tokenizer.end_of_turn,
        "tokenizer.ggml.padding_token_id": tokenizer.pad,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
