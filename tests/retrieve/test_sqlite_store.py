"""What an SQLite file promises beyond what every store does: damage and strangers are told in words."""

import sqlite3
from pathlib import Path

import pytest
from small_index import chunks_of, document_of, file_of

from handspun.errors import DamagedFileError, RetrieveError
from handspun.retrieve.sqlite_store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index file with one document in it."""
    path = tmp_path / "index.sqlite"
    store = SqliteStore(path)
    store.replace(file_of("guide/fox.md"), [document_of("guide/fox.md")], chunks_of("guide/fox.md"))
    store.close()
    return path


def test_what_was_written_is_there_when_it_is_opened_again(path: Path) -> None:
    store = SqliteStore(path)
    assert list(store.every_chunk()) == chunks_of("guide/fox.md")
    assert store.faults() == []
    store.close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(RetrieveError, match="database of another program"):
        SqliteStore(tmp_path / "other.sqlite")


def test_a_format_to_come_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RetrieveError, match=r"format 99.*install a newer handspun"):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(DamagedFileError, match="is damaged"):
        SqliteStore(tmp_path / "index.sqlite")
