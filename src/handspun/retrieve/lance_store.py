"""An index that LanceDB searches: for half a million chunks and more, and vectors that do not fit into memory.

What LanceDB writes is a version of a table each time, whole or not at all, but it shares no transaction with the SQLite file
beside it: `mirrored_store` says what a crash leaves. Its full-text index is a snapshot, so rows that came since are folded in
before the next search. From EXACT_ROWS vectors on, those in the cells nearest to the query are searched, and no longer all.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from threading import RLock
from typing import Any

import numpy as np
from jaxtyping import Float32

from handspun.errors import RetrieveError
from handspun.retrieve.mirror import Mirror, Rows
from handspun.retrieve.mirrored_store import MirroredStore
from handspun.retrieve.text_query import telling

EXACT_ROWS = 200_000
CELLS_READ = 32
"""cells of vectors that a query looks into"""
KEPT_VERSIONS = timedelta(hours=1)
"""how long a reader may hold on to a version of the table that was written over"""


class LanceStore(MirroredStore):
    """An index in the file `path`, with LanceDB's tables beside it."""

    def __init__(self, path: Path) -> None:
        if find_spec("lancedb") is None:
            raise RetrieveError('store=lancedb needs a package that is not here; `pip install "handspun[lancedb]"`.')
        super().__init__(path, lambda _: LanceMirror(path.parent / "lance"))


class LanceMirror(Mirror):
    """One table for each embedder there was; the one in use has a number."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table it makes
        import lancedb

        self._folder = folder
        self._connection = lancedb.connect(folder, read_consistency_interval=timedelta(0))
        self._generation: int | None = None
        self._table: Any = None
        self._lock = RLock()

    def open(self, generation: int) -> bool:
        if generation != self._generation:
            if name_of(generation) not in self._names():
                return False
            with failures_in_words():
                self._table, self._generation = self._connection.open_table(name_of(generation)), generation
        return True

    def _names(self) -> list[str]:
        return self._connection.list_tables().tables

    def rewrite(self, generation: int, n_dims: int | None, rows: Iterator[Rows]) -> None:
        import pyarrow

        schema = schema_of(n_dims)
        reader = pyarrow.RecordBatchReader.from_batches(schema, (batch_of(row, schema) for row in rows))
        self._generation = None
        self._connection.create_table(name_of(generation), data=reader, schema=schema, mode="overwrite")

    def drop_others(self, generation: int) -> None:
        for name in self._names():
            if name != name_of(generation):
                self._connection.drop_table(name)

    def put(self, rows: Rows) -> None:
        if not rows.ids:
            return
        merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        with self._lock, failures_in_words():
            merge.execute(batch_of(rows, self._table.schema), on_bad_vectors="null")

    def drop(self, ids: Sequence[str]) -> None:
        if ids:
            with self._lock, failures_in_words():
                self._table.delete(among_sql(ids))

    def search_text(self, query: str, k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        if not (words := telling(query)) or not self._fold():
            return []
        search = self._table.search(words, query_type="fts", fts_columns="words").select(["id", "_score"]).limit(k)
        with failures_in_words():
            return [(row["id"], row["_score"]) for row in limited(search, among).to_list()]

    def search_vectors(self, query: Float32[np.ndarray, " D"], k: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        if "vector" not in self._table.schema.names or not self._fold():
            return []
        search = self._table.search(query, vector_column_name="vector").distance_type("dot").nprobes(CELLS_READ)
        with failures_in_words():
            found = limited(search.select(["id", "_distance"]).limit(k), among).to_list()
        return [(row["id"], 1 - row["_distance"]) for row in found]

    def _fold(self) -> bool:
        """Take rows that came since the last search into the indexes. False where there is no row at all.

        Where another process writes at that moment it is left to the next search: LanceDB reads such rows one by one.
        """
        with self._lock, suppress(RetrieveError), failures_in_words():
            self._make_indexes()
            if any(index.num_unindexed_rows for index in self._table.list_indices()):
                self._table.optimize(cleanup_older_than=KEPT_VERSIONS)
        with failures_in_words():
            return self._table.count_rows() > 0

    def _make_indexes(self) -> None:
        from lancedb.index import FTS, IvfFlat

        known = {column for index in self._table.list_indices() for column in index.columns}
        n_rows = self._table.count_rows()
        if n_rows and "words" not in known:
            self._table.create_index("words", config=FTS(stem=True, remove_stop_words=False))
        if n_rows >= EXACT_ROWS and "vector" not in known and "vector" in self._table.schema.names:
            self._table.create_index("vector", config=IvfFlat(distance_type="dot"))

    def counts(self) -> tuple[int, int]:
        has_vectors = "vector" in self._table.schema.names
        with failures_in_words():
            return self._table.count_rows(), self._table.count_rows("vector IS NOT NULL") if has_vectors else 0

    def destroy(self) -> None:
        rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        self._table = self._generation = None


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn what LanceDB complains about into a RetrieveError."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        cure = "`handspun index migrate NAME --to lancedb` writes it anew"
        raise RetrieveError(f"LanceDB does not do what it was asked ({reason}); {cure}.") from error


def name_of(generation: int) -> str:
    """The table's name."""
    return f"chunks_{generation}"


def among_sql(ids: Sequence[str]) -> str:
    """The condition that a row is one of these; an id is hexadecimal digits and nothing else."""
    return f"id IN ({', '.join(repr(one) for one in ids)})"


def limited(search: Any, among: Sequence[str] | None) -> Any:
    """The search, among some rows only."""
    return search if among is None else search.where(among_sql(among), prefilter=True)


def schema_of(n_dims: int | None) -> Any:
    """The columns of a table."""
    import pyarrow

    columns = [("id", pyarrow.string()), ("words", pyarrow.string())]
    return pyarrow.schema(columns + ([] if n_dims is None else [("vector", pyarrow.list_(pyarrow.float32(), n_dims))]))


def batch_of(rows: Rows, schema: Any) -> Any:
    """Rows with the columns of a table; where they have no vectors, those are absent."""
    import pyarrow

    columns = [pyarrow.array(rows.ids), pyarrow.array(rows.texts)]
    if "vector" in schema.names:
        kind = schema.field("vector").type
        flat = None if rows.vectors is None else pyarrow.array(rows.vectors.ravel())
        absent = pyarrow.nulls(len(rows.ids), kind)
        columns.append(absent if flat is None else pyarrow.FixedSizeListArray.from_arrays(flat, kind.list_size))
    return pyarrow.record_batch(columns, schema=schema)
