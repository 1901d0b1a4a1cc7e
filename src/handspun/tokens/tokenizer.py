"""The tokenizer: text to ids and back, learnt from a corpus, saved in the form that transformers loads."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from handspun.errors import DamagedFileError, TokenizerError
from handspun.files import sha256, write_bytes
from handspun.tokens.blueprint import Blueprint
from handspun.tokens.bulk import BulkEncoder
from handspun.tokens.config import TokensConfig
from handspun.tokens.control import CHAT_TEMPLATE, END_OF_TEXT, END_OF_TURN, PAD, UNKNOWN, role_name
from handspun.tokens.gpt2 import read_gpt2
from handspun.tokens.learn import Progress, learn
from handspun.tokens.untrusted import read_blueprint

FILE = "tokenizer.json"
CHECKSUM_FILE = "tokenizer.json.sha256"
TRANSFORMERS_FILE = "tokenizer_config.json"

SAMPLE = "It's 1,234.5 o'clock,  isn't it?\r\n\n\t«Ærøskøbing» été 東京 नमस्ते 👩‍🚀e\u0301\u00a0\u3000 <|user|>[UNK]\x00 "
"""text with something odd of every kind, on which the two encoders must agree"""


class Tokenizer:
    """Text to ids and back. Ids of control tokens come from `control`, never from text."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.control = dict(blueprint.control)
        """ids of the control tokens, by name"""
        self._bytes_of_tokens = blueprint.bytes_of_tokens()
        self._tokenizer = blueprint.assemble()
        self._encoder = BulkEncoder(blueprint)
        if self._encoder.encode(SAMPLE).tolist() != self._tokenizer.encode(SAMPLE, add_special_tokens=False).ids:
            raise TokenizerError("the merges of this vocabulary give tiktoken other ids than tokenizers: learn it again.")

    @classmethod
    def train(cls, texts: Iterable[str], config: TokensConfig, on_progress: Progress | None = None) -> Self:
        """Learn a vocabulary; the same texts give the same one. Raises TokenizerError where there is too little text."""
        return cls(learn(texts, config, on_progress))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The tokenizer saved in `folder`. Raises DamagedFileError or, for a file that is none of ours, TokenizerError."""
        path, recorded = folder / FILE, folder / CHECKSUM_FILE
        if path.is_file() and recorded.is_file() and recorded.read_text(errors="replace").split()[:1] != [sha256(path)]:
            raise DamagedFileError(f"{path} is damaged: its SHA-256 has changed; delete its folder and run handspun tokenize.")
        return cls(read_blueprint(path))

    @classmethod
    def from_gpt2(cls, folder: Path) -> Self:
        """GPT-2's own vocabulary from encoder.json and vocab.bpe; the other control tokens follow its 50,257."""
        return cls(read_gpt2(folder))

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, its checksum, and the tokenizer_config.json that transformers wants beside it."""
        (folder / CHECKSUM_FILE).unlink(missing_ok=True)
        write_bytes(folder / FILE, self.json.encode())
        write_bytes(folder / CHECKSUM_FILE, f"{self.sha256}  {FILE}\n".encode())
        write_bytes(folder / TRANSFORMERS_FILE, (json.dumps(self._transformers_config(), indent=2) + "\n").encode())

    def encode(self, text: str) -> list[int]:
        """The ids of `text`. Text that spells a control token gives ordinary ids; a lone surrogate is read as U+FFFD."""
        return self._encoder.encode(text).tolist()

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text (uint32), over all cores: equal to `encode` of each."""
        return self._encoder.encode_batch(texts)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`. Control tokens have none; bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self._bytes_of_tokens[id_] for id_ in ids).decode("utf-8", errors="replace")

    def token_bytes(self, id_: int) -> bytes:
        """The UTF-8 bytes that one id stands for: perhaps part of a character, none for a control token."""
        return self._bytes_of_tokens[id_]

    def spelled(self, id_: int) -> str:
        """One id as a person reads it: the name of a control token, else its text."""
        return self._names.get(id_) or self.decode([id_])

    @property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary, control tokens included."""
        return len(self._bytes_of_tokens)

    @property
    def end_of_text(self) -> int:
        """The id that stands before each document and opens a conversation."""
        return self.control[END_OF_TEXT]

    @property
    def end_of_turn(self) -> int:
        """The id that closes a message."""
        return self.control[END_OF_TURN]

    @property
    def pad(self) -> int:
        """The id that fills a row; never a target."""
        return self.control[PAD]

    def role(self, role: str) -> int:
        """The id that opens a message of `role`."""
        return self.control[role_name(role)]

    @cached_property
    def byte_lengths(self) -> np.ndarray:
        """Bytes of text per id (int64 of vocab_size): what bits per byte are counted with."""
        return np.array([len(bytes_) for bytes_ in self._bytes_of_tokens], dtype=np.int64)

    @cached_property
    def json(self) -> str:
        """The content of tokenizer.json."""
        return self._tokenizer.to_str(pretty=True) + "\n"

    @cached_property
    def sha256(self) -> str:
        """The checksum by which shards and checkpoints know their tokenizer."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @cached_property
    def _names(self) -> dict[int, str]:
        return {id_: name for name, id_ in self.control.items()}

    def _transformers_config(self) -> dict[str, object]:
        marks = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TURN, "pad_token": PAD}
        if UNKNOWN in self.control:
            marks["unk_token"] = UNKNOWN
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            **marks,
            "additional_special_tokens": [name for name in self.control if name not in marks.values()],
            "chat_template": CHAT_TEMPLATE,
        }
