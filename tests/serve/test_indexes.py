"""Indexes are asked for by name, alone or behind the + of a model's name, and a name is never a path."""

import shutil
from pathlib import Path

import pytest
from bookshelf import write_index

from handspun.errors import IndexNotFoundError, ModelNotFoundError, RefusedError, RetrieveError
from handspun.runs import Run
from handspun.serve.entry import split_index
from handspun.serve.indexes import Indexes
from handspun.serve.library import Library


@pytest.fixture
def library(finished_run: Path, docs: Path, tmp_path: Path) -> Library:
    return Library([Run(finished_run)], created=tmp_path / "served", indexes=Indexes([docs]))


def test_all_below_a_folder_and_every_runs_own_are_there_as_soon_as_they_are_made(docs: Path, tmp_path: Path) -> None:
    indexes, own = Indexes(folder=tmp_path / "indexes"), tmp_path / "runs" / "big" / "index"
    runs = [own.parent, tmp_path / "runs" / "small"]
    assert indexes.folders(runs) == {}
    shutil.copytree(docs, tmp_path / "indexes" / "docs")
    shutil.copytree(docs, own)
    (tmp_path / "indexes" / "no index").mkdir()
    assert indexes.folders(runs) == {"docs": tmp_path / "indexes" / "docs", "big": own}


def test_a_shared_index_goes_before_a_runs_own_of_the_same_name(docs: Path, tmp_path: Path) -> None:
    shared, own = (Path(shutil.copytree(docs, tmp_path / name)) for name in ("indexes/big", "runs/big/index"))
    assert Indexes(folder=shared.parent).folders([own.parent]) == {"big": shared}


def test_what_is_chosen_is_all_there_is(docs: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(docs, tmp_path / "big" / "index"))
    assert Indexes([docs], folder=docs.parent).folders([own.parent]) == {"docs": docs}
    assert Indexes([own], folder=docs.parent).folders() == {"big": own}


def test_what_no_client_could_name_is_refused_and_elsewhere_left_out(docs: Path, tmp_path: Path) -> None:
    spaced = Path(shutil.copytree(docs, tmp_path / "my docs"))
    with pytest.raises(RetrieveError, match='no client can send "my docs"; rename'):
        Indexes([spaced])
    assert Indexes(folder=tmp_path).folders() == {}
    namesake = Path(shutil.copytree(docs, tmp_path / "other" / "docs"))
    with pytest.raises(RetrieveError, match="would have the same name"):
        Indexes([docs, namesake])
    assert Indexes([docs, docs]).folders() == {"docs": docs}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a+docs", ("a", "docs")),
        ("a:int8+docs", ("a:int8", "docs")),
        ("a+docs:int8", ("a:int8", "docs")),
        ("a+docs:latest", ("a", "docs")),
        ("a:int8+docs:latest", ("a:int8", "docs")),
        ("a+b+docs", ("a+b", "docs")),
        ("a", ("a", "")),
    ],
)
def test_a_name_with_a_plus_is_a_model_and_an_index(name: str, parts: tuple[str, str]) -> None:
    assert split_index(name) == parts


def test_every_model_is_there_with_every_index(library: Library) -> None:
    library.create("mario", "tiny", system="You are Mario.")
    assert [entry.name for entry in library.entries()] == ["tiny:latest", "mario:latest", "tiny+docs", "mario+docs"]
    tiny, pair, mario = (library.entry(name) for name in ("tiny", "tiny+docs:latest", "mario+docs"))
    assert (pair.name, pair.base, pair.options) == ("tiny+docs", "tiny:latest", {"index": "docs"})
    assert (mario.base, mario.system) == ("tiny:latest", "You are Mario.")
    assert pair.weights == tiny.weights == mario.weights
    assert len({pair.digest, tiny.digest, mario.digest}) == 3


def test_a_created_name_keeps_the_index_of_its_base(library: Library) -> None:
    librarian = library.create("librarian", "tiny+docs", system="Be brief.")
    assert (librarian.base, librarian.options, librarian.system) == ("tiny:latest", {"index": "docs"}, "Be brief.")
    assert "librarian+docs" not in [entry.name for entry in library.entries()]
    with pytest.raises(RefusedError, match="is no name of a model"):
        library.create("tiny+docs", "tiny")


@pytest.mark.parametrize("name", ["tiny+doc", "tiny+../docs", "tiny+/etc", "tiny+docs/..", "tiny+.", "mario+docs", "+docs"])
def test_what_is_not_there_is_said_with_what_is(name: str, library: Library) -> None:
    with pytest.raises((IndexNotFoundError, ModelNotFoundError), match=r"not found; served here: (docs|tiny)"):
        library.entry(name)


def test_no_name_leads_out_of_the_indexes(library: Library, docs: Path) -> None:
    assert library.index_folder("docs") == docs
    for name in ("../indexes/docs", str(docs), "docs/", "./docs", "docs\0", "DOCS", ""):
        with pytest.raises(IndexNotFoundError, match="served here: docs"):
            library.index_folder(name)


def test_without_an_index_it_is_said_how_to_make_one(finished_run: Path, tmp_path: Path) -> None:
    library = Library([Run(finished_run)], created=tmp_path / "served", indexes=Indexes(folder=tmp_path))
    with pytest.raises(IndexNotFoundError, match="none; `handspun index FOLDER --name NAME` makes one"):
        library.entry("tiny+docs")
    write_index(tmp_path)
    assert library.entry("tiny+docs").options == {"index": "docs"}
