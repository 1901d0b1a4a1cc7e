"""handspun index doctor, migrate and remove: whether an index is whole, where it is kept, and how to be rid of it."""

import io
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from handspun.cli.app import run


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """An index of two files, by words alone."""
    (tmp_path / "docs").mkdir()
    for name in ("fox", "owl"):
        (tmp_path / "docs" / f"{name}.txt").write_text(f"The {name} hunts at night.\n")
    assert run(["index", str(tmp_path / "docs"), "embedder=none", "--name", str(tmp_path / "animals")]) == 0
    capsys.readouterr()
    return tmp_path / "animals"


def test_a_whole_index_is_called_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "doctor", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] == found["chunks"] == found["text_rows"] == found["vectors"] == 2
    assert (found["store"], found["faults"], found["remedy"]) == ("sqlite", [], None)
    assert run(["index", "doctor", str(folder)]) == 0
    assert "it is whole" in capsys.readouterr().err


def test_a_changed_text_is_a_fault_with_a_remedy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("UPDATE chunks SET text = replace(text, 'fox', 'cat')")
    connection.close()
    assert run(["index", "doctor", str(folder)]) == 1
    told = capsys.readouterr()
    assert "the words do not fit the chunks" in told.err
    assert f"delete {folder / 'index.sqlite'}, then `handspun index sync {folder}`" in told.err
    assert "chunks" in told.out
    (folder / "index.sqlite").unlink()
    assert run(["index", "sync", str(folder)]) == run(["index", "doctor", str(folder)]) == 0


def test_vectors_that_are_missing_are_made_by_the_command_that_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["index", "sync", str(folder), "embedder=lsa"]) == 0
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("DELETE FROM vectors WHERE id % 2")
    connection.close()
    assert run(["index", "doctor", str(folder)]) == 1
    assert f"`handspun index sync {folder}` makes the vectors that are missing" in capsys.readouterr().err
    assert run(["index", "sync", str(folder)]) == run(["index", "doctor", str(folder)]) == 0


def test_a_file_of_another_format_is_made_anew_as_it_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert run(["search", str(folder), "fox"]) == run(["index", "sync", str(folder)]) == 1
    assert "delete that file, then `handspun index sync NAME`" in capsys.readouterr().err
    (folder / "index.sqlite").unlink()
    assert run(["index", "sync", str(folder)]) == 0
    assert run(["search", str(folder), "fox", "--json"]) == 0
    assert [hit["source"] for hit in json.loads(capsys.readouterr().out)["hits"]] == ["fox.txt"]


def test_a_damaged_file_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "index.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)
    assert run(["index", "doctor", str(folder)]) == 1
    assert "index.sqlite is damaged" in capsys.readouterr().err


def test_an_index_moves_and_says_what_is_still_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    assert run(["index", "migrate", str(folder), "--to", "lancedb", "--json"]) == 0
    moved = json.loads(capsys.readouterr().out)
    assert moved["words"] == {"found_before": 1.0, "found_after": 1.0, "same": 1.0}
    assert (moved["store"], moved["chunks"], moved["vectors"]) == ("lancedb", 2, None)
    assert run(["index", "migrate", str(folder), "--to", "lancedb"]) == 0
    assert run(["index", "doctor", str(folder)]) == 0


class Keyboard(io.StringIO):
    """Somebody at a terminal who types this."""

    def isatty(self) -> bool:
        return True


def test_an_index_is_deleted_when_a_script_says_yes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "remove", str(folder)]) == 1
    assert f"whether to delete {folder}: 2 chunks of 2 files; say --yes" in capsys.readouterr().err
    assert run(["index", "remove", str(folder), "--yes"]) == 0
    assert not folder.exists() and len(list((folder.parent / "docs").iterdir())) == 2
    assert run(["index", "remove", str(folder), "--yes"]) == 1
    assert f'no index "{folder}"' in capsys.readouterr().err


@pytest.mark.parametrize(("said", "is_left"), [("y\n", False), ("\n", True), ("", True)])
def test_who_sits_at_a_terminal_is_asked_first(
    said: str, is_left: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(said))
    assert run(["index", "remove", str(folder)]) == int(is_left)
    assert "[y/N]" in capsys.readouterr().err and folder.exists() is is_left


