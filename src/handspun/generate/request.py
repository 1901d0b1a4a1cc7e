"""What is asked of an engine, and what it has answered so far."""

import time
from dataclasses import dataclass, field
from typing import Literal

from handspun.generate.config import GenerateConfig
from handspun.generate.constraint import Constraint

FinishReason = Literal["end", "stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt as ids and how it is to be continued."""

    prompt_ids: list[int]
    config: GenerateConfig = field(default_factory=GenerateConfig)
    constraint: Constraint | None = None
    """What the reply must look like; None where it may be anything"""
    n_likeliest: int = 0
    """How many of the likeliest tokens are noted beside each that is chosen"""
    may_truncate: bool = False
    """Whether a prompt that is too long loses its beginning; otherwise it is refused"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that might have come next."""

    id: int
    data: bytes
    log_prob: float


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. `copied_from` is the position in the prompt that it was quoted from, where it was quoted."""

    id: int
    data: bytes
    """its bytes, which may be a part of a character"""
    log_prob: float
    """under the model, before temperature and limits"""
    copied_from: int | None = None
    likeliest: tuple[Choice, ...] = ()

    @property
    def text(self) -> str:
        """Its bytes as text, with a replacement character where they are not whole."""
        return self.data.decode(errors="replace")


@dataclass(slots=True)
class Timing:
    """When things happened to a request, in seconds of time.perf_counter."""

    asked: float = field(default_factory=time.perf_counter)
    started: float | None = None
    """the engine began to read the prompt"""
    first_token: float | None = None
    ended: float | None = None

    def start(self) -> None:
        """Note when the engine began to read."""
        self.started = time.perf_counter()


@dataclass(eq=False, slots=True)
class Reply:
    """What was answered so far. `text` is what may be shown: it never holds a stop text or half a character."""

    request: Request
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None
    """end (the model ended its turn, or its JSON is whole), stop (a stop text came), length (cut short), or cancelled; None
    while it goes on"""
    n_shared: int = 0
    """tokens of the prompt that were already read for another request"""
    n_truncated: int = 0
    """tokens at the beginning of the prompt that were left out, for want of room"""
    timing: Timing = field(default_factory=Timing)

    @property
    def prompt_ids(self) -> list[int]:
        """What it replies to: the prompt, or as much of its end as there is room to read."""
        return self.request.prompt_ids[self.n_truncated :]

    def give_up(self) -> None:
        """Note that it is cancelled, unless it has ended."""
        if self.finish_reason is None:
            self.finish_reason = "cancelled"
            self.timing.ended = time.perf_counter()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step added to a reply: new text that is certain, and the new token where there is one."""

    reply: Reply
    text: str
    token: Token | None = None
    finish_reason: FinishReason | None = field(init=False)
    """of the reply at this step: by the time a piece is heard, the reply itself may have gone on, or ended"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "finish_reason", self.reply.finish_reason)
