"""Models in memory: loaded when they are asked for, shared by all who ask, and let go when nobody does."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from handspun.generate.session import load_engine
from handspun.generate.worker import Worker
from handspun.serve.config import ServeConfig
from handspun.serve.entry import Entry, tagged
from handspun.serve.library import Library
from handspun.tokens.tokenizer import Tokenizer


@dataclass(eq=False, slots=True)
class Loaded:
    """A model in memory, under the name it was last asked for."""

    entry: Entry
    worker: Worker
    load_s: float
    size_bytes: int
    n_users: int = 0
    used: float = 0.0
    """time.monotonic of its last request"""
    expires_at: datetime | None = None
    """when it will be let go; None: never"""
    timer: asyncio.TimerHandle | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        return self.worker.engine.tokenizer

    @property
    def max_seq_len(self) -> int:
        """Tokens of a prompt and its reply together."""
        return self.worker.engine.max_seq_len


class Models:
    """The models of a library, and those of them that are in memory. It belongs to one event loop."""

    def __init__(self, library: Library, config: ServeConfig) -> None:
        self.library, self.config = library, config
        self.held: dict[str, Loaded] = {}
        self.loading = asyncio.Lock()

    def entries(self) -> list[Entry]:
        """Every model there is, by name."""
        return self.library.entries()

    def entry(self, name: str) -> Entry:
        """The model of that name. Raises ModelNotFoundError."""
        return self.library.entry(name)

    def loaded(self) -> list[Loaded]:
        """The models in memory, the one used last first."""
        return sorted(self.held.values(), key=lambda loaded: loaded.used, reverse=True)

    @asynccontextmanager
    async def use(self, name: str, keep_alive_s: float | None = None) -> AsyncIterator[Loaded]:
        """The model of that name, in memory as long as this is entered and `keep_alive_s` longer (math.inf: for good).

        Raises ModelNotFoundError, DeviceError where it does not fit into memory, CheckpointError, DamagedFileError.
        """
        entry = await asyncio.to_thread(self.entry, name)
        loaded = await self.fetch(entry)
        loaded.n_users += 1
        try:
            yield loaded
        finally:
            loaded.n_users -= 1
            loaded.used = time.monotonic()
            self.expire(loaded, self.config.keep_alive_s if keep_alive_s is None else keep_alive_s)

    async def fetch(self, entry: Entry) -> Loaded:
        """The model in memory, loaded where it is not there yet."""
        async with self.loading:
            if entry.weights not in self.held:
                self.held[entry.weights] = await asyncio.to_thread(load, entry)
            return self.held[entry.weights]

    def expire(self, loaded: Loaded, keep_alive_s: float) -> None:
        """Let a model go in so many seconds, unless it is used again."""
        if loaded.timer:
            loaded.timer.cancel()
        loaded.timer = loaded.expires_at = None
        if keep_alive_s < math.inf:
            loaded.expires_at = datetime.now(UTC) + timedelta(seconds=keep_alive_s)
            loop = asyncio.get_running_loop()
            loaded.timer = loop.call_later(keep_alive_s, lambda: loop.create_task(self.release(loaded)))

    async def release(self, loaded: Loaded) -> None:
        """Free a model's memory, unless it is in use."""
        if loaded.n_users == 0 and self.held.get(loaded.entry.weights) is loaded:
            del self.held[loaded.entry.weights]
            await asyncio.to_thread(loaded.worker.close)

    async def unload(self, name: str) -> None:
        """Let the model of that name go now; one in use goes when its last request has ended. Raises ModelNotFoundError."""
        loaded = self.held.get(self.entry(tagged(name)).weights)
        if loaded:
            self.expire(loaded, 0)

    async def close(self) -> None:
        """Free everything."""
        for loaded in self.loaded():
            del self.held[loaded.entry.weights]
            await asyncio.to_thread(loaded.worker.close)


def load(entry: Entry) -> Loaded:
    """Read a model's weights and start its thread."""
    began = time.perf_counter()
    engine = load_engine(entry.folder)
    size_bytes = sum(weight.nbytes for weight in engine.model.parameters())
    return Loaded(entry, Worker(engine), time.perf_counter() - began, size_bytes)
