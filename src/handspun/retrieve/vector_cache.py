"""Vectors that were made before, by text and embedder: of a changed file only the new text is embedded."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np

from handspun.retrieve.embedder import Embedder
from handspun.retrieve.store import Vectors

FILE = "vectors.sqlite"
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vectors (text BLOB, embedder TEXT, vector BLOB, PRIMARY KEY (text, embedder)) WITHOUT ROWID"
)
WAIT_S = 30.0


class CachedEmbedder(Embedder):
    """A slow embedder that remembers what it made of a text, as float16 in one SQLite file, and under its own name."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.embedder, self.path = embedder, path
        self.name, self.n_dims = embedder.name, embedder.n_dims

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        if are_queries:
            return self.embedder.embed(texts, are_queries=True)
        keys = [sha256(text.encode(errors="surrogatepass")).digest() for text in texts]
        with closing(sqlite3.connect(self.path, timeout=WAIT_S)) as connection, connection:
            connection.execute(SCHEMA)
            known = {key: blob for key in set(keys) if (blob := self.known(connection, key)) is not None}
            new = list({key: text for key, text in zip(keys, texts) if key not in known}.items())
            if new:
                halves = self.embedder.embed([text for _, text in new]).astype(np.float16)
                known |= {key: half.tobytes() for (key, _), half in zip(new, halves)}
                rows = [(key, self.name, known[key]) for key, _ in new]
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        return np.frombuffer(b"".join(known[key] for key in keys), np.float16).reshape(-1, self.n_dims).astype(np.float32)

    def known(self, connection: sqlite3.Connection, key: bytes) -> bytes | None:
        """What was made of a text before."""
        query = "SELECT vector FROM vectors WHERE text = ? AND embedder = ?"
        return next((blob for (blob,) in connection.execute(query, (key, self.name))), None)

    def save(self, folder: Path) -> None:
        self.embedder.save(folder)


def forget_others(path: Path, embedder: str) -> None:
    """Drop the vectors of all embedders but one, where there is a cache."""
    if path.is_file():
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as connection, connection:
            connection.execute(SCHEMA)
            connection.execute("DELETE FROM vectors WHERE embedder != ?", (embedder,))
