"""Indexes in memory: each is opened when it is first asked for, shared by all who ask, and closed with the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handspun.errors import DeviceError, IndexNotFoundError, RetrieveError
from handspun.machine import resident_bytes
from handspun.retrieve.index import SETTINGS, Index
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS, Searcher
from handspun.serve.indexes import name_of
from handspun.serve.library import Library
from handspun.serve.room import gib


@dataclass(eq=False, slots=True)
class Opened:
    """An index in memory, and how many use it."""

    searcher: Searcher
    stamp: tuple[int, int]
    """which index it was that was opened: a folder may be deleted and made anew"""
    size_bytes: int
    """what the process has grown by when it was opened"""
    n_users: int = 0
    is_superseded: bool = False


class Searchers:
    """The indexes of a library, and those of them that are in memory. It belongs to one event loop."""

    def __init__(self, library: Library, moving: asyncio.Lock, make_way: Callable[[int], Awaitable[int]]) -> None:
        """`make_way` unloads what is idle until so many bytes are free, and says how many are; `moving` is held meanwhile."""
        self.library, self.moving, self.make_way = library, moving, make_way
        self.opened: dict[Path, Opened] = {}

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Searcher]:
        """The searcher of the index of that name. Raises IndexNotFoundError, RetrieveError, DamagedFileError, DeviceError."""
        folder = await asyncio.to_thread(self.library.index_folder, name)
        opened = await self.fetch(name, folder)
        opened.n_users += 1
        try:
            yield opened.searcher
        finally:
            opened.n_users -= 1
            await self.close_unused(opened)

    async def fetch(self, name: str, folder: Path) -> Opened:
        """The index, opened where it is not open yet or was made anew since."""
        stamp = await asyncio.to_thread(stamp_of, name, folder)
        if not self.has(folder, stamp):
            async with self.moving:
                if not self.has(folder, stamp):
                    await self.open(name, folder, stamp)
        return self.opened[folder]

    def has(self, folder: Path, stamp: tuple[int, int]) -> bool:
        """Whether an index is open, and still the one that was opened."""
        return folder in self.opened and self.opened[folder].stamp == stamp

    async def open(self, name: str, folder: Path, stamp: tuple[int, int]) -> None:
        """Bring an index into memory, in the place of one that was there before it. Raises DeviceError."""
        needed = await asyncio.to_thread(size_on_disk, folder)
        if (free := await self.make_way(needed)) < needed:
            raise DeviceError(
                f'searching "{name}" needs up to {gib(needed)} GiB of memory, and {gib(free)} GiB are free; close other '
                f"programs, or keep it elsewhere: `handspun index migrate`."
            )
        known, self.opened[folder] = self.opened.get(folder), await asyncio.to_thread(opened_index, folder, stamp)
        if known is not None:
            known.is_superseded = True
            await self.close_unused(known)

    def sizes(self) -> dict[str, int]:
        """What each index in memory takes, by name."""
        return {name_of(folder): opened.size_bytes for folder, opened in self.opened.items()}

    async def close_unused(self, opened: Opened) -> None:
        """Close what was made anew since, once nobody uses it."""
        if opened.is_superseded and opened.n_users == 0:
            await asyncio.to_thread(opened.searcher.index.close)

    async def close(self) -> None:
        """Close everything."""
        while self.opened:
            _, opened = self.opened.popitem()
            await asyncio.to_thread(opened.searcher.index.close)


def opened_index(folder: Path, stamp: tuple[int, int]) -> Opened:
    """An index with what searching needs in memory, which a first search brings there."""
    before = resident_bytes()
    index = Index.open(folder)
    try:
        searcher = Searcher(index)
        for chunk in islice(index.store.every_chunk(), 1):
            searcher.search(chunk.text[:MAX_QUERY_CHARACTERS])
    except BaseException:
        index.close()
        raise
    return Opened(searcher, stamp, max(0, resident_bytes() - before))


def stamp_of(name: str, folder: Path) -> tuple[int, int]:
    """Changes when the index is made anew."""
    try:
        settings = (folder / SETTINGS).stat()
    except FileNotFoundError:
        raise IndexNotFoundError(f'index "{name}" is gone from {folder}; make it again, or ask without it.') from None
    except OSError as error:
        raise RetrieveError(f"{folder} cannot be read ({error.strerror}); change its permissions.") from error
    return settings.st_ino, settings.st_mtime_ns


def size_on_disk(folder: Path) -> int:
    """Bytes of the files of an index: in memory it takes no more than that."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
