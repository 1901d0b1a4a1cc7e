import json
from pathlib import Path

import pytest

from handspun.errors import RetrieveError
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "fox.md").write_text("# Fox\n\nIt runs.\n")
    (folder / "dog.txt").write_text("It barks.")
    (folder / "owls.jsonl").write_text("".join(json.dumps({"text": f"Owl {n} sees.", "id": f"o{n}"}) + "\n" for n in range(3)))
    return folder


@pytest.fixture
def index(tmp_path: Path, docs: Path) -> Index:
    return Index.create(tmp_path / "index", RetrieveConfig(), [docs])


def texts(index: Index) -> list[str]:
    return [chunk.text for chunk in index.store.every_chunk()]


def test_a_folder_becomes_chunks_and_what_has_not_changed_is_left_alone(index: Index) -> None:
    report = sync(index)
    assert (report.files, report.chunks, report.added, report.failed) == (3, 5, 3, ())
    assert [chunk.source for chunk in index.store.every_chunk()] == [
        "dog.txt",
        "fox.md",
        "owls.jsonl#o0",
        "owls.jsonl#o1",
        "owls.jsonl#o2",
    ]
    again = sync(index)
    assert (again.files, again.chunks, again.added, again.changed, again.removed) == (3, 5, 0, 0, 0)


def test_what_is_new_changed_or_gone_is_so_in_the_index(index: Index, docs: Path) -> None:
    sync(index)
    (docs / "dog.txt").write_text("It sleeps.")
    (docs / "cat.txt").write_text("It purrs.")
    (docs / "owls.jsonl").unlink()
    report = sync(index)
    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert texts(index) == ["It purrs.", "It sleeps.", "# Fox\n\nIt runs."]


def test_a_file_that_cannot_be_read_is_named_with_its_reason_and_leaves_nothing_stale(index: Index, docs: Path) -> None:
    sync(index)
    (docs / "dog.txt").write_bytes(b"It \xff barks.")
    report = sync(index)
    assert report.failed[0][0] == "dog.txt" and "byte 3 is not UTF-8" in report.failed[0][1]
    assert (report.files, report.changed, report.removed) == (2, 0, 0)
    assert "It barks." not in texts(index)
    (docs / "dog.txt").write_text("It barks.")
    assert sync(index).added == 1 and "It barks." in texts(index)


def test_an_index_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docs: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        RetrieveError, match='no index "pets"; there are none yet: `handspun index FOLDER --name NAME` makes one'
    ):
        Index.open("pets")
    Index.create(Path("indexes/birds"), RetrieveConfig(), [docs]).close()
    with pytest.raises(RetrieveError, match='no index "pets"; there are birds: '):
        Index.open("pets")
    assert Index.open("birds").roots == (docs,)
