"""All vectors of the current embedder in memory, as one matrix: the nearest are found exactly, with one product."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from handspun.retrieve.store import Vectors


@dataclass(frozen=True, slots=True)
class VectorMatrix:
    """The vectors, and the row number that each chunk has in the store, ascending."""

    chunks: Int64[np.ndarray, " N"]
    vectors: Vectors

    def nearest(
        self, query: Float32[np.ndarray, " D"], k: int, allowed: Bool[np.ndarray, " N"] | None = None
    ) -> list[tuple[int, float]]:
        """The `k` chunks of the largest products with the query, largest first; of equals the earlier one."""
        scores = self.vectors @ query
        if allowed is not None:
            scores[~allowed] = -np.inf
        n_found = min(k, len(scores) if allowed is None else int(allowed.sum()))
        if not n_found:
            return []
        best = np.argpartition(-scores, n_found - 1)[:n_found]
        best = best[np.lexsort((best, -scores[best]))]
        return [(int(self.chunks[row]), float(scores[row])) for row in best]
