"""A real training run of a second: text made by rule, bytes as tokens, a model of two layers."""

from functools import cache
from pathlib import Path
from typing import Any

import torch

from handspun.corpus.document import Conversation, Document, Message
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.config import TokensConfig
from handspun.tokens.shards import ShardSet, write_conversations, write_documents
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches, ChatRows, TextRows
from handspun.train.config import TrainConfig
from handspun.train.trainer import Listeners, Trainer

ANIMALS = ["cat", "dog", "owl", "fox", "hen", "bee", "eel"]
PLACES = ["mat", "hill", "roof", "lake", "barn"]
DEEDS = ["sleeps", "sings", "waits", "digs"]


def sentence(number: int) -> str:
    """One of 140 sentences."""
    return f"the {ANIMALS[number % 7]} {DEEDS[number % 4]} on the {PLACES[number % 5]}. "


def documents(n_documents: int = 60) -> list[Document]:
    """Documents of two to seven sentences, no two alike."""
    texts = ["".join(sentence(11 * n + 3 * i) for i in range(2 + n % 6)) + str(n) for n in range(n_documents)]
    return [Document(text, str(n), "rule", {}) for n, text in enumerate(texts)]


def conversations(n_conversations: int = 40) -> list[Conversation]:
    """Conversations of one to three turns, no two alike."""
    return [
        Conversation(
            tuple(
                message
                for turn in range(1 + n % 3)
                for message in (Message("user", f"who {n}?"), Message("assistant", sentence(n + turn)))
            ),
            str(n),
            "rule",
            {},
        )
        for n in range(n_conversations)
    ]


@cache
def byte_tokenizer() -> Tokenizer:
    """The smallest tokenizer there is: control tokens, bytes, and one merge."""
    return Tokenizer.train((document.text for document in documents()), TokensConfig(vocab_size=264))


def tiny_text(folder: Path) -> ShardSet:
    """The documents as shards: written below `folder` on the first call."""
    if not (folder / "text").is_dir():
        write_documents(documents(), byte_tokenizer(), folder / "text")
    return ShardSet(folder / "text")


def tiny_chats(folder: Path) -> ShardSet:
    """The conversations as shards: written below `folder` on the first call."""
    if not (folder / "chats").is_dir():
        write_conversations(conversations(), byte_tokenizer(), folder / "chats")
    return ShardSet(folder / "chats")


def tiny_config(**changes: Any) -> TrainConfig:
    """Thirty steps of four sequences, a quarter of them conversations, in two forwards."""
    settings: dict[str, Any] = {
        "seq_len": 96,
        "micro_batch": 2,
        "batch_tokens": 4 * 96,
        "train_tokens": 30 * 4 * 96,
        "chat_share": 0.25,
        "warmup_steps": 3,
        "save_every": 7,
        "eval_every": 10,
        "sample_every": 10,
        "compute_dtype": "float32",
    }
    return TrainConfig(**{**settings, **changes})


def tiny_model(*, compute_dtype: torch.dtype = torch.float32, **changes: Any) -> Transformer:
    """Two layers of width 32, with a copy head."""
    shape = {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_seq_len": 128, "copy_head": True, "copy_dim": 8, **changes}
    return Transformer(ModelConfig(**shape), byte_tokenizer().vocab_size, compute_dtype=compute_dtype).initialize(1)


def tiny_batches(config: TrainConfig, data: Path, *, mask_prompt: bool = False) -> Batches:
    """Text and conversations, as the recipe mixes them."""
    text = TextRows(tiny_text(data), config.seq_len, 1) if config.chat_share < 1 else None
    chats = None
    if config.chat_share:
        chats = ChatRows(tiny_chats(data), config.seq_len, 1, padding=byte_tokenizer().pad, mask_prompt=mask_prompt)
    return Batches(config, text, chats)


def tiny_trainer(
    folder: Path,
    data: Path,
    config: TrainConfig | None = None,
    *,
    model: Transformer | None = None,
    identity: str = "tiny",
    listeners: Listeners | None = None,
    batches: Batches | None = None,
) -> Trainer:
    """A trainer into `folder` on the shards below `data`."""
    config = config or tiny_config()
    return Trainer(
        model or tiny_model(),
        batches or tiny_batches(config, data),
        config,
        folder=folder,
        tokenizer=byte_tokenizer(),
        recipe='name = "tiny"\n',
        identity=identity,
        seed=1,
        listeners=listeners,
    )
