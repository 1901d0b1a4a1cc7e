"""Texts as a model of one's own reads them: the mean of its last states."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from handspun.errors import RetrieveError
from handspun.files import sha256
from handspun.generate.engine import Engine
from handspun.generate.session import load_engine
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.store import Vectors
from handspun.runs import Run

RUNS = Path("runs")
TEXTS_AT_ONCE = 16


class StatesEmbedder(Embedder):
    """An engine that only reads. Of a text as much is read as the model can."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.n_dims = self._read(["?"]).shape[1]

    @classmethod
    def of_run(cls, run: str) -> Self:
        """The finished model of a run, by its folder or its name in runs/. Raises CheckpointError, RetrieveError."""
        folder = next((path for path in (Path(run), RUNS / run) if path.is_dir()), None)
        if folder is None:
            raise RetrieveError(f'embedder="states:{run}": there is no such run; name its folder, or one in {RUNS}/.')
        weights = Run(folder).finished
        newest = max(weights.rglob("model.safetensors"), default=None)
        return cls(load_engine(weights), f"states-{sha256(newest)[:16] if newest else 'none'}")

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        del are_queries
        batches = [texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate([np.empty((0, self.n_dims), np.float32), *map(self._read, batches)])

    def _read(self, texts: Sequence[str]) -> Vectors:
        tokenizer = self.engine.tokenizer
        ids = [[tokenizer.end_of_text, *tokenizer.encode(text)][: self.engine.max_seq_len] for text in texts]
        return self.engine.embed(ids).float().cpu().numpy()

    def save(self, folder: Path) -> None:
        """Its weights are in the run."""
