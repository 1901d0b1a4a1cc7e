"""What every engine does: take requests at any time, and advance all it can by one token with each step."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from handspun.errors import BusyError, PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Choice, Piece, Reply, Request
from handspun.tokens.tokenizer import Tokenizer

SHARE_FOR_REPLY = 4
"""One part in so many of the context is kept free for a reply, where the settings do not ask for less."""


@dataclass(frozen=True, slots=True)
class Load:
    """How full an engine is."""

    n_running: int
    """requests that are answered"""
    n_waiting: int
    """requests that wait for a row"""
    held_tokens: int
    """tokens whose keys and values are held for them"""
    cache_tokens: int
    """tokens whose keys and values there may be"""


class Engine(ABC):
    """Prompts in, tokens out. Not for several threads at once: `Worker` gives an engine a thread of its own."""

    tokenizer: Tokenizer
    max_seq_len: int
    """Tokens that a prompt and its reply may have together."""
    longest_text: int
    """Tokens of a text that may become a vector."""

    @abstractmethod
    def add(self, request: Request) -> Reply:
        """Take a request; its reply grows with the steps. Raises PromptError, and BusyError where too many wait already."""

    @abstractmethod
    def step(self) -> list[Piece]:
        """Advance as many requests as there is room for; a piece for each that got a token or ended."""

    @abstractmethod
    def cancel(self, reply: Reply) -> None:
        """Give up a reply and free what it held. One that has ended stays as it is."""

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether every request has ended."""

    @property
    @abstractmethod
    def load(self) -> Load:
        """How full it is; other threads may look, too."""

    @abstractmethod
    def mean_state(self, text: Sequence[int]) -> Float[Tensor, " D"]:
        """What a text's tokens are on average after the last layer."""

    @torch.inference_mode()
    def embed(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
        """One vector of length 1 for each text: the mean of its tokens' last states. Raises PromptError."""
        limit = self.longest_text
        for text in texts:
            if not 0 < len(text) <= limit:
                raise PromptError(f"the text has {len(text):,} tokens and this model reads 1 to {limit:,}; change the text.")
        return F.normalize(torch.stack([self.mean_state(text) for text in texts]), dim=-1)

    def generate(self, prompts: Sequence[Sequence[int]], config: GenerateConfig) -> list[Reply]:
        """The whole reply to each prompt. Raises PromptError."""
        replies: list[Reply] = []
        with closing(self.steps([Request(list(prompt), config) for prompt in prompts], replies)) as steps:
            for _ in steps:
                pass
        return replies

    def stream(self, requests: Sequence[Request]) -> Iterator[Piece]:
        """Continue every request to its end, yielding pieces as they come. Left early, it cancels them. Raises PromptError."""
        with closing(self.steps(requests, [])) as steps:
            for pieces in steps:
                yield from pieces

    def steps(self, requests: Sequence[Request], replies: list[Reply]) -> Generator[list[Piece], None, None]:
        """What each step says until every request is answered; `replies` grows as they are taken. Raises PromptError.

        Left early, by whom it is for or by an error, it cancels them.
        """
        for request in requests:
            self.check(request)
        try:
            while len(replies) < len(requests) or not self.is_idle:
                with suppress(BusyError):  # the others when there is room
                    while len(replies) < len(requests):
                        replies.append(self.add(requests[len(replies)]))
                yield self.step()
        finally:
            for reply in replies:
                self.cancel(reply)

    def begun(self, request: Request) -> Reply:
        """An empty reply; where the request allows it, to as much of the end of a long prompt as fits. Raises PromptError."""
        self.check(request)
        n_prompt, limit = len(request.prompt_ids), self.max_seq_len
        room = max(1, min(request.config.max_new_tokens, limit // SHARE_FOR_REPLY))
        return Reply(request, n_truncated=n_prompt - (limit - room) if n_prompt >= limit else 0)

    def check(self, request: Request) -> None:
        """Raises PromptError where a prompt is empty, or too long to leave room for a reply and not to be truncated."""
        n_prompt, limit = len(request.prompt_ids), self.max_seq_len
        if n_prompt == 0:
            raise PromptError("the prompt is empty; write at least one character.")
        if n_prompt >= limit and not request.may_truncate:
            raise PromptError(
                f"the prompt has {n_prompt:,} tokens and this model reads {limit:,} with its reply; shorten the prompt."
            )

    @cached_property
    def ends(self) -> frozenset[int]:
        """A control token ends the reply: <|end|>, or the opening of something that is not the assistant's to say."""
        return frozenset(id for id in self.tokenizer.control.values() if not self.tokenizer.token_bytes(id))

    def likeliest(self, log_probs: Float[Tensor, "R V"], counts: Sequence[int]) -> list[tuple[Choice, ...]]:
        """As many of the likeliest tokens as each row asks for."""
        n_most = min(max(counts), log_probs.shape[1])
        if n_most == 0:
            return [()] * len(counts)
        values, ids = (part.tolist() for part in log_probs.topk(n_most))
        choices = [[Choice(id, self.tokenizer.token_bytes(id), value) for id, value in zip(*row)] for row in zip(ids, values)]
        return [tuple(row[:n]) for row, n in zip(choices, counts)]
