"""Models in memory: loaded when they are asked for, shared by all who ask, and let go when nobody does."""

import asyncio
import ctypes
import gc
import platform
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from handspun.errors import BusyError
from handspun.generate.session import open_engine
from handspun.machine import memory
from handspun.serve.config import ServeConfig
from handspun.serve.entry import Entry
from handspun.serve.held import Held, Loaded
from handspun.serve.library import Library
from handspun.serve.meter import Meter, MeteredWorker
from handspun.serve.room import Room, chosen_device, free_bytes
from handspun.serve.searchers import Searchers

STOPPING = "the server is being stopped; ask again when it is back."

TO_ENTER_S = 1.0
"""How long a model that was just loaded stays at least, though nobody may wait for it any more."""


class Models:
    """The models of a library, and those of them that are in memory. It belongs to one event loop."""

    def __init__(self, library: Library, config: ServeConfig, free_bytes: Callable[[], int] = free_bytes) -> None:
        self.library, self.config, self.free_bytes = library, config, free_bytes
        self.meter = Meter(self)
        self.held: dict[str, Held] = {}
        """by the SHA-256 of their weights"""
        self.moving = asyncio.Lock()
        """held while memory is taken or given back, so that what is free can be believed"""
        self.searchers = Searchers(library, self.moving, self.make_way_in_ram)
        self.releases: set[asyncio.Task[None]] = set()
        self.is_stopping = False

    def entries(self) -> list[Entry]:
        """Every model there is, by name."""
        return self.library.entries()

    def entry(self, name: str) -> Entry:
        """The model of that name. Raises ModelNotFoundError."""
        return self.library.entry(name)

    def loaded(self) -> list[Loaded]:
        """The models in memory, the one used last first."""
        return [Loaded(held.entry, held) for held in sorted(self.held.values(), key=lambda held: held.used, reverse=True)]

    @asynccontextmanager
    async def use(self, name: str, keep_alive_s: float | None = None) -> AsyncIterator[Loaded]:
        """The model of that name, in memory as long as this is entered and `keep_alive_s` longer (math.inf: for good).

        Raises ModelNotFoundError, DeviceError where it does not fit into memory, BusyError, CheckpointError, DamagedFileError.
        """
        entry = await asyncio.to_thread(self.entry, name)
        held = await self.fetch(entry, self.config.keep_alive_s if keep_alive_s is None else keep_alive_s)
        try:
            yield Loaded(entry, held)
        finally:
            held.leave(lambda: self.release_soon(entry.weights))

    async def fetch(self, entry: Entry, keep_alive_s: float) -> Held:
        """The weights, loaded where they are not there yet, and marked as used."""
        while (held := self.held.get(entry.weights)) is None and not self.is_stopping:
            await asyncio.shield(asyncio.ensure_future(self.load(entry)))  # who comes next profits though this caller leaves
        if self.is_stopping or held is None:
            raise BusyError(STOPPING)
        held.enter(entry, keep_alive_s)
        return held

    async def load(self, entry: Entry) -> None:
        """Bring weights into memory, which takes a thread and, where memory is short, the place of idle models."""
        async with self.moving:
            if entry.weights in self.held or self.is_stopping:
                return
            room = await self.make_room(entry)
            engine = await asyncio.to_thread(open_engine, entry.folder, entry.generate.engine, room.limits)
            held = Held(MeteredWorker(engine, entry.trained_name, self.meter), room.n_bytes)
            self.held[entry.weights] = held
            self.meter.loads.labels(entry.trained_name).inc()
            held.enter(entry, max(self.config.keep_alive_s, TO_ENTER_S))
            held.leave(lambda: self.release_soon(entry.weights))

    async def make_way(self, n_bytes: int) -> int:
        """Unload idle models, the longest unused first, until so many bytes are free or none is left. How many are free."""
        while True:
            free = await asyncio.to_thread(self.free_bytes)
            idle = self.idle()
            if n_bytes <= free or not idle:
                return free
            await self.free(idle[-1].entry.weights)

    async def make_way_in_ram(self, n_bytes: int) -> int:
        """The same for the memory of the machine: that of a GPU is no help there."""
        if (await asyncio.to_thread(chosen_device)).kind == "cuda":
            return (await asyncio.to_thread(memory)).free_bytes
        return await self.make_way(n_bytes)

    def idle(self) -> list[Held]:
        """The weights that nobody uses, those used last first."""
        return [loaded.held for loaded in self.loaded() if loaded.held.n_users == 0]

    async def make_room(self, entry: Entry) -> Room:
        """Unload idle models, the longest unused first, until `entry` fits. Raises DeviceError, BusyError."""
        room = Room(entry, self.config, (await asyncio.to_thread(chosen_device)).kind)
        free = await self.make_way(room.n_bytes)
        if room.n_bytes > free:
            entries = await asyncio.to_thread(self.entries)
            raise room.refusal(free, entries, in_use=[loaded.entry for loaded in self.loaded()])
        while len(self.held) >= self.config.max_models:
            idle = self.idle()
            if not idle:
                raise BusyError(f"all {len(self.held)} models that may be in memory (serve.max_models) are in use; ask again.")
            await self.free(idle[-1].entry.weights)
        return room

    def release_soon(self, weights: str) -> None:
        """Begin to free weights that nobody uses."""
        task = asyncio.ensure_future(self.release(weights))
        self.releases.add(task)
        task.add_done_callback(self.releases.discard)

    async def release(self, weights: str) -> None:
        """Free weights, unless somebody uses them again."""
        async with self.moving:
            if weights in self.held and self.held[weights].n_users == 0:
                await self.free(weights)

    async def free(self, weights: str) -> None:
        """Free weights, whoever uses them."""
        held = self.held.pop(weights)
        held.stop_timer()
        await asyncio.to_thread(held.worker.close)
        del held
        await asyncio.to_thread(give_back_memory)

    async def unload(self, name: str) -> None:
        """Let the model of that name go; one in use goes when its last request has ended. Raises ModelNotFoundError."""
        entry = await asyncio.to_thread(self.entry, name)
        held = self.held.get(entry.weights)
        if held:
            held.is_dismissed = True
            await self.release(entry.weights)

    async def create(
        self, name: str, base: str, *, system: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Entry:
        """A name of its own for `base` with this system message and these options. Raises RefusedError, ModelNotFoundError."""
        return await asyncio.to_thread(self.library.create, name, base, system=system, options=options)

    async def copy(self, source: str, destination: str) -> Entry:
        """A second name for a model. Raises RefusedError for that of a run, ModelNotFoundError."""
        return await self.create(destination, source)

    async def delete(self, name: str) -> None:
        """Forget a created name. Raises RefusedError for that of a run, ModelNotFoundError."""
        await asyncio.to_thread(self.library.delete, name)

    def stop(self) -> None:
        """End every reply under way with a BusyError, and take no more."""
        self.is_stopping = True
        for held in self.held.values():
            held.worker.submit(held.worker.give_up, BusyError(STOPPING))

    async def close(self) -> None:
        """Free everything."""
        self.is_stopping = True
        async with self.moving:
            for weights in list(self.held):
                await self.free(weights)
            await self.searchers.close()


def give_back_memory() -> None:
    """Collect what went out of use, and let glibc return it to the system. Elsewhere the system takes it by itself."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
