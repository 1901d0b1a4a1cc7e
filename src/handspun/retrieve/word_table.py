"""Embedders that are a table of words, learnt from the very texts to be searched: a text is the sum of its words' rows."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from handspun.errors import DamagedFileError
from handspun.files import write_bytes
from handspun.retrieve.bags import Bags
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.store import Vectors

TABLE = "table.safetensors"
SHORTEST = 1e-12
"""what a text is divided by that has none of the words"""


class WordTable(Embedder):
    """A lexicon and a table with a row for each of its words, in which how much a word says is included already."""

    is_instant = True

    def __init__(self, kind: str, lexicon: Lexicon, table: Float[np.ndarray, "V D"]) -> None:
        self.lexicon = lexicon
        kept = np.ascontiguousarray(table, np.float16)
        self.table = kept.astype(np.float32)
        """rounded as it is kept, so that one that was loaded gives the very vectors of the one that was trained"""
        self.n_dims = table.shape[1]
        words = "\0".join(lexicon.columns).encode()
        self.name = f"{kind}-{sha256(words + kept.tobytes()).hexdigest()[:16]}"

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        del are_queries
        sums = dampened(self.lexicon.bags(map(stems, texts))).times(self.table)
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), SHORTEST)

    def save(self, folder: Path) -> None:
        self.lexicon.save(folder)
        write_bytes(folder / TABLE, save({"table": self.table.astype(np.float16)}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved there, under the name that its bytes give it. Raises DamagedFileError where it is another one's."""
        try:
            table = cls(folder.name.partition("-")[0], Lexicon.load(folder), load_file(folder / TABLE)["table"])
        except (SafetensorError, KeyError):
            table = None
        if table is None or table.name != folder.name:
            raise DamagedFileError(
                f"{folder / TABLE} is damaged: its bytes have changed; delete {folder}, then `handspun index sync NAME`."
            )
        return table


def dampened(bags: Bags) -> Bags:
    """Counts as they are weighed: a word that is said ten times says little more than one that is said five times."""
    return bags.weighted(1 + np.log(bags.weights))
