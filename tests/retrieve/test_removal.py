"""An index is deleted whole, and nothing that is none of it."""

from pathlib import Path

import pytest
from stored import searcher_of

from handspun.errors import RetrieveError
from handspun.retrieve.index import Index
from handspun.retrieve.migration import migrate
from handspun.retrieve.mirrored_store import MirroredStore
from handspun.retrieve.qdrant_store import QdrantMirror
from handspun.retrieve.removal import remove
from handspun.retrieve.tuning import tune


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """An index of two texts, tuned."""
    index = searcher_of(tmp_path / "animals", {"fox.txt": "It runs.", "owl.txt": "It sees."}).index
    tune(index)
    return index


def test_the_folder_goes_and_what_it_was_made_of_stays(index: Index, tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text("It runs.")
    remove(index)
    assert [path.name for path in tmp_path.iterdir()] == ["fox.txt"]
    with pytest.raises(RetrieveError, match="no index"):
        Index.open(index.folder)


def test_a_folder_that_holds_something_else_is_left_as_it_is(index: Index) -> None:
    (index.folder / "thesis.txt").write_text("Do not lose this.")
    with pytest.raises(RetrieveError, match=r"holds thesis\.txt, which belongs to no index; move it elsewhere first"):
        remove(index)
    assert Index.open(index.folder).store.counts().chunks == 2


def test_a_link_to_the_folder_goes_with_it(index: Index, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(index.folder)
    remove(Index.open(tmp_path / "link"))
    assert list(tmp_path.iterdir()) == []


def test_what_a_server_has_of_it_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("qdrant_client")
    index = searcher_of(tmp_path / "animals", {"fox.txt": "It runs."}, store="qdrant::memory:").index
    left: list[list[str]] = [index.store._mirror._collections()]
    monkeypatch.setattr(QdrantMirror, "close", lambda mirror: left.append(mirror._collections()))
    remove(index)
    assert [len(collections) for collections in left] == [1, 0]
    assert not index.folder.exists()


def test_what_an_engine_has_of_it_is_removed_first(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lancedb")
    migrate(index, "lancedb")

    def refuse(_store: MirroredStore) -> None:
        raise RetrieveError("the server does not answer.")

    with monkeypatch.context() as patch, pytest.raises(RetrieveError, match="does not answer"):
        patch.setattr(MirroredStore, "destroy", refuse)
        remove(Index.open(index.folder))
    assert Index.open(index.folder).store.counts().chunks == 2
    remove(Index.open(index.folder))
    assert not index.folder.exists()
