"""The vectors of a database in memory, brought up to date before each search: rows that went are dropped, new ones are read."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from handspun.retrieve.database import Database
from handspun.retrieve.vector_matrix import VectorMatrix

EMPTY = VectorMatrix(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0), np.float32))
CURRENT = "SELECT id, n_dims FROM embedders WHERE is_current"
ROWS = "SELECT id, chunk FROM vectors WHERE embedder = ? ORDER BY id"
VECTORS = "SELECT vector FROM vectors WHERE id >= ? AND embedder = ? ORDER BY id"


class LiveMatrix:
    """The matrix of the current embedder. Whoever calls holds the database's `reading`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._matrix = EMPTY
        self._version: tuple[int, int] | None = None

    def now(self) -> VectorMatrix:
        """The matrix as the file has it now, whoever wrote to it since."""
        version = self._database.version
        if version != self._version:
            self._matrix = self._refreshed()
            self._version = version
        return self._matrix

    def _refreshed(self) -> VectorMatrix:
        connection = self._database.connection
        embedder, n_dims = next(connection.execute(CURRENT), (0, 0))
        there = pairs(connection.execute(ROWS, (embedder,)))
        kept = self._matrix.without(~np.isin(self._matrix.rows, there[:, 0], assume_unique=True))
        added = there[~np.isin(there[:, 0], kept.rows, assume_unique=True)]
        if not len(added):
            return kept
        blobs = connection.execute(VECTORS, (int(added[0, 0]), embedder))
        halves = np.frombuffer(b"".join(blob for (blob,) in blobs), np.float16).reshape(len(added), n_dims)
        return kept.joined(VectorMatrix(added[:, 0], added[:, 1], halves.astype(np.float32)))


def pairs(rows: Iterator[tuple[int, int]]) -> Int64[np.ndarray, "N 2"]:
    """Rows of two integers as an array."""
    return np.fromiter((number for row in rows for number in row), np.int64).reshape(-1, 2)
