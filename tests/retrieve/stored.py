"""Documents of one chunk each, in a store or an index of their own."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from handspun.retrieve.chunk import Chunk, Hit, IndexedDocument, IndexedFile
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.sqlite_store import SqliteStore
from handspun.retrieve.store import Store


def stored(texts: Mapping[str, str], *, heading: str = "") -> tuple[SqliteStore, list[Hit]]:
    """A store with these texts by their sources, and a hit of each, as a search would have found it, the first one best."""
    store = SqliteStore(":memory:")
    chunks = [put(store, source, text, heading) for source, text in texts.items()]
    return store, [Hit(chunk, 1.0 - number / 10) for number, chunk in enumerate(chunks)]


def searcher_of(folder: Path, texts: Mapping[str, str], **settings: Any) -> Searcher:
    """A searcher of an index in `folder` with these texts by their sources."""
    index = Index.create(folder, RetrieveConfig(embedder="none", **settings), [folder])
    for source, text in texts.items():
        put(index.store, source, text)
    return Searcher(index)


def put(store: Store, source: str, text: str, heading: str = "") -> Chunk:
    """Store a text; the chunk that it is."""
    chunk = Chunk(source, 0, len(text), text, heading)
    file = IndexedFile(source, sha256(text.encode(errors="replace")).hexdigest(), len(text))
    store.replace(file, [IndexedDocument(source, text)], [chunk])
    return chunk
