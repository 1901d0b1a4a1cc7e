"""Embedders that are a table of words, learnt from the very texts to be searched: a text is the sum of its words' rows."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Self

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from handspun.errors import DamagedFileError
from handspun.retrieve.bags import Bags
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.store import Vectors
from handspun.tensors import write_tensors

TABLE = "table.safetensors"


class WordTable(Embedder):
    """A lexicon and a table with a row for each of its words, in which how much a word says is included already."""

    is_instant = True

    def __init__(self, kind: str, lexicon: Lexicon, table: Float[Tensor, "V D"]) -> None:
        self.lexicon = lexicon
        kept = table.half()
        self.table = kept.float()
        """rounded as it is kept, so that one that was loaded gives the very vectors of the one that was trained"""
        self.n_dims = table.shape[1]
        words = "\0".join(lexicon.columns).encode()
        self.name = f"{kind}-{sha256(words + kept.numpy().tobytes()).hexdigest()[:16]}"

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        del are_queries
        bags = self.lexicon.bags(map(stems, texts))
        return F.normalize(dampened(bags).times(self.table), dim=1).numpy()

    def save(self, folder: Path) -> None:
        self.lexicon.save(folder)
        write_tensors(folder / TABLE, {"table": self.table.half()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved there, under the name that its bytes give it. Raises DamagedFileError where it is another one's."""
        table = cls(folder.name.partition("-")[0], Lexicon.load(folder), load_file(folder / TABLE)["table"])
        if table.name != folder.name:
            raise DamagedFileError(
                f"{folder / TABLE} is damaged: its bytes have changed; delete {folder}, then `handspun index sync NAME`."
            )
        return table


def dampened(bags: Bags) -> Bags:
    """Counts as they are weighed: a word that is said ten times says little more than one that is said five times."""
    return bags.weighted(1 + np.log(bags.weights))
