"""GPT-2's published vocabulary (Radford et al., 2019): encoder.json and vocab.bpe."""

import json
from pathlib import Path

from handspun.errors import TokenizerError
from handspun.tokens.blueprint import BYTE_OF_CHARACTER, Blueprint
from handspun.tokens.control import CONTROL_TOKENS

N_TOKENS = 50257


def read_gpt2(folder: Path) -> Blueprint:
    """GPT-2's 50,257 tokens under their own ids, then the control tokens it lacks. Raises TokenizerError on other files."""
    try:
        vocab = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        lines = (folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise TokenizerError(f"{folder} holds no GPT-2 vocabulary ({error}): it needs encoder.json and vocab.bpe.") from error
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines[1:] if line)]
    if not _is_gpt2(vocab, merges):
        raise TokenizerError(
            f"{folder} holds another vocabulary than GPT-2's {N_TOKENS:,} tokens: use encoder.json and vocab.bpe as published."
        )
    for name in CONTROL_TOKENS:
        vocab.setdefault(name, len(vocab))
    return Blueprint("bytes", "gpt-2", vocab, merges, {name: vocab[name] for name in CONTROL_TOKENS})


def _is_gpt2(vocab: dict[str, int], merges: list[tuple[str, str]]) -> bool:
    """Whether the ids are: the 256 bytes, then one token per merge, then <|endoftext|>."""
    tokens = [*BYTE_OF_CHARACTER, *(left + right for left, right in merges), CONTROL_TOKENS[0]]
    return len(tokens) == N_TOKENS and vocab == {token: id_ for id_, token in enumerate(tokens)}
