"""The indexes there are, and their passages with the text around them: what a page shows of a source. Nothing is written."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from handspun.errors import IndexNotFoundError
from handspun.retrieve.searcher import Searcher
from handspun.serve.findings import Span
from handspun.serve.models import Models
from handspun.serve.ollama_wire import OllamaError
from handspun.serve.reading import span_of
from handspun.serve.routes import JSONRoute, described
from handspun.serve.wire import Wire, explained

AROUND = 1200
"""Characters of a document that are shown before a passage, and as many after it."""

ChunkId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$"), explained("must be 32 hexadecimal digits")]


class Listed(Wire):
    """An index that may be asked."""

    name: str


class Listing(Wire):
    """The answer of /api/indexes."""

    indexes: list[Listed]


class Passage(Span):
    """A passage in its document: `before`, `text` and `after` follow each other there."""

    before: str
    text: str
    after: str


def router(models: Models) -> APIRouter:
    """The routes about indexes."""
    routes = APIRouter(route_class=JSONRoute, tags=["Indexes"])

    @routes.get("/api/indexes", responses=described(Listing, OllamaError), response_model=Listing)
    async def indexes() -> Listing:
        """The indexes there are."""
        folders = await asyncio.to_thread(lambda: models.library.index_folders)
        return Listing(indexes=[Listed(name=name) for name in folders])

    @routes.get("/api/indexes/{index}/passages/{chunk_id}", responses=described(Passage, OllamaError), response_model=Passage)
    async def passage(index: str, chunk_id: ChunkId) -> Passage:
        """A passage, and some of the text around it."""
        async with models.searchers.use(index) as searcher:
            return await asyncio.to_thread(found, searcher, index, chunk_id)

    return routes


def found(searcher: Searcher, index: str, chunk_id: str) -> Passage:
    """The passage of that id. Raises IndexNotFoundError."""
    store = searcher.index.store
    for chunk in store.chunks([chunk_id]):
        if document := store.document(chunk.source):
            before = document.text[max(0, chunk.start - AROUND) : chunk.start]
            after = document.text[chunk.end : chunk.end + AROUND]
            return Passage(**span_of(chunk), before=before, text=chunk.text, after=after)
    raise IndexNotFoundError(f'index "{index}" has no passage {chunk_id}; its source may have changed since: ask again.')
