"""An index that moves takes everything with it, or stays where it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from handspun.errors import RetrieveError
from handspun.retrieve import migration
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.migration import Agreement, agreement, migrate
from handspun.retrieve.mirrored_store import MirroredStore

WORDS = "fox dog owl hare mouse moon night forest house river stone bread candle window garden".split()  # noqa: SIM905
N_FILES = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of thirty small files in SQLite, with vectors and facts."""
    index = Index.create(tmp_path / "animals", RetrieveConfig(), [tmp_path])
    rng = np.random.default_rng(0)
    index.store.add_vectors("random", [], np.empty((0, 8), np.float32))
    index.store.use_embedder("random")
    for number in range(N_FILES):
        text, path = " ".join(rng.choice(WORDS, 12)) + f" number{number}", f"{number}.txt"
        vector = rng.standard_normal((1, 8)).astype(np.float32)
        document, chunk = IndexedDocument(path, text, {"n": number}), Chunk(path, 0, len(text), text, metadata={"n": number})
        index.store.replace(IndexedFile(path, "0" * 64, 9), [document], [chunk], vector / np.linalg.norm(vector))
    index.store.note(weight=0.3)
    index.close()
    return tmp_path / "animals"


@pytest.fixture
def index(folder: Path) -> Iterator[Index]:
    opened = Index.open(folder)
    yield opened
    opened.close()


def test_progress_counts_the_chunks_that_the_engine_was_given(folder: Path) -> None:
    pytest.importorskip("lancedb")
    told: list[tuple[int, int]] = []
    migrate(Index.open(folder), "lancedb", lambda *done_and_total: told.append(done_and_total))
    assert told == [(0, N_FILES), (N_FILES, N_FILES)]


def moved(folder: Path, store: str) -> Index:
    """The index after a move."""
    migrate(Index.open(folder), store)
    return Index.open(folder)


def test_everything_moves_there_and_back(folder: Path, index: Index) -> None:
    pytest.importorskip("lancedb")
    files, chunks, counts = index.store.files(), list(index.store.every_chunk()), index.store.counts()
    for store in ("lancedb", "sqlite"):
        there = moved(folder, store)
        assert there.config.store == store
        assert there.store.files() == files
        assert list(there.store.every_chunk()) == chunks
        assert there.store.counts() == counts
        assert there.store.facts() == {"weight": 0.3}
        assert there.store.faults() == []
        [found] = there.store.chunks([key for key, _ in there.store.search_text("number7", 1)])
        assert found.source == "7.txt"
        there.close()
        assert (folder / "index.sqlite").exists() is (store == "sqlite")
        assert (folder / "lancedb").exists() is (store == "lancedb")


def test_what_an_interrupted_move_left_is_removed_by_the_next(
    folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lancedb")
    with monkeypatch.context() as patch:
        patch.setattr(migration, "write_bytes", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            migrate(Index.open(folder), "lancedb")
    assert (folder / "lancedb" / "index.sqlite").exists()
    assert Index.open(folder).config.store == "sqlite"
    index.store.remove("3.txt")
    there = moved(folder, "lancedb")
    assert there.store.counts().chunks == there.store.counts().text_rows == N_FILES - 1
    there.close()


def test_a_store_that_finds_other_things_is_not_moved_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lancedb")
    monkeypatch.setattr(MirroredStore, "search_vectors", lambda self, query, k, filters=None: [])
    with pytest.raises(RetrieveError, match=r"stays where it is, because lancedb finds 0% of known chunks by their vectors"):
        migrate(Index.open(folder), "lancedb")
    assert not (folder / "lancedb").exists()
    assert Index.open(folder).store.counts().chunks == N_FILES


def test_a_server_that_does_not_answer_leaves_everything_as_it_was(folder: Path) -> None:
    pytest.importorskip("qdrant_client")
    with pytest.raises(RetrieveError, match="the Qdrant server at http://localhost:1 does not do what it was asked"):
        migrate(Index.open(folder), "qdrant:http://localhost:1")
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["index.sqlite", "index.toml"]
    assert Index.open(folder).store.counts().chunks == N_FILES


@pytest.mark.parametrize(("store", "module"), [("lancedb", "lance_store"), ("qdrant:http://localhost:1", "qdrant_store")])
def test_a_package_that_is_missing_is_named(folder: Path, store: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"handspun.retrieve.{module}.find_spec", lambda name: None)
    with pytest.raises(RetrieveError, match=r'pip install "handspun\['):
        migrate(Index.open(folder), store)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


def test_an_engine_that_lost_rows_is_written_anew(folder: Path) -> None:
    lancedb = pytest.importorskip("lancedb")
    moved(folder, "lancedb").close()
    connection = lancedb.connect(folder / "lancedb" / "lance")
    connection.open_table(connection.list_tables().tables[0]).delete("id LIKE '0%' OR id LIKE '1%' OR id LIKE '2%'")
    broken = Index.open(folder)
    assert "these should be equal" in broken.store.faults()[0]
    migrate(broken, "lancedb")
    assert Index.open(folder).store.faults() == []


def test_a_move_to_where_it_is_and_to_nowhere_are_refused(index: Index) -> None:
    with pytest.raises(RetrieveError, match="in sqlite already"):
        migrate(index, "sqlite")
    with pytest.raises(RetrieveError, match="none there is"):
        migrate(index, "chroma")


def test_agreement_is_counted_over_what_was_found_before() -> None:
    assert agreement(["a", "b"], [["a", "x"], ["b"]], [["x", "y"], ["b"]]) == Agreement(1.0, 0.5, 2 / 3)