def test_a_move_to_an_unknown_store_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "migrate", str(folder), "--to", "chroma"]) == 1
    assert 'store="chroma" is none there is' in capsys.readouterr().err


def test_a_damaged_file_is_an_object_for_scripts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "index.sqlite").write_bytes(b"these are not the bytes of a database" * 100)
    assert run(["index", "doctor", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["store"], found["chunks"], found["files"]) == ("sqlite", None, None)
    assert "index.sqlite is damaged" in found["faults"][0]
    assert found["remedy"] == f"delete {folder}/index.sqlite, then `handspun index sync {folder}` reads everything anew."


def test_an_index_without_its_file_is_not_whole_and_a_sync_makes_it_anew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "index.sqlite").unlink()
    for words in (["search", str(folder), "fox"], ["index", "doctor", str(folder)]):
        assert run(words) == 1
        said = capsys.readouterr().err
        assert f"index.sqlite is missing or empty; `handspun index sync {folder}` reads everything anew" in said
    assert not (folder / "index.sqlite").exists()
    assert run(["index", "sync", str(folder)]) == run(["index", "doctor", str(folder)]) == 0
    assert "2 added" in capsys.readouterr().err


def test_an_empty_file_is_no_whole_index(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "index.sqlite").write_bytes(b"")
    assert run(["search", str(folder), "fox"]) == run(["index", "doctor", str(folder)]) == 1
    assert run(["index", "sync", str(folder)]) == run(["index", "doctor", str(folder)]) == 0


def test_what_was_learnt_and_is_gone_is_a_fault_that_a_sync_mends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder / "embedder")
    assert run(["index", "doctor", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "is missing: searching makes do without what was learnt" in told
    assert f"`handspun index sync {folder}` learns it anew" in told
    assert run(["index", "sync", str(folder)]) == run(["index", "doctor", str(folder)]) == 0


def test_an_embedder_that_is_not_to_be_had_changes_no_setting(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "index.toml").read_text()
    assert run(["index", "sync", str(folder), "embedder=states:nowhere"]) == 1
    assert run(["index", str(folder.parent / "docs"), "embedder=states:nowhere", "--name", str(folder)]) == 1
    assert (folder / "index.toml").read_text() == before
    assert run(["index", str(folder.parent / "docs"), "embedder=states:nowhere", "--name", str(folder.parent / "new")]) == 1
    assert not (folder.parent / "new").exists()


@pytest.mark.parametrize("content", [None, b"these are not the bytes of a database" * 100])
def test_what_cannot_be_opened_can_be_deleted(folder: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "index.sqlite").unlink()
    if content is not None:
        (folder / "index.sqlite").write_bytes(content)
    assert run(["index", "remove", str(folder)]) == 1
    assert f"whether to delete {folder}: an index that cannot be read; say --yes" in capsys.readouterr().err
    (folder / "thesis.txt").touch()
    assert run(["index", "remove", str(folder), "--yes"]) == 1
    assert "holds thesis.txt" in capsys.readouterr().err and (folder / "index.toml").is_file()
    (folder / "thesis.txt").unlink()
    assert run(["index", "remove", str(folder), "--yes"]) == 0
    assert not folder.exists() and len(list((folder.parent / "docs").iterdir())) == 2


def test_an_index_that_may_not_be_written_is_searched_and_checked_and_not_synced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: may(place, mode) and mode != os.W_OK)
    before = sorted(path.name for path in folder.iterdir())
    assert run(["search", str(folder), "fox"]) == run(["ask", "fox", "--extractive", "--index", str(folder)]) == 0
    assert capsys.readouterr().out.count("fox.txt, characters") == 2
    assert run(["index", "doctor", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == before
    assert run(["index", "sync", str(folder)]) == 1
    assert "cannot be opened or written (attempt to write a readonly database)" in capsys.readouterr().err


def test_words_that_do_not_fit_are_found_where_nothing_may_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("UPDATE chunks SET text = replace(text, 'fox', 'cat')")
    connection.close()
    monkeypatch.setattr(os, "access", lambda place, mode: mode != os.W_OK)
    assert run(["index", "doctor", str(folder)]) == 1
    assert "the words do not fit the chunks" in capsys.readouterr().err
