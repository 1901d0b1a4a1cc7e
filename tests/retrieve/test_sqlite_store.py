"""What an SQLite file promises beyond what every store does: damage and strangers are told in words."""

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from small_index import EMBEDDER, TEXTS, chunks_of, document_of, file_of, vectors_of

from handspun.errors import DamagedFileError, DiskFullError, RetrieveError
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
    with pytest.raises(RetrieveError, match=r"format 99, .*install a newer handspun"):
        SqliteStore(path)


def test_a_format_of_before_is_made_anew(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(RetrieveError, match=r"format 1, .*delete that file, then `handspun index sync"):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(DamagedFileError, match="is damaged"):
        SqliteStore(tmp_path / "index.sqlite")


def test_a_word_of_every_chunk_is_still_worth_something_in_a_small_index(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(path)
    assert [score > 0.05 for _, score in store.search_text("animals", 5)] == [True, True]
    monkeypatch.setattr("handspun.retrieve.text_search.IS_SMALL", "SELECT 0")
    assert [score < 1e-5 for _, score in store.search_text("animals", 5)] == [True, True]
    store.close()


def test_what_another_connection_writes_is_found(path: Path) -> None:
    store, other = SqliteStore(path), SqliteStore(path)
    for one in (store, other):
        assert one.search_vectors(np.ones(3, np.float32), 5) == []
    other.add_vectors(EMBEDDER, [chunk.id for chunk in chunks_of("guide/fox.md")], vectors_of("guide/fox.md"))
    other.use_embedder(EMBEDDER)
    assert len(store.search_vectors(np.ones(3, np.float32), 5)) == 2
    other.replace(file_of("guide/dog.md"), [document_of("guide/dog.md")], chunks_of("guide/dog.md"), vectors_of("guide/dog.md"))
    assert len(store.search_vectors(np.ones(3, np.float32), 5)) == 4
    other.remove("guide/fox.md")
    assert [chunk.source for chunk in store.chunks([key for key, _ in store.search_vectors(np.ones(3, np.float32), 5)])] == [
        "guide/dog.md",
        "guide/dog.md",
    ]
    store.close()
    other.close()


def test_a_text_that_was_changed_behind_its_back_is_a_fault(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE chunks SET text = replace(text, 'hares', 'bears') WHERE start > 0")
    connection.close()
    store = SqliteStore(path)
    assert "the words do not fit the chunks" in store.faults()[0]
    assert store.faults()[1].endswith("its text has changed")
    store.close()


def test_a_writer_that_another_process_keeps_waiting_is_told_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handspun.retrieve.database.WAIT_S", 0.01)
    store = SqliteStore(path)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetrieveError, match="is being written by another process"):
        store.note(a=1)
    assert store.search_text("fox", 1)
    blocker.close()
    store.close()


def test_common_words_are_left_out_where_they_would_have_too_many_chunks_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(":memory:")
    for source in TEXTS:
        store.replace(file_of(source), [document_of(source)], chunks_of(source))
    both = store.search_text("animals night", 9)
    monkeypatch.setattr("handspun.retrieve.text_search.MOST_WEIGHED", 3)
    assert (len(both), len(store.search_text("animals night", 9))) == (6, 2)
    assert len(store.search_text("animals", 9)) == 6
    store.close()


@pytest.mark.parametrize(("free", "error"), [(0, DiskFullError), (1 << 30, RetrieveError)])
def test_an_error_of_a_disk_that_is_full_is_called_so(
    path: Path, free: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, (1 << 30) - free, free))
    store = SqliteStore(path)
    with pytest.raises(error, match=r"index\.sqlite"), store._database.failures_in_words():
        raise failure
    store.close()


def test_what_another_process_has_not_put_into_the_file_yet_is_read_from_its_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SqliteStore(path)
    writer.remove("guide/fox.md")
    monkeypatch.setattr(os, "access", lambda place, mode: mode != os.W_OK)
    reader = SqliteStore(path)
    assert path.with_name("index.sqlite-wal").stat().st_size and list(reader.every_chunk()) == []
    reader.close()
    writer.close()


def test_ctrl_c_while_words_are_written_is_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(text: str) -> str:
        raise KeyboardInterrupt(text)

    monkeypatch.setattr("handspun.retrieve.database.telling", interrupted)
    store = SqliteStore(tmp_path / "index.sqlite")
    with pytest.raises(KeyboardInterrupt):
        store.replace(file_of("guide/fox.md"), [document_of("guide/fox.md")], chunks_of("guide/fox.md"))
    assert store.counts().chunks == 0
    store.close()
