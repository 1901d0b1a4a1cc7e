"""All vectors of the current embedder in memory, as one matrix: the nearest are found exactly, with one product."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from handspun.retrieve.store import Vectors


@dataclass(frozen=True, slots=True)
class VectorMatrix:
    """The vectors of chunks. Each row has the number that its store gave it, ascending, and that of its chunk."""

    rows: Int64[np.ndarray, " N"]
    chunks: Int64[np.ndarray, " N"]
    vectors: Vectors

    def nearest(
        self, query: Float32[np.ndarray, " D"], k: int, allowed: Bool[np.ndarray, " N"] | None = None
    ) -> list[tuple[int, float]]:
        """The `k` chunks of the largest products with the query, largest first; of equals the earlier one.

        None where the query has another length.
        """
        if len(query) != self.vectors.shape[1]:
            return []
        scores = np.einsum("nd,d->n", self.vectors, query)  # BLAS takes 4 ms less, and its second thread waits busily for 50
        if allowed is not None:
            scores[~allowed] = -np.inf
        n_found = min(k, len(scores) if allowed is None else int(allowed.sum()))
        if not n_found:
            return []
        best = np.argpartition(-scores, n_found - 1)[:n_found]
        best = best[np.lexsort((best, -scores[best]))]
        return [(int(self.chunks[row]), float(scores[row])) for row in best]

    def without(self, gone: Bool[np.ndarray, " N"]) -> "VectorMatrix":
        """What is left when some rows are gone."""
        return VectorMatrix(self.rows[~gone], self.chunks[~gone], self.vectors[~gone]) if gone.any() else self

    def joined(self, later: "VectorMatrix") -> "VectorMatrix":
        """These rows and later ones."""
        if not len(self.rows) or not len(later.rows):
            return self if len(self.rows) else later
        pairs = ((self.rows, later.rows), (self.chunks, later.chunks), (self.vectors, later.vectors))
        return VectorMatrix(*(np.concatenate(pair) for pair in pairs))
