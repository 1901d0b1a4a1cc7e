"""An SQLite file of ours: opened with checks, written in whole transactions, and every failure of it said in a sentence."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from handspun.errors import DamagedFileError, DiskFullError, RetrieveError
from handspun.retrieve.text_query import telling

APPLICATION_ID = int.from_bytes(b"hand")
"""what SQLite keeps in the file's head to say whose file it is"""
FORMAT = 1
WAIT_S = 30.0
"""how long a writer waits for a writer in another process"""
SCHEMA = """
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    source TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL);
CREATE INDEX documents_of_file ON documents (path);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    page INTEGER);
CREATE INDEX chunks_of_document ON chunks (document, start);
CREATE TABLE embedders (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    n_dims INTEGER NOT NULL,
    is_current INTEGER NOT NULL);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chunk INTEGER NOT NULL REFERENCES chunks ON DELETE CASCADE,
    embedder INTEGER NOT NULL REFERENCES embedders ON DELETE CASCADE,
    vector BLOB NOT NULL,
    UNIQUE (chunk, embedder));
CREATE INDEX vectors_of_embedder ON vectors (embedder, chunk);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE VIEW telling_words AS SELECT id, telling(heading) AS heading, telling(text) AS text FROM chunks;
CREATE VIRTUAL TABLE words USING fts5 (
    heading, text, content=telling_words, content_rowid=id, tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER words_of_new AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, heading, text) VALUES (new.id, telling(new.heading), telling(new.text));
END;
CREATE TRIGGER words_of_gone AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, heading, text) VALUES ('delete', old.id, telling(old.heading), telling(old.text));
END;
"""


class Database:
    """One connection, which threads take in turns."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.n_writes = 0
        """transactions that this object has committed"""
        self._lock = RLock()
        with self.failures_in_words():
            self.connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> None:
        self._refuse_strangers()
        self.connection.create_function("telling", 1, telling, deterministic=True)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        with self.transaction():
            if self._pragma("user_version") == 0:
                for statement in split_statements(SCHEMA):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.connection.execute(f"PRAGMA user_version = {FORMAT}")

    def _pragma(self, name: str) -> int:
        return self.connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _refuse_strangers(self) -> None:
        """Raise RetrieveError for the database of another program, or of a handspun to come."""
        is_empty = self._pragma("schema_version") == 0
        if not is_empty and self._pragma("application_id") != APPLICATION_ID:
            raise RetrieveError(f"{self.path} is a database of another program; name another folder for the index.")
        if (found := self._pragma("user_version")) > FORMAT:
            raise RetrieveError(
                f"{self.path} has format {found}, and this handspun reads formats up to {FORMAT}; install a newer handspun."
            )

    @contextmanager
    def failures_in_words(self) -> Iterator[None]:
        """Turn what SQLite complains about into one of our own errors."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._in_words(error) from error

    def _in_words(self, error: sqlite3.DatabaseError) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DamagedFileError(f"{self.path} is damaged ({error}); delete it and index its folders again.")
        if code == sqlite3.SQLITE_FULL:
            return DiskFullError(f"no room to write {self.path}; free some space, then run the same command again.")
        if code == sqlite3.SQLITE_BUSY:
            return RetrieveError(f"{self.path} is being written by another process; wait for it, or end it.")
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
            return RetrieveError(f"{self.path} cannot be opened or written ({error}); check the folder and its permissions.")
        return error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for one thread at a time, which sees one state of the file to the end."""
        with self._lock, self.failures_in_words():
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                self.connection.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction that is committed whole at the end and taken back where something fails."""
        with self._lock, self.failures_in_words():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self.n_writes += 1

    @property
    def version(self) -> tuple[int, int]:
        """Another value after every change, of this process or of another."""
        return self._pragma("data_version"), self.n_writes

    def faults(self) -> list[str]:
        """What SQLite's own checks say: pages, keys, and whether the words are those of the chunks."""
        with self._lock:
            try:
                found = [row[0] for row in self.connection.execute("PRAGMA integrity_check")]
                faults = [f"{self.path}: {line}" for line in found if line != "ok"]
                faults += [
                    f"{self.path}: a row of {row[0]} points to nothing"
                    for row in self.connection.execute("PRAGMA foreign_key_check")
                ]
            except sqlite3.DatabaseError as error:
                return [str(self._in_words(error))]
            try:
                self.connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                faults.append(f"{self.path}: the words do not fit the chunks ({error})")
            return faults

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.connection.close()


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit between them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
