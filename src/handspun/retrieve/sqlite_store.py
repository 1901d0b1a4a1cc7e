"""An index in one SQLite file: nothing to install, nothing to run, and a crash leaves each file as it was or as it is to be."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from handspun.errors import RetrieveError
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.database import Database
from handspun.retrieve.filters import condition, passing
from handspun.retrieve.live_matrix import LiveMatrix
from handspun.retrieve.store import Counts, Filters, Store, Vectors
from handspun.retrieve.text_search import TextSearch

PAGE_ROWS = 512
"""rows read at a time, so that whoever walks over all of them may write meanwhile"""
CHUNK = """SELECT chunks.id, source, start, end, chunks.text, heading, page, metadata
    FROM chunks JOIN documents ON documents.id = document"""
WORDS_OF = "id, heading, text FROM telling_words WHERE document = ?"
"""What the full-text index has of a document. One statement puts it in, or takes it out: after each FTS5 writes a segment."""
COUNTS = """SELECT (SELECT count(*) FROM files WHERE status = 'read'),
    (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks),
    CASE WHEN EXISTS (SELECT 1 FROM embedders WHERE is_current)
        THEN (SELECT count(*) FROM vectors WHERE embedder = (SELECT id FROM embedders WHERE is_current))
        ELSE (SELECT count(*) FROM chunks) END"""


class SqliteStore(Store):
    """An index in the file `path`, or in ":memory:". Vectors are kept as float16 and searched as float32."""

    has_words: ClassVar = True
    """whether the words are in the file, too"""

    def __init__(self, path: Path | str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._database = Database(path, has_words=self.has_words)
        self._words, self._matrix = TextSearch(self._database), LiveMatrix(self._database)

    def files(self) -> dict[str, IndexedFile]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT path, sha256, size, status, reason FROM files ORDER BY path")
            return {row[0]: IndexedFile(*row) for row in rows}

    def replace(
        self,
        file: IndexedFile,
        documents: Sequence[IndexedDocument] = (),
        chunks: Sequence[Chunk] = (),
        vectors: Vectors | None = None,
    ) -> None:
        with self._database.transaction() as connection:
            self._forget(file.path)
            connection.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?)", (file.path, file.sha256, file.size, file.status, file.reason)
            )
            numbers = self._insert_documents(file.path, documents)
            self._insert_chunks(numbers, chunks)
            if vectors is not None:
                self._refuse_misfits(len(chunks), vectors)
                self._insert_vectors(self._current()[0], [chunk.id for chunk in chunks], vectors)

    def _insert_documents(self, path: str, documents: Sequence[IndexedDocument]) -> dict[str, int]:
        """The number of each document, by its source."""
        sql = "INSERT INTO documents (path, source, text, metadata) VALUES (?, ?, ?, ?) RETURNING id"
        rows = ((one.source, (path, one.source, one.text, to_json(one.metadata))) for one in documents)
        return {source: self._database.connection.execute(sql, row).fetchone()[0] for source, row in rows}

    def _insert_chunks(self, documents: Mapping[str, int], chunks: Sequence[Chunk]) -> None:
        connection = self._database.connection
        sql = "INSERT INTO chunks (key, document, start, end, heading, text, page) VALUES (?, ?, ?, ?, ?, ?, ?)"
        rows = ((one.id, documents[one.source], one.start, one.end, one.heading, one.text, one.page) for one in chunks)
        connection.executemany(sql, rows)
        if self.has_words:
            connection.executemany(f"INSERT INTO words (rowid, heading, text) SELECT {WORDS_OF}", zip(documents.values()))

    def _forget(self, path: str) -> None:
        connection = self._database.connection
        documents = connection.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchall()
        if self.has_words:
            connection.executemany(f"INSERT INTO words (words, rowid, heading, text) SELECT 'delete', {WORDS_OF}", documents)
        connection.execute("DELETE FROM files WHERE path = ?", (path,))

    def remove(self, path: str) -> None:
        with self._database.transaction():
            self._forget(path)

    def search_text(self, query: str, k: int, filters: Filters | None = None) -> list[tuple[str, float]]:
        with self._database.reading():
            return self._with_keys(self._words.best(query, k, filters))

    def search_vectors(
        self, query: Float32[np.ndarray, " D"], k: int, filters: Filters | None = None
    ) -> list[tuple[str, float]]:
        with self._database.reading() as connection:
            matrix = self._matrix.now()
            allowed = np.isin(matrix.chunks, np.fromiter(passing(connection, filters), np.int64)) if filters else None
        found = matrix.nearest(query, k, allowed)
        with self._database.reading():
            return self._with_keys(found)

    def _with_keys(self, found: list[tuple[int, float]]) -> list[tuple[str, float]]:
        """The ids of chunks in the place of their numbers; those that are gone meanwhile are left out."""
        sql = "SELECT id, key FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
        keys = dict(self._database.connection.execute(sql, (json.dumps([number for number, _ in found]),)))
        return [(keys[number], score) for number, score in found if number in keys]

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        sql = f"{CHUNK} JOIN json_each(?) AS wanted ON chunks.key = wanted.value ORDER BY wanted.key"
        with self._database.reading() as connection:
            return [to_chunk(row) for row in connection.execute(sql, (json.dumps(list(ids)),))]

    def document(self, source: str) -> IndexedDocument | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT text, metadata FROM documents WHERE source = ?", (source,)).fetchone()
        return IndexedDocument(source, row[0], json.loads(row[1])) if row else None

    def fields(self) -> list[str]:
        sql = "SELECT DISTINCT field.key FROM documents, json_each(documents.metadata) AS field ORDER BY 1"
        return [name for (name,) in self._page(sql, ())]

    def n_passing(self, filters: Filters) -> int:
        where, parameters = condition(filters)
        return self._page(f"SELECT count(*) FROM documents WHERE {where}", parameters)[0][0]

    def every_chunk(self) -> Iterator[Chunk]:
        after: tuple[Any, ...] = ("", -1, -1)
        sql = f"{CHUNK} WHERE (documents.source, chunks.start, chunks.id) > (?, ?, ?) ORDER BY 2, 3, 1 LIMIT {PAGE_ROWS}"
        while rows := self._page(sql, after):
            yield from map(to_chunk, rows)
            after = (rows[-1][1], rows[-1][2], rows[-1][0])

    def lacking(self, embedder: str) -> Iterator[Chunk]:
        after = -1
        sql = f"""{CHUNK} WHERE chunks.id > ? AND NOT EXISTS (SELECT 1 FROM vectors JOIN embedders ON embedders.id = embedder
            WHERE vectors.chunk = chunks.id AND embedders.name = ?) ORDER BY chunks.id LIMIT {PAGE_ROWS}"""
        while rows := self._page(sql, (after, embedder)):
            yield from map(to_chunk, rows)
            after = rows[-1][0]

    def _page(self, sql: str, parameters: Iterable[Any]) -> list[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return connection.execute(sql, tuple(parameters)).fetchall()

    def add_vectors(self, embedder: str, ids: Sequence[str], vectors: Vectors) -> None:
        with self._database.transaction() as connection:
            sql = "INSERT OR IGNORE INTO embedders (name, n_dims, is_current) VALUES (?, ?, 0)"
            connection.execute(sql, (embedder, vectors.shape[1]))
            row = connection.execute("SELECT id, n_dims FROM embedders WHERE name = ?", (embedder,)).fetchone()
            refuse_shape(vectors, len(ids), row[1])
            self._insert_vectors(row[0], ids, vectors)

    def _insert_vectors(self, embedder: int, ids: Sequence[str], vectors: Vectors) -> None:
        halves = vectors.astype(np.float16)
        self._database.connection.executemany(
            "INSERT OR REPLACE INTO vectors (chunk, embedder, vector) SELECT id, ?, ? FROM chunks WHERE key = ?",
            ((embedder, half.tobytes(), key) for half, key in zip(halves, ids)),
        )

    def _refuse_misfits(self, n_chunks: int, vectors: Vectors | None) -> None:
        """Raise RetrieveError for vectors where there is no embedder, and ValueError for those of another shape."""
        _, name, n_dims = self._current()
        if vectors is not None and name is None:
            raise RetrieveError(f"{self._database.path} has no embedder yet, so it cannot take vectors with a file.")
        if vectors is not None:
            refuse_shape(vectors, n_chunks, n_dims)

    def _current(self) -> tuple[int, str | None, int]:
        """The number, name and dimensions of the current embedder; 0, None and 0 where there is none."""
        return next(iter(self._page("SELECT id, name, n_dims FROM embedders WHERE is_current", ())), (0, None, 0))

    def use_embedder(self, embedder: str | None) -> None:
        if embedder is not None:
            self._refuse_lacking(embedder)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM embedders WHERE name IS NOT ?", (embedder,))
            connection.execute("UPDATE embedders SET is_current = 1")

    def _refuse_lacking(self, embedder: str) -> None:
        """Raise RetrieveError where an embedder's vectors are not whole."""
        sql = """SELECT (SELECT count(*) FROM chunks) - (SELECT count(*) FROM vectors JOIN embedders ON embedders.id = embedder
            WHERE name = ?), (SELECT count(*) FROM embedders WHERE name = ?)"""
        [(n_lacking, is_known)] = self._page(sql, (embedder, embedder))
        if not is_known:
            raise RetrieveError(f"there are no vectors of {embedder} yet; add them before it is used.")
        if n_lacking:
            raise RetrieveError(f"{n_lacking:,} chunks have no vector of {embedder} yet; embed them before it is used.")

    def facts(self) -> dict[str, Any]:
        with self._database.reading() as connection:
            return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM facts ORDER BY key")}

    def note(self, **facts: Any) -> None:
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)", ((key, to_json(value)) for key, value in facts.items())
            )

    def counts(self) -> Counts:
        with self._database.reading() as connection:
            files, documents, chunks, vectors = connection.execute(COUNTS).fetchone()
            n_rows = connection.execute("SELECT count(*) FROM words_docsize").fetchone()[0] if self.has_words else chunks
        return Counts(files, documents, chunks, n_rows, vectors)

    def faults(self) -> list[str]:
        if damage := [*self._database.faults(), *self._changed_chunks()]:
            return damage
        counts = self.counts()
        found = {"chunks": counts.chunks, "text rows": counts.text_rows, "vectors": counts.vectors}
        if len(set(found.values())) == 1:
            return []
        return [", ".join(f"{count:,} {name}" for name, count in found.items()) + ": these should be equal"]

    def _changed_chunks(self) -> Iterator[str]:
        """A chunk's id is a checksum of it, and a vector has a length."""
        after, sql = -1, CHUNK.replace("chunks.id, ", "chunks.id, key, ", 1)
        while rows := self._page(f"{sql} WHERE chunks.id > ? ORDER BY 1 LIMIT {PAGE_ROWS}", (after,)):
            yield from (f"{row[2]}, chunk {row[1]}: its text has changed" for row in rows if to_chunk(row[1:]).id != row[1])
            after = rows[-1][0]
        cut = "SELECT count(*) FROM vectors JOIN embedders ON embedders.id = embedder WHERE length(vector) != 2 * n_dims"
        yield from (f"{n_cut:,} vectors are cut off" for (n_cut,) in self._page(cut, ()) if n_cut)

    def close(self) -> None:
        self._database.close()

    def sample(self, n: int) -> list[str]:
        """The ids of `n` chunks from everywhere, the same each time: an id is a hash, so its order is none."""
        return [row[0] for row in self._page("SELECT key FROM chunks ORDER BY key LIMIT ?", (n,))]

    def vectors(self, ids: Sequence[str]) -> Vectors | None:
        """The current embedder's vectors of these chunks, of which each must have one; None where there is no embedder."""
        embedder, name, n_dims = self._current()
        sql = """SELECT vector FROM json_each(?) AS wanted JOIN chunks ON chunks.key = wanted.value
            JOIN vectors ON chunk = chunks.id AND embedder = ? ORDER BY wanted.key"""
        rows = self._page(sql, (json.dumps(list(ids)), embedder))
        halves = np.frombuffer(b"".join(row[0] for row in rows), np.float16)
        return None if name is None else halves.reshape(len(ids), n_dims).astype(np.float32)

    def copy(self, path: Path, *, has_words: bool) -> None:
        """Write the index as it is now to another file, with words or without."""
        self._database.copy(path, has_words=has_words)


def refuse_shape(vectors: Vectors, n_rows: int, n_dims: int) -> None:
    """Raise ValueError unless there is a vector of the right length for each row."""
    if vectors.shape != (n_rows, n_dims):
        raise ValueError(f"vectors of shape {vectors.shape} for {n_rows} chunks and {n_dims} dimensions")


def to_json(value: Any) -> str:
    """A value as it is kept."""
    return json.dumps(value, ensure_ascii=False)


def to_chunk(row: tuple[Any, ...]) -> Chunk:
    """The chunk of a row that CHUNK selects."""
    _, source, start, end, text, heading, page, metadata = row
    return Chunk(source, start, end, text, heading, page, json.loads(metadata))
