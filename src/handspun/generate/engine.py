"""What every engine does: take requests at any time, and advance all it can by one token with each step."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Piece, Reply, Request
from handspun.tokens.tokenizer import Tokenizer


class Engine(ABC):
    """Prompts in, tokens out. Not for several threads at once: `Worker` gives an engine a thread of its own."""

    tokenizer: Tokenizer
    max_seq_len: int
    """Tokens that a prompt and its reply may have together."""

    @abstractmethod
    def add(self, request: Request) -> Reply:
        """Take a request; its reply grows with the steps. Raises PromptError where it cannot be answered."""

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

    @abstractmethod
    def embed(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
        """One vector of length 1 for each text: the mean of its tokens' last states. Raises PromptError."""

    def generate(self, prompts: Sequence[Sequence[int]], config: GenerateConfig) -> list[Reply]:
        """The whole reply to each prompt. Raises PromptError."""
        requests = [Request(list(prompt), config) for prompt in prompts]
        for request in requests:
            self.check(request)
        replies = [self.add(request) for request in requests]
        while not self.is_idle:
            self.step()
        return replies

    def stream(self, requests: Sequence[Request]) -> Iterator[Piece]:
        """Continue every request to its end, yielding pieces as they come. Left early, it cancels them. Raises PromptError."""
        for request in requests:
            self.check(request)
        replies = [self.add(request) for request in requests]
        try:
            while not self.is_idle:
                yield from self.step()
        finally:
            for reply in replies:
                self.cancel(reply)

    def check(self, request: Request) -> None:
        """Raises PromptError where a prompt is empty or leaves no room for a reply."""
        n_prompt, limit = len(request.prompt_ids), self.max_seq_len
        if n_prompt == 0:
            raise PromptError("the prompt is empty; write at least one character.")
        if n_prompt >= limit:
            raise PromptError(
                f"the prompt has {n_prompt:,} tokens and this model reads {limit:,} with its reply; shorten the prompt."
            )
