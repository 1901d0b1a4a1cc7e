"""Weights in memory, and who uses them."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from handspun.generate.worker import Worker
from handspun.serve.entry import Entry
from handspun.tokens.tokenizer import Tokenizer


@dataclass(eq=False, slots=True)
class Held:
    """Weights that several names may share, and when they are let go."""

    worker: Worker
    size_bytes: int
    """what they and their keys and values take of the memory"""
    entry: Entry = field(init=False)
    """the name they were last asked for"""
    n_users: int = 0
    used: float = 0.0
    """time.monotonic of the last time they were asked for or let go"""
    keep_alive_s: float = math.inf
    is_dismissed: bool = False
    """somebody wants them gone as soon as nobody uses them"""
    timer: asyncio.TimerHandle | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When they are let go unless they are asked for again; None: never."""
        if self.keep_alive_s == math.inf:
            return None
        idle_s = 0.0 if self.n_users else time.monotonic() - self.used
        return datetime.now(UTC) + timedelta(seconds=self.keep_alive_s - idle_s)

    def enter(self, entry: Entry, keep_alive_s: float) -> None:
        """Somebody begins to use them."""
        self.entry, self.keep_alive_s, self.is_dismissed, self.used = entry, keep_alive_s, False, time.monotonic()
        self.n_users += 1
        self.stop_timer()

    def leave(self, release: Callable[[], object]) -> None:
        """Somebody has used them; when it was the last one, `release` is called in time."""
        self.n_users -= 1
        self.used = time.monotonic()
        keep_alive_s = 0.0 if self.is_dismissed else self.keep_alive_s
        if self.n_users == 0 and keep_alive_s < math.inf:
            self.timer = asyncio.get_running_loop().call_later(keep_alive_s, release)

    def stop_timer(self) -> None:
        """They are not let go yet."""
        if self.timer:
            self.timer.cancel()
        self.timer = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory under one of its names."""

    entry: Entry
    held: Held

    @property
    def worker(self) -> Worker:
        return self.held.worker

    @property
    def tokenizer(self) -> Tokenizer:
        return self.held.worker.engine.tokenizer

    @property
    def max_seq_len(self) -> int:
        """Tokens of a prompt and its reply together."""
        return self.held.worker.engine.max_seq_len

    @property
    def size_bytes(self) -> int:
        """What it takes of the memory."""
        return self.held.size_bytes

    @property
    def expires_at(self) -> datetime | None:
        """When it is let go unless it is asked for again; None: never."""
        return self.held.expires_at
