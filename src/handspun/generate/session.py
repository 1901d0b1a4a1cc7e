"""A model ready to talk: its checkpoint, its tokenizer, and the conversation so far."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from handspun.checkpoint import Checkpoint, load_checkpoint, unproved_checkpoint
from handspun.corpus.document import Message
from handspun.device import choose_device
from handspun.errors import PromptError
from handspun.generate.config import EngineName, GenerateConfig
from handspun.generate.engine import SHARE_FOR_REPLY, Engine
from handspun.generate.exported import exported_file
from handspun.generate.layout import lay_out_for_reading
from handspun.generate.limits import Limits
from handspun.generate.llamacpp_engine import LlamaCppEngine
from handspun.generate.request import Request
from handspun.generate.torch_engine import TorchEngine
from handspun.model.transformer import Transformer
from handspun.tokens.chat import render


def open_engine(weights: Path, name: EngineName, limits: Limits | None = None) -> Engine:
    """The engine that `generate.engine` names, on the finished weights of a run, or on what was exported of them.

    Raises CheckpointError, DamagedFileError.
    """
    if name == "torch":
        return load_engine(weights, limits=limits)
    checkpoint = load_checkpoint(weights)
    return LlamaCppEngine(exported_file(checkpoint), checkpoint.load_tokenizer(), limits)


def load_engine(checkpoints: Path, dtype: torch.dtype | None = None, limits: Limits | None = None) -> TorchEngine:
    """Torch's engine on the newest whole checkpoint below a folder, or on the quantized weights in it.

    It is on this machine's device, and computes in `dtype`, or in the one it was trained in, so that the same seed always gives
    the same reply.
    Raises CheckpointError, DamagedFileError.
    """
    with unproved_checkpoint(checkpoints) as checkpoint:
        model, tokenizer = load_for_reading(checkpoint, dtype), checkpoint.load_tokenizer()
    return TorchEngine(model, tokenizer, limits)


def load_for_reading(checkpoint: Checkpoint, dtype: torch.dtype | None = None) -> Transformer:
    """The model of a checkpoint on this machine's device, its weights as reading is fastest. Raises CheckpointError."""
    device = choose_device()
    compute_dtype = dtype or getattr(torch, checkpoint.facts.get("compute_dtype", device.compute_dtype))
    model = checkpoint.load_model(compute_dtype=compute_dtype, device=device.kind).to(compute_dtype)
    return lay_out_for_reading(model)


class ChatSession:
    """A conversation that forgets its oldest exchange, and says so, where it would outgrow the model's context."""

    def __init__(self, engine: Engine, config: GenerateConfig) -> None:
        self.engine, self.config = engine, config
        self.messages: list[Message] = []
        self.n_forgotten = 0
        """Messages that the last reply was given without for the first time."""

    def say(self, content: str, *, passage: str | None = None) -> Iterator[str]:
        """Send one message, with a passage to read where there is one, and yield the reply as it comes. Raises PromptError.

        A reply that is not taken to its end leaves the conversation as it was.
        """
        new = [*([Message("passage", passage)] if passage else []), Message("user", content)]
        self.n_forgotten, ids = self.fitting([*self.messages, *new])
        said = ""
        for piece in self.engine.stream([Request(ids, self.config)]):
            said += piece.text
            if piece.text:
                yield piece.text
        self.messages = [*self.messages[self.n_forgotten :], *new, Message("assistant", said)]

    def fitting(self, messages: Sequence[Message]) -> tuple[int, list[int]]:
        """How many of the oldest messages to forget so that there is room for a reply, and the ids of the others."""
        start, ids = 0, list[int]()
        for start in exchange_starts(messages):
            ids = render(self.engine.tokenizer, messages[start:], open_reply=True).ids.tolist()
            if self.has_room(ids):
                return start, ids
        what = "message with its passage" if messages[start].role == "passage" else "message"
        raise PromptError(f"the {what} has {len(ids):,} tokens and {self.reads}; shorten it.")

    def check_passage(self, passage: str) -> None:
        """Raises PromptError where there is no room for a passage even with the shortest message."""
        messages, tokenizer = [Message("passage", passage), Message("user", "?")], self.engine.tokenizer
        if not self.has_room(render(tokenizer, messages, open_reply=True).ids.tolist()):
            n_tokens = len(tokenizer.encode(passage))
            raise PromptError(f"the passage has {n_tokens:,} tokens and {self.reads} and a message; shorten it.")

    def has_room(self, ids: Sequence[int]) -> bool:
        """Whether a reply fits behind these."""
        limit = self.engine.max_seq_len
        return len(ids) + min(self.config.max_new_tokens, limit // SHARE_FOR_REPLY) <= limit

    @property
    def reads(self) -> str:
        """How much fits, in words."""
        return f"this model reads {self.engine.max_seq_len:,} with its reply"


def exchange_starts(messages: Sequence[Message]) -> list[int]:
    """Where each exchange begins: at the first message, and after each of the assistant's."""
    return [place for place in range(len(messages)) if place == 0 or messages[place - 1].role == "assistant"]
