"""How text becomes tokens: the size of the vocabulary and what it is learnt from."""

from dataclasses import dataclass
from typing import Literal

Profile = Literal["bytes", "uncased"]
Pattern = Literal["gpt-2", "llama-3"]
GPT2_VOCAB_SIZE = 50_263
"""GPT-2's 50,257 tokens and the six control tokens that it lacks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokensConfig:
    """The `[tokens]` table of a recipe."""

    vocab_size: int = 8192
    """tokens in the vocabulary, control tokens included"""
    profile: Profile = "bytes"
    """bytes (any text comes back exactly), or uncased (lower case; a rare character becomes [UNK])"""
    pattern: Pattern = "gpt-2"
    """the rule that cuts text into words before merging; both are known to llama.cpp: gpt-2 or llama-3"""
    min_char_count: int = 20
    """uncased: a character seen fewer times than this in the sample becomes [UNK]"""
    sample_mib: int = 256
    """MiB of text, from the start of the corpus, that the vocabulary is learnt from"""

    related_share: float = 0.0
    """share of the training documents that are laid next to what is related to them, found by their words"""
    gpt2_folder: str | None = None
    """a folder with GPT-2's encoder.json and vocab.bpe, whose vocabulary is taken as it is. Absent: one is learnt"""

    def __post_init__(self) -> None:
        if self.profile not in ("bytes", "uncased"):
            raise ValueError(f'profile="{self.profile}" is not a profile: choose bytes or uncased')
        if self.pattern not in ("gpt-2", "llama-3"):
            raise ValueError(f'pattern="{self.pattern}" is not a pattern: choose gpt-2 or llama-3')
        smallest = 264 if self.profile == "bytes" else 16
        if not smallest <= self.vocab_size <= 2**20:
            raise ValueError(f"vocab_size={self.vocab_size} is out of range: choose from {smallest} to {2**20} tokens")
        if self.min_char_count < 1:
            raise ValueError(f"min_char_count={self.min_char_count} is out of range: choose 1 or more")
        if self.sample_mib < 1:
            raise ValueError(f"sample_mib={self.sample_mib} is out of range: choose 1 MiB or more")
        if not 0 <= self.related_share <= 1:
            raise ValueError(f"related_share={self.related_share} is out of range: choose a share from 0 to 1")
        if self.gpt2_folder is not None and (self.vocab_size, self.profile, self.pattern) != (
            GPT2_VOCAB_SIZE,
            "bytes",
            "gpt-2",
        ):
            raise ValueError(
                f'gpt2_folder="{self.gpt2_folder}" holds {GPT2_VOCAB_SIZE} tokens, control tokens included: set '
                f'vocab_size={GPT2_VOCAB_SIZE}, profile="bytes" and pattern="gpt-2", or leave it out to learn a vocabulary'
            )
