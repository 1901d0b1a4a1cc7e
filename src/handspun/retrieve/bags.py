"""Sparse rows: which columns each row has and how much of each, as matrices are multiplied with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(frozen=True, slots=True)
class Bags:
    """The entries of row i are those from `starts[i]` to `starts[i + 1]`."""

    columns: Int64[np.ndarray, " E"]
    weights: Float32[np.ndarray, " E"]
    starts: Int64[np.ndarray, " N_and_one"]
    n_columns: int

    @classmethod
    def counted(cls, rows: Iterable[Iterable[int]], n_columns: int) -> Self:
        """Each row's distinct columns, weighted by how often it names them."""
        columns, weights, starts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [0]
        for row in rows:
            distinct, counts = np.unique(np.fromiter(row, np.int64), return_counts=True)
            columns.append(distinct)
            weights.append(counts)
            starts.append(starts[-1] + len(distinct))
        return cls(np.concatenate(columns), np.concatenate(weights).astype(np.float32), np.array(starts), n_columns)

    @property
    def n_rows(self) -> int:
        """How many rows there are, empty ones among them."""
        return len(self.starts) - 1

    @property
    def rows(self) -> Int64[np.ndarray, " E"]:
        """The row of each entry."""
        return np.repeat(np.arange(self.n_rows), np.diff(self.starts))

    def weighted(self, weights: Float32[np.ndarray, " E"]) -> "Bags":
        """The same entries with other weights."""
        return Bags(self.columns, weights.astype(np.float32), self.starts, self.n_columns)

    def normalized(self) -> "Bags":
        """Every row of length 1."""
        lengths = np.sqrt(np.bincount(self.rows, self.weights**2, self.n_rows))
        return self.weighted(self.weights / np.maximum(lengths, 1e-9)[self.rows])

    def transposed(self) -> "Bags":
        """Columns as rows."""
        order = np.argsort(self.columns, kind="stable")
        starts = np.searchsorted(self.columns[order], np.arange(self.n_columns + 1))
        return Bags(self.rows[order], self.weights[order], starts, self.n_rows)

    def times(self, dense: Float32[np.ndarray, "C D"]) -> Float32[np.ndarray, "N D"]:
        """The product with a matrix that has a row for each of our columns."""
        product = np.empty((self.n_rows, dense.shape[1]), np.float32)
        for row, (start, end) in enumerate(pairwise(self.starts)):
            product[row] = self.weights[start:end] @ dense[self.columns[start:end]]
        return product
