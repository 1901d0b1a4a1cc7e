"""How text is kept to be looked up, found again, and put before a model."""

import re
from dataclasses import dataclass

EMBEDDERS = re.compile(r"none|lsa|static|minilm|(states|hf):.+")


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrieveConfig:
    """The `[retrieve]` table of a recipe, and the settings of an index of its own."""

    sources: tuple[str, ...] = ()
    """files and folders to index; empty: the text that the run was made of"""
    chunk_tokens: int = 512
    """tokens of a chunk at most"""
    embedder: str = "lsa"
    """what turns text into vectors: none, lsa, static, states:RUN, minilm, or hf:FOLDER_OR_NAME"""
    store: str = "sqlite"
    """where chunks are kept: sqlite, lancedb, or qdrant:URL"""
    n_passages: int = 3
    """chunks put before the model at most"""
    passage_tokens: int = 512
    """tokens of all of them together at most; of a longer chunk the sentences that say most of the question"""
    min_score: float | None = None
    """score from 0 to 1 below which nothing counts as found. Absent: what the index was tuned to."""

    def __post_init__(self) -> None:
        for key, least in (("chunk_tokens", 16), ("n_passages", 1), ("passage_tokens", 16)):
            if getattr(self, key) < least:
                raise ValueError(f"{key}={getattr(self, key)}: must be at least {least}")
        if self.store not in ("sqlite", "lancedb") and not self.store.startswith("qdrant:"):
            raise ValueError(f'store="{self.store}": must be sqlite, lancedb, or qdrant:URL')
        if not EMBEDDERS.fullmatch(self.embedder):
            raise ValueError(f"embedder={self.embedder!r}: must be none, lsa, static, states:RUN, minilm, or hf:FOLDER_OR_NAME")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score={self.min_score}: must lie between 0 and 1, or be left out")
