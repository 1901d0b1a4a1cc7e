"""An index whose truth is an SQLite file, and whose words and vectors are searched in an engine for larger corpora.

The engine has no transaction with the file. What is new goes to the engine first, then the file is committed, then what is old
leaves the engine; and a search passes over whatever the file does not know. So a crash leaves each file of the index as it was
or as it is to be, at worst with rows in the engine that nobody sees; `faults` counts them, and `rewrite` is rid of them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np
from jaxtyping import Float32

from handspun.progress import OnProgress, unheard
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.filters import condition
from handspun.retrieve.mirror import Mirror, Rows
from handspun.retrieve.sqlite_store import PAGE_ROWS, SqliteStore
from handspun.retrieve.store import Counts, Filters, Vectors
from handspun.retrieve.text_query import telling

MOST_NAMED_IDS = 2000
"""chunks that pass a filter, up to which the engine is told their ids; of more it is asked for more than is wanted"""
GROWTH = 4
"""how many times more, again and again until enough of them pass"""
Ask = Callable[[int, Sequence[str] | None], list[tuple[str, float]]]
OF_FILE = "SELECT key FROM chunks JOIN documents ON documents.id = document WHERE path = ?"
PASSING = "SELECT key FROM chunks JOIN documents ON documents.id = document WHERE"


class MirroredStore(SqliteStore):
    """The file `path`, and an engine that searches."""

    has_words = False

    def __init__(self, path: Path | str, open_mirror: Callable[[str], Mirror]) -> None:
        super().__init__(path)
        self._mirror = open_mirror(self._database.identity)
        self._writing = RLock()

    def replace(
        self,
        file: IndexedFile,
        documents: Sequence[IndexedDocument] = (),
        chunks: Sequence[Chunk] = (),
        vectors: Vectors | None = None,
    ) -> None:
        with self._writing:
            self._open_table()
            self._refuse_misfits(len(chunks), vectors)
            old = self._ids(OF_FILE, file.path)
            self._mirror.put(rows_of(chunks, vectors))
            super().replace(file, documents, chunks, vectors)
            self._mirror.drop(sorted(old - {chunk.id for chunk in chunks}))

    def remove(self, path: str) -> None:
        with self._writing:
            self._open_table()
            old = self._ids(OF_FILE, path)
            super().remove(path)
            self._mirror.drop(sorted(old))

    def add_vectors(self, embedder: str, ids: Sequence[str], vectors: Vectors) -> None:
        with self._writing:
            super().add_vectors(embedder, ids, vectors)
            if self._current()[1] == embedder:
                self._open_table()
                self._mirror.put(rows_of(self.chunks(ids), vectors))

    def use_embedder(self, embedder: str | None) -> None:
        with self._writing:
            if embedder is not None:
                self._refuse_lacking(embedder)
            if embedder != self._current()[1]:
                self._write_mirror(embedder)
            super().use_embedder(embedder)
            self._use_table()

    def rewrite(self, on_progress: OnProgress = unheard) -> None:
        """Write the engine's words and vectors anew, from what the file has."""
        with self._writing:
            self._write_mirror(self._current()[1], on_progress)
            self._use_table()

    def _open_table(self) -> None:
        """The table of the current embedder; it is written where there is none."""
        if not self._mirror.open(self._current()[0]):
            self.rewrite()

    def _use_table(self) -> None:
        generation, *_ = self._current()
        self._mirror.open(generation)
        self._mirror.drop_others(generation)

    def _write_mirror(self, embedder: str | None, on_progress: OnProgress = unheard) -> None:
        number, n_dims = next(iter(self._page("SELECT id, n_dims FROM embedders WHERE name = ?", (embedder,))), (0, None))
        rows = followed(self._every_row(number, n_dims), super().counts().chunks, on_progress)
        self._mirror.rewrite(number, n_dims, rows)

    def _every_row(self, embedder: int, n_dims: int | None) -> Iterator[Rows]:
        after = -1
        sql = f"""SELECT chunks.id, key, telling(heading || ' ' || text), vector FROM chunks
            LEFT JOIN vectors ON chunk = chunks.id AND embedder = ? WHERE chunks.id > ? ORDER BY 1 LIMIT {PAGE_ROWS}"""
        while rows := self._page(sql, (embedder, after)):
            numbers, keys, texts, blobs = zip(*rows)
            after = numbers[-1]
            if n_dims is None:
                yield Rows(keys, texts, None)
                continue
            for has_vector in (True, False):
                which = [index for index, blob in enumerate(blobs) if (blob is not None) is has_vector]
                halves = np.frombuffer(b"".join(blobs[index] for index in which if has_vector), np.float16)
                vectors = halves.reshape(-1, n_dims).astype(np.float32) if has_vector else None
                if which:
                    yield Rows([keys[index] for index in which], [texts[index] for index in which], vectors)

    def search_text(self, query: str, k: int, filters: Filters | None = None) -> list[tuple[str, float]]:
        return self._search(lambda n, among: self._mirror.search_text(query, n, among), k, filters)

    def search_vectors(
        self, query: Float32[np.ndarray, " D"], k: int, filters: Filters | None = None
    ) -> list[tuple[str, float]]:
        if len(query) != self._current()[2]:
            return []
        return self._search(lambda n, among: self._mirror.search_vectors(query, n, among), k, filters)

    def _search(self, ask: Ask, k: int, filters: Filters | None) -> list[tuple[str, float]]:
        """The `k` best that the file knows and that pass the filters."""
        self._open_table()
        where, parameters = condition(filters)
        if filters:
            passing = self._ids(f"{PASSING} {where} LIMIT {MOST_NAMED_IDS + 1}", *parameters)
            if len(passing) <= MOST_NAMED_IDS:
                return ask(k, sorted(passing)) if passing else []
        n_asked = k
        while True:
            found = ask(n_asked, None)
            ids = json.dumps([key for key, _ in found])
            passing = self._ids(f"{PASSING} key IN (SELECT value FROM json_each(?)) AND {where}", ids, *parameters)
            kept = [(key, score) for key, score in found if key in passing][:k]
            if len(kept) == k or len(found) < n_asked:
                return kept
            n_asked *= GROWTH

    def _ids(self, sql: str, *parameters: object) -> set[str]:
        return {row[0] for row in self._page(sql, parameters)}

    def counts(self) -> Counts:
        self._open_table()
        n_rows, n_vectors = self._mirror.counts()
        found = super().counts()
        return replace(found, text_rows=n_rows, vectors=found.chunks if self._current()[1] is None else n_vectors)

    def close(self) -> None:
        self._mirror.close()
        super().close()

    def destroy(self) -> None:
        """Remove what the engine has of this index."""
        self._mirror.destroy()


def followed(rows: Iterator[Rows], total: int, on_progress: OnProgress) -> Iterator[Rows]:
    """The rows, while it is told how many of `total` were taken."""
    done = 0
    for some in rows:
        on_progress(done, total)
        yield some
        done += len(some.ids)
    on_progress(done, total)


def rows_of(chunks: Sequence[Chunk], vectors: Vectors | None) -> Rows:
    """Chunks as the engine is given them."""
    return Rows([chunk.id for chunk in chunks], [telling(f"{chunk.heading} {chunk.text}") for chunk in chunks], vectors)
