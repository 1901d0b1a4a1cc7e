"""An index is opened once for all who ask, reopened when it is made anew, and closed with the server."""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bookshelf import write_index

from handspun.errors import DeviceError, IndexNotFoundError
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.searcher import Searcher
from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.serve.indexes import Indexes
from handspun.serve.library import Library
from handspun.serve.models import Models

Main = Callable[[Models], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index to change."""
    return write_index(tmp_path / "indexes")


@pytest.fixture
def asked(finished_run: Path, folder: Path, tmp_path: Path) -> Callable[..., None]:
    """Runs `main` over the models and that index, and closes everything."""

    def asked(main: Main, **how: Callable[[], int]) -> None:
        library = Library([Run(finished_run)], created=tmp_path / "served", indexes=Indexes([folder]))
        models = Models(library, ServeConfig(), **how)

        async def closing() -> None:
            try:
                await main(models)
            finally:
                await models.close()

        asyncio.run(closing())

    return asked


def is_open(searcher: Searcher) -> bool:
    try:
        return searcher.search("shard") != []
    except sqlite3.ProgrammingError:
        return False


def test_all_who_ask_share_one_searcher_until_the_server_ends(asked: Callable[..., None]) -> None:
    shared: list[Searcher] = []

    async def main(models: Models) -> None:
        async def ask() -> None:
            async with models.searchers.use("docs") as searcher:
                shared.append(searcher)

        await asyncio.gather(*(ask() for _ in range(8)))
        assert len(set(map(id, shared))) == 1 and is_open(shared[0])
        assert set(models.searchers.sizes()) == {"docs"}

    asked(main)
    assert not is_open(shared[0])


def test_what_a_sync_changes_is_found_at_once(asked: Callable[..., None], folder: Path) -> None:
    async def main(models: Models) -> None:
        async with models.searchers.use("docs") as searcher:
            assert searcher.search("walrus") == []
            (folder.parent / "texts" / "walrus.txt").write_text("A walrus has tusks.")
            index = Index.open(folder)
            sync(index)
            index.close()
            (hit,) = searcher.search("walrus")
            assert hit.chunk.source == "walrus.txt"

    asked(main)


def test_an_index_that_is_made_anew_is_opened_anew_and_the_old_one_stays_for_who_uses_it(
    asked: Callable[..., None], folder: Path
) -> None:
    async def main(models: Models) -> None:
        async with models.searchers.use("docs") as old:
            shutil.rmtree(folder)
            write_index(folder.parent)
            async with models.searchers.use("docs") as new:
                assert new is not old and is_open(new)
                assert is_open(old)
        assert is_open(new) and not is_open(old)

    asked(main)


def test_an_index_that_is_gone_is_said_to_be(asked: Callable[..., None], folder: Path) -> None:
    async def main(models: Models) -> None:
        shutil.rmtree(folder)
        with pytest.raises(IndexNotFoundError, match='index "docs" is gone from'):
            async with models.searchers.use("docs"):
                pass

    asked(main)


def test_idle_models_make_way_for_an_index_and_without_room_it_is_refused(asked: Callable[..., None], folder: Path) -> None:
    needed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    frees = [10**12, 0, needed]

    async def main(models: Models) -> None:
        async with models.use("tiny"):
            pass
        async with models.searchers.use("docs"):
            assert models.loaded() == []

    asked(main, free_bytes=lambda: frees.pop(0))

    async def refused(models: Models) -> None:
        with pytest.raises(DeviceError, match=r'searching "docs" needs up to [\d.]+ GiB of memory, and 0.0000 GiB are free'):
            async with models.searchers.use("docs"):
                pass

    asked(refused, free_bytes=lambda: 0)
