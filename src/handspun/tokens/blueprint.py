"""What a tokenizer is made of, and the `tokenizers` object built from it.

Every tokenizer is built here from plain parts, so a file from elsewhere can bring a vocabulary and merges but no code paths.
"""

from dataclasses import dataclass, field

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from handspun.tokens.config import Pattern, Profile
from handspun.tokens.control import UNKNOWN

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""Radford et al., 2019"""
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Llama 3, 2024"""
PATTERNS: dict[Pattern, str] = {"gpt-2": GPT2_PATTERN, "llama-3": LLAMA3_PATTERN}


def _byte_characters() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary (Radford et al., 2019), and its byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


BYTE_OF_CHARACTER = _byte_characters()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The parts of a tokenizer; `vocab` holds every token, `control` the part of it that text cannot spell."""

    profile: Profile
    pattern: Pattern
    vocab: dict[str, int] = field(default_factory=dict)
    merges: list[tuple[str, str]] = field(default_factory=list)
    control: dict[str, int] = field(default_factory=dict)

    def assemble(self) -> Tokenizer:
        """The `tokenizers` object of these parts. Text never yields control tokens through it."""
        unknown = UNKNOWN if self.profile == "uncased" else None
        tokenizer = Tokenizer(models.BPE(vocab=dict(self.vocab), merges=list(self.merges), unk_token=unknown))
        tokenizer.pre_tokenizer = _pre_tokenizer(self.profile, self.pattern)
        if self.profile == "uncased":
            tokenizer.normalizer = normalizers.Lowercase()
            tokenizer.decoder = decoders.Fuse()
        else:
            tokenizer.decoder = decoders.ByteLevel()
        names = sorted(self.control, key=self.control.__getitem__)
        tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])
        tokenizer.encode_special_tokens = True
        return tokenizer

    def bytes_of_tokens(self) -> list[bytes]:
        """The UTF-8 bytes each id stands for: none for a control token, U+FFFD for [UNK]."""
        table = [b""] * len(self.vocab)
        for token, id_ in self.vocab.items():
            if token == UNKNOWN and token in self.control:
                table[id_] = "\ufffd".encode()
            elif token not in self.control:
                table[id_] = token.encode() if self.profile == "uncased" else bytes(map(BYTE_OF_CHARACTER.__getitem__, token))
        return table


def _pre_tokenizer(profile: Profile, pattern: Pattern) -> pre_tokenizers.PreTokenizer:
    if profile == "bytes" and pattern == "gpt-2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated")
    if profile == "uncased":
        return split
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
