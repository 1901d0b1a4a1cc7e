"""Documents in a store of their own, and hits of them, as a search would have found them."""

from collections.abc import Mapping
from hashlib import sha256

from handspun.retrieve.chunk import Chunk, Hit, IndexedDocument, IndexedFile
from handspun.retrieve.sqlite_store import SqliteStore


def stored(texts: Mapping[str, str], *, heading: str = "") -> tuple[SqliteStore, list[Hit]]:
    """A store with a document of one chunk per text, and a hit of each, the first one best."""
    store, hits = SqliteStore(":memory:"), []
    for number, (source, text) in enumerate(texts.items()):
        chunk = Chunk(source, 0, len(text), text, heading)
        file = IndexedFile(source, sha256(text.encode()).hexdigest(), len(text))
        store.replace(file, [IndexedDocument(source, text)], [chunk])
        hits.append(Hit(chunk, 1.0 - number / 10))
    return store, hits
