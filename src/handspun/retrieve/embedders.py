"""Embedders by the names that settings have for them."""

from collections.abc import Sequence
from pathlib import Path

from handspun.retrieve.embedder import Embedder
from handspun.retrieve.vector_cache import CachedEmbedder
from handspun.retrieve.word_table import WordTable

LEARNT = ("lsa", "static")
"""are learnt from the very texts that are to be searched"""


def check_to_be_had(asked: str) -> None:
    """Raises RetrieveError for a model that is not here, before an index is told to use it."""
    if asked not in ("none", *LEARNT):
        ready_made(asked, None)


def make_embedder(asked: str, texts: Sequence[Sequence[str]], cache: Path | None = None) -> Embedder | None:
    """What `embedder = asked` means for texts, given as their stems. Raises RetrieveError where it is not to be had."""
    if asked == "none":
        return None
    return learnt(asked, texts) if asked in LEARNT else ready_made(asked, cache)


def open_embedder(asked: str, folder: Path, cache: Path | None = None) -> Embedder:
    """The embedder that was saved in a folder, or is somewhere already. Raises DamagedFileError, RetrieveError."""
    return WordTable.load(folder) if asked in LEARNT else ready_made(asked, cache)


def learnt(asked: str, texts: Sequence[Sequence[str]]) -> WordTable:
    """A table of words, learnt from the texts; only that takes torch, not searching with it."""
    if asked == "static":
        from handspun.retrieve.static_embedder import train_static

        return train_static(texts)
    from handspun.retrieve.lsa_embedder import train_lsa

    return train_lsa(texts)


def ready_made(asked: str, cache: Path | None) -> Embedder:
    """A model that was trained before; what it makes of a text is kept in the file `cache`."""
    kind, _, what = asked.partition(":")
    if kind == "states":
        from handspun.retrieve.states_embedder import StatesEmbedder

        embedder: Embedder = StatesEmbedder.of_run(what)
    elif kind == "hf":
        from handspun.retrieve.hf_embedder import HfEmbedder

        embedder = HfEmbedder(what)
    else:
        from handspun.retrieve.minilm_embedder import MiniLmEmbedder

        embedder = MiniLmEmbedder.installed()
    return CachedEmbedder(embedder, cache) if cache is not None else embedder
