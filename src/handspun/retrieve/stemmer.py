"""Words without endings and accents, by the very tokenizer of SQLite's full-text search: so both stores find the same words."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from threading import Lock

from handspun.retrieve.schema import TOKENIZER


class Stemmer:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize='{TOKENIZER}')")
        self._connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab (texts, instance)")

    def stems(self, texts: Sequence[str]) -> list[Counter[str]]:
        """How often each stem occurs in each text."""
        counts: list[Counter[str]] = [Counter() for _ in texts]
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(texts))
            for stem, row in self._connection.execute("SELECT term, doc FROM stems"):
                counts[row][stem] += 1
            self._connection.execute("ROLLBACK")
        return counts

    def close(self) -> None:
        """Let go of the memory."""
        self._connection.close()
