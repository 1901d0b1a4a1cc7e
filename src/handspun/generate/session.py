"""A model ready to talk: its checkpoint, its tokenizer, and the conversation so far."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from handspun.checkpoint import load_checkpoint
from handspun.corpus.document import Message
from handspun.device import choose_device
from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine, Reply
from handspun.tokens.chat import render


def load_engine(checkpoints: Path) -> Engine:
    """An engine on the newest whole checkpoint below a folder, on this machine's device. Raises CheckpointError."""
    checkpoint, device = load_checkpoint(checkpoints), choose_device()
    dtype = getattr(torch, device.compute_dtype)
    model = checkpoint.load_model(compute_dtype=dtype, device=device.kind)
    return Engine(model.to(dtype), checkpoint.load_tokenizer())


class ChatSession:
    """A conversation that forgets its oldest exchange, and says so, where it would outgrow the model's context."""

    def __init__(self, engine: Engine, config: GenerateConfig) -> None:
        self.engine, self.config = engine, config
        self.messages: list[Message] = []
        self.n_forgotten = 0

    def say(self, content: str, *, passage: str | None = None) -> Iterator[str]:
        """Send one message, with a passage to read where there is one, and yield the reply as it comes. Raises PromptError."""
        new = [*([Message("passage", passage)] if passage else []), Message("user", content)]
        reply = Reply(self.fitting([*self.messages, *new]))
        for _, text in self.engine.stream([reply], self.room_for(reply)):
            yield text
        self.messages = [*self.messages[self.n_forgotten :], *new, Message("assistant", reply.text)]

    def fitting(self, messages: Sequence[Message]) -> list[int]:
        """The ids of the newest messages that leave room for a reply; `n_forgotten` says how many were left out."""
        limit = self.engine.model.config.max_seq_len
        starts = [0, *(place for place, message in enumerate(messages) if place and messages[place - 1].role == "assistant")]
        for self.n_forgotten in starts:
            ids = render(self.engine.tokenizer, messages[self.n_forgotten :], open_reply=True).ids.tolist()
            if len(ids) + min(self.config.max_new_tokens, limit // 4) <= limit:
                return ids
        raise PromptError(f"the message has {len(ids):,} tokens and the model reads {limit:,} with its reply; shorten it.")

    def room_for(self, reply: Reply) -> GenerateConfig:
        """The settings with no more new tokens than the context has room for."""
        room = self.engine.model.config.max_seq_len - len(reply.prompt_ids)
        return replace(self.config, max_new_tokens=min(self.config.max_new_tokens, room))
