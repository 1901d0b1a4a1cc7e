"""The engine that runs on llama.cpp: the exported models, and our own choice of tokens over the logits that it computes."""

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from handspun.device import n_threads
from handspun.errors import BusyError, CheckpointError
from handspun.generate.engine import Engine, Load
from handspun.generate.limits import Limits
from handspun.generate.llama_context import LlamaContext, NewToken
from handspun.generate.matcher import Matchers, allowed_only
from handspun.generate.request import Piece, Reply, Request, Token
from handspun.generate.sampling import choose, penalized
from handspun.generate.scheduler import Chunk
from handspun.generate.writing import Writing
from handspun.tokens.tokenizer import Tokenizer


class LlamaCppEngine(Engine):
    """Reads new prompts and continues replies side by side, each in a slot of its own; they share nothing.

    A request is begun when there is a slot for it, and room for the longest that it may become.
    """

    def __init__(self, path: Path, tokenizer: Tokenizer, limits: Limits | None = None) -> None:
        """Raises CheckpointError where llama-cpp-python is absent, or the file is not of this tokenizer's model."""
        limits = limits or Limits()
        self.path, self.tokenizer, self.limits = path, tokenizer, limits
        self.context = open_context(path, limits)
        weakref.finalize(self, self.context.close)
        if self.context.vocab_size != tokenizer.vocab_size:
            raise CheckpointError(
                f"{path} has {self.context.vocab_size:,} tokens and its run {tokenizer.vocab_size:,}; export the run again."
            )
        self.longest_text = self.context.max_seq_len
        self.max_seq_len = min(self.longest_text, self.context.n_tokens)
        self.matchers = Matchers(tokenizer)
        self.waiting: deque[Writing] = deque()
        self.running: dict[Writing, int] = {}
        """with their slots, in order of arrival"""
        self.free_slots = list(range(self.context.n_slots))
        self.states: LlamaContext | None = None
        """where texts become vectors; opened with the first"""

    @property
    def is_idle(self) -> bool:
        return not self.running and not self.waiting

    @property
    def load(self) -> Load:
        running = list(self.running)
        held_tokens = sum(writing.row.n_read for writing in running)
        return Load(len(running), len(self.waiting), held_tokens, self.context.n_tokens)

    def add(self, request: Request) -> Reply:
        reply = self.begun(request)
        matcher = self.matchers.begin(request.constraint) if request.constraint else None
        if len(self.waiting) >= self.limits.max_waiting:
            raise BusyError(f"{len(self.waiting):,} requests are waiting already, the most that may; ask again later.")
        self.waiting.append(Writing.begin(reply, self.max_seq_len, matcher))
        return reply

    def cancel(self, reply: Reply) -> None:
        reply.give_up()
        self.waiting = deque(writing for writing in self.waiting if writing.reply is not reply)
        for writing in [writing for writing in self.running if writing.reply is reply]:
            self.leave(writing)

    @torch.inference_mode()
    def step(self) -> list[Piece]:
        self.admit()
        chunks = dict(self.plan())
        if not chunks:
            return []
        logits = self.context.read([token for writing, chunk in chunks.items() for token in self.new_tokens(writing, chunk)])
        speaking = [writing for writing, chunk in chunks.items() if chunk.is_last]
        for chunk in chunks.values():
            chunk.row.n_read += chunk.n_new
        pieces = self.pieces(speaking, logits) if speaking else []
        for writing in speaking:
            if writing.reply.finish_reason:
                self.leave(writing)
        return pieces

    def mean_state(self, text: Sequence[int]) -> Float[Tensor, " D"]:
        if self.states is None:
            limit = self.longest_text
            self.states = LlamaContext(
                self.path, n_tokens=limit, n_slots=1, n_batch=limit, n_threads=n_threads(), wants_states=True
            )
            weakref.finalize(self, self.states.close)
        self.states.forget(0)
        return self.states.read([NewToken(id, place, 0, True) for place, id in enumerate(text)]).mean(0)

    def admit(self) -> None:
        """Begin what waits, in order of arrival, while there are slots and room."""
        room = self.context.n_tokens - sum(writing.row.max_ids for writing in self.running)
        while self.waiting and self.free_slots and self.waiting[0].row.max_ids <= room:
            writing = self.waiting.popleft()
            self.running[writing] = self.free_slots.pop()
            writing.reply.timing.start()
            room -= writing.row.max_ids

    def plan(self) -> Iterator[tuple[Writing, Chunk]]:
        """What to read next: one token of each reply on its way, and of new prompts as many as fit, the oldest first."""
        budget = self.limits.chunk_tokens
        for writing in self.running:
            row = writing.row
            n_new = 1 if row.n_unread == 1 else min(row.n_unread, budget)
            budget -= n_new if row.n_unread > 1 else 0
            if n_new:
                yield writing, Chunk(row, n_new)

    def new_tokens(self, writing: Writing, chunk: Chunk) -> list[NewToken]:
        """A chunk as llama.cpp reads it; what follows its last token is asked for where the row ends there."""
        row, slot = writing.row, self.running[writing]
        places = range(row.n_read, row.n_read + chunk.n_new)
        return [NewToken(row.ids[place], place, slot, is_asked=place == len(row.ids) - 1) for place in places]

    def pieces(self, writings: Sequence[Writing], logits: Float[Tensor, "R V"]) -> list[Piece]:
        """Say the next token of each row."""
        log_probs = logits.log_softmax(-1)
        choices = self.likeliest(log_probs, [writing.reply.request.n_likeliest for writing in writings])
        pieces = []
        for row, writing in enumerate(writings):
            id = chosen(writing, logits[row : row + 1], log_probs[row : row + 1])
            token = Token(id, self.tokenizer.token_bytes(id), float(log_probs[row, id]), likeliest=choices[row])
            pieces.append(writing.end() if id in self.ends else writing.say(token))
        return pieces

    def leave(self, writing: Writing) -> None:
        """Be done with a row, and free its slot."""
        slot = self.running.pop(writing)
        self.context.forget(slot)
        self.free_slots.append(slot)


def open_context(path: Path, limits: Limits) -> LlamaContext:
    """llama.cpp's memory for as many rows and tokens as the limits allow. Raises CheckpointError."""
    n_batch = limits.chunk_tokens + limits.max_rows
    return LlamaContext(path, n_tokens=limits.cache_tokens, n_slots=limits.max_rows, n_threads=n_threads(), n_batch=n_batch)


def chosen(writing: Writing, logits: Float[Tensor, "1 V"], log_probs: Float[Tensor, "1 V"]) -> int:
    """The next token of one row."""
    config, scores = writing.config, log_probs
    if config.repetition_penalty != 1.0:
        latest = writing.row.ids[-(config.repetition_window or 0) :]
        scores = penalized(logits, torch.tensor([latest]), config.repetition_penalty)
    draws = [writing.draw()] if config.temperature is not None else []
    return int(choose(allowed_only(scores, [writing.matcher]), config, draws))
