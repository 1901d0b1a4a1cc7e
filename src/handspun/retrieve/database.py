"""An SQLite file of ours: opened with checks, written in whole transactions, and every failure of it said in a sentence."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock

from handspun.errors import DamagedFileError, DiskFullError, RetrieveError
from handspun.retrieve.schema import APPLICATION_ID, FORMAT, NO_WORDS, REBUILD, TABLES, WORDS
from handspun.retrieve.text_query import telling

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "wal_autocheckpoint = 4000")
WAIT_S = 30.0
"""how long a writer waits for a writer in another process"""
LOG_BYTES = 1 << 15
"""that a log takes at least: on a disk with less SQLite cannot even open a file, and calls that an error of the disk"""
CHECK_WORDS = "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)"
FUNCTION_FAILED = "user-defined function raised exception"
"""What SQLite says where Ctrl-C came while `telling` ran, which raises nothing by itself."""
ANEW = "delete that file, then `handspun index sync NAME` reads everything anew"


class Database:
    """One connection, which threads take in turns. A file that may not be written is read all the same."""

    def __init__(self, path: Path | str, *, has_words: bool = True) -> None:
        self.path = path
        self.has_words = has_words
        self.is_read_only = path != ":memory:" and not is_writable(Path(path))
        self.n_writes = 0
        """transactions that this object has committed"""
        self._lock = RLock()
        with self.failures_in_words():
            address = to_be_read(Path(path)) if self.is_read_only else path
            self.connection = sqlite3.connect(
                address, timeout=WAIT_S, isolation_level=None, check_same_thread=False, uri=self.is_read_only
            )
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> None:
        self._refuse_strangers()
        for pragma in () if self.is_read_only else PRAGMAS:
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.create_function("telling", 1, telling, deterministic=True)
        if self._pragma("user_version") == FORMAT:
            return
        with self.transaction():
            if self._pragma("user_version") != FORMAT:
                self.run_script(TABLES + (WORDS if self.has_words else ""))
                self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.connection.execute(f"PRAGMA user_version = {FORMAT}")

    def run_script(self, script: str) -> None:
        """Run statements within the transaction there is: `executescript` would commit between them."""
        for statement in split_statements(script):
            self.connection.execute(statement)

    def _pragma(self, name: str) -> int:
        return self.connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _refuse_strangers(self) -> None:
        """Raise RetrieveError for the database of another program, or of a handspun to come."""
        is_empty = self._pragma("schema_version") == 0
        if not is_empty and self._pragma("application_id") != APPLICATION_ID:
            raise RetrieveError(f"{self.path} is a database of another program; name another folder for the index.")
        if not is_empty and (found := self._pragma("user_version")) != FORMAT:
            cure = "install a newer handspun" if found > FORMAT else ANEW
            raise RetrieveError(f"{self.path} has format {found}, and this handspun reads format {FORMAT}; {cure}.")

    @contextmanager
    def failures_in_words(self) -> Iterator[None]:
        """Turn what SQLite complains about into one of our own errors."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if str(error) == FUNCTION_FAILED:
                raise KeyboardInterrupt from error
            raise self._in_words(error) from error

    def _in_words(self, error: sqlite3.DatabaseError) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DamagedFileError(f"{self.path} is damaged ({error}); {ANEW}.")
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and is_full(Path(self.path).parent)):
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
    def identity(self) -> str:
        """Sixteen digits that no other index has."""
        return self.connection.execute("SELECT id FROM identity").fetchone()[0]

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
                if self.has_words:
                    self._check_words()
            except sqlite3.DatabaseError as error:
                faults.append(f"{self.path}: the words do not fit the chunks ({error})")
            return faults

    def _check_words(self) -> None:
        """Have FTS5 compare words and chunks, which it takes for writing: of a file that may not be written it gets a copy."""
        if not self.is_read_only:
            self.connection.execute(CHECK_WORDS)
            return
        with closing(sqlite3.connect("")) as copy:
            self.connection.backup(copy)
            copy.create_function("telling", 1, telling, deterministic=True)
            copy.execute(CHECK_WORDS)

    def copy(self, path: Path, *, has_words: bool) -> None:
        """Write what is here now to a new file that is another index, with words or without."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self.failures_in_words():
            self.connection.execute("VACUUM INTO ?", (str(path),))
        copied = Database(path, has_words=self.has_words)
        with copied.transaction() as connection:
            connection.execute("UPDATE identity SET id = lower(hex(randomblob(8)))")
            if has_words != self.has_words:
                copied.run_script(WORDS + REBUILD if has_words else NO_WORDS)
        copied.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.connection.close()


def is_writable(path: Path) -> bool:
    """Whether a file may be written, or made, and its log beside it."""
    return all(os.access(place, os.W_OK) for place in (path.parent, path) if place.exists())


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room for a log."""
    return shutil.disk_usage(folder).free < LOG_BYTES


def to_be_read(path: Path) -> str:
    """The address of a file that may not be written. It is taken for one that never changes where there is no log and none can
    be made: nobody is writing to it, and SQLite would want to make one.
    """
    log = path.with_name(f"{path.name}-wal")
    is_still = not os.access(path.parent, os.W_OK) and not (log.is_file() and log.stat().st_size)
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_still else ''}"


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
