"""A search by words over texts at hand, for stages that look something up while they work."""

from collections.abc import Callable, Sequence

from handspun.files import sha256_of_json
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.sqlite_store import SqliteStore

Find = Callable[[str, int], Sequence[int]]


def find_among(texts: Sequence[str]) -> Find:
    """Finds the places of the texts that fit a query best, the best first, as an index would."""
    store = SqliteStore(":memory:")
    chunks = [Chunk(str(place), 0, len(text), text) for place, text in enumerate(texts)]
    documents = [IndexedDocument(chunk.source, chunk.text) for chunk in chunks]
    store.replace(IndexedFile("texts", sha256_of_json(list(texts)), sum(map(len, texts))), documents, chunks)
    places = {chunk.id: place for place, chunk in enumerate(chunks)}
    return lambda query, k: [places[id] for id, _ in store.search_text(query, k)]
