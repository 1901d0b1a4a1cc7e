"""What every store does, whatever it keeps its chunks in."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_index import EMBEDDER, METADATA, TEXTS, chunks_of, document_of, file_of, vectors_of

from handspun.errors import RetrieveError
from handspun.retrieve.chunk import Chunk, IndexedFile
from handspun.retrieve.lance_store import LanceStore
from handspun.retrieve.qdrant_store import QdrantStore
from handspun.retrieve.sqlite_store import SqliteStore
from handspun.retrieve.store import Store

FOX, DOG, OWL = TEXTS
STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite file": lambda folder: SqliteStore(folder / "index.sqlite"),
    "sqlite memory": lambda _: SqliteStore(":memory:"),
    "lancedb": lambda folder: LanceStore(folder / "index.sqlite"),
    "qdrant": lambda folder: QdrantStore(folder / "index.sqlite", ":memory:"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if (package := {"lancedb": "lancedb", "qdrant": "qdrant_client"}.get(request.param)) is not None:
        pytest.importorskip(package)
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def filled(store: Store) -> Store:
    """One with the three texts, and vectors."""
    store.add_vectors(EMBEDDER, [], np.empty((0, 3), np.float32))
    store.use_embedder(EMBEDDER)
    for source in TEXTS:
        store.replace(file_of(source), [document_of(source)], chunks_of(source), vectors_of(source))
    return store


def texts_found(store: Store, found: list[tuple[str, float]]) -> list[str]:
    return [chunk.text for chunk in store.chunks([key for key, _ in found])]


def sources_found(store: Store, filters: dict[str, Any]) -> set[str]:
    """What both searches find of everything under a filter; they agree."""
    by_words = {chunk.source for chunk in store.chunks([key for key, _ in store.search_text("animals", 10, filters)])}
    found = store.search_vectors(np.ones(3, np.float32), 10, filters)
    assert {chunk.source for chunk in store.chunks([key for key, _ in found])} == by_words
    return by_words


def test_an_empty_store_finds_nothing_and_is_whole(store: Store) -> None:
    assert store.search_text("fox", 3) == store.search_vectors(np.ones(3, np.float32), 3) == []
    assert store.files() == store.facts() == {}
    assert list(store.every_chunk()) == store.faults() == []
    assert store.document(FOX) is None


def test_a_store_says_what_filters_may_ask_for_and_how_many_documents_pass(filled: Store) -> None:
    assert filled.fields() == ["is_draft", "lang", "tags", "year"]
    assert filled.n_passing({"lang": "en"}) == 2 and filled.n_passing({"lang": "en", "year": 2021}) == 1
    assert filled.n_passing({"lang": "fr"}) == 0


def test_what_failed_is_no_file_that_was_read(filled: Store) -> None:
    filled.replace(IndexedFile("broken.docx", "", 0, "failed", "it is broken"))
    assert filled.counts().files == 3 and len(filled.files()) == 4


def test_what_was_put_in_comes_out(filled: Store) -> None:
    assert filled.files() == {source: file_of(source) for source in TEXTS}
    assert filled.document(OWL) == document_of(OWL)
    assert list(filled.every_chunk()) == [chunk for source in sorted(TEXTS) for chunk in chunks_of(source)]
    counts = filled.counts()
    assert (counts.files, counts.documents, counts.chunks, counts.text_rows, counts.vectors) == (3, 3, 6, 6, 6)
    assert filled.faults() == []


def test_chunks_come_in_the_order_asked_for_and_strangers_are_left_out(filled: Store) -> None:
    first, second = chunks_of(FOX)
    assert filled.chunks([second.id, "0" * 32, first.id]) == [second, first]


def test_words_are_found_in_any_form(filled: Store) -> None:
    assert texts_found(filled, filled.search_text("hare hunting", 1)) == ["Foxes hunt hares at night."]
    assert texts_found(filled, filled.search_text("Which dogs are lazy?", 1)) == ["The lazy dog sleeps."]
    assert filled.search_text("zebra", 3) == []


def test_text_scores_fall_and_k_is_kept(filled: Store) -> None:
    scores = [score for _, score in filled.search_text("owls hunt at night", 3)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3 > len(filled.search_text("owls hunt at night", 2))


@pytest.mark.parametrize(
    "query", ["", "?", "the", '"', 'fox" OR "', "a* AND NOT (", "NEAR(fox hare)", "id:1; DROP TABLE x", "\0"]
)
def test_any_query_is_taken(filled: Store, query: str) -> None:
    assert all(score > 0 for _, score in filled.search_text(query, 3))


def test_the_nearest_vectors_come_with_their_cosines(filled: Store) -> None:
    found = filled.search_vectors(np.array([1, 0, 0], np.float32), 3)
    assert [key for key, _ in found[:1]] == [chunks_of(FOX)[0].id]
    assert [score for _, score in found] == pytest.approx([1.0, 0.8, 0.6], abs=1e-3)


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        ({}, {FOX, DOG, OWL}),
        ({"lang": "en"}, {FOX, DOG}),
        ({"lang": "en", "year": 2021}, {DOG}),
        ({"year": [2020, 2021], "lang": "de"}, {OWL}),
        ({"tags": "red"}, {FOX}),
        ({"is_draft": True}, {OWL}),
        ({"lang": "fr"}, set()),
        ({"lan": "en"}, set()),
        ({"source": "guide/"}, {FOX, DOG}),
        ({"source": "*.md"}, {FOX, DOG}),
        ({"source": "*/[do]*"}, {DOG, OWL}),
        ({"source": "guide/%"}, set()),
        ({"source": "fox.md"}, set()),
        ({"x\"') OR 1 --": "en"}, set()),
    ],
)
def test_filters_hold_for_words_and_for_vectors(filled: Store, filters: dict[str, Any], sources: set[str]) -> None:
    assert sources_found(filled, filters) == sources


def test_many_chunks_that_pass_a_filter_are_found_beside_more_that_do_not(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handspun.retrieve.mirrored_store.MOST_NAMED_IDS", 1)
    assert sources_found(filled, {"lang": "de"}) == {OWL}
    assert len(filled.search_vectors(np.array([1, 0, 0], np.float32), 1, {"lang": "de"})) == 1


@pytest.mark.parametrize("value", [None, {"a": 1}, [[1]]])
def test_a_filter_that_nothing_could_equal_is_refused(filled: Store, value: Any) -> None:
    with pytest.raises(RetrieveError, match="filter lang="):
        filled.search_text("fox", 3, {"lang": value})


def test_a_file_takes_the_place_of_what_there_was_of_it(filled: Store) -> None:
    chunk = Chunk(FOX, 0, 14, "A vixen sleeps", "Animals", 2, METADATA[FOX])
    filled.replace(file_of(FOX, "1" * 64), [document_of(FOX)], [chunk], np.array([[0.6, 0, 0.8]], np.float32))
    assert filled.files()[FOX].sha256 == "1" * 64
    assert filled.search_text("hares", 3) == []
    assert texts_found(filled, filled.search_text("vixen", 3)) == ["A vixen sleeps"]
    assert filled.search_vectors(np.array([0.6, 0, 0.8], np.float32), 1) == [(chunk.id, pytest.approx(1, abs=1e-3))]
    assert filled.counts().chunks == filled.counts().text_rows == filled.counts().vectors == 5
    assert filled.faults() == []


def test_a_chunk_that_stays_keeps_its_id_and_gets_its_new_vector(filled: Store) -> None:
    filled.search_vectors(np.ones(3, np.float32), 1)
    filled.replace(file_of(FOX), [document_of(FOX)], chunks_of(FOX), np.array([[0, 0, 1], [0, 0, -1]], np.float32))
    assert filled.search_vectors(np.array([0, 0, -1], np.float32), 1)[0][0] == chunks_of(FOX)[1].id
    assert filled.faults() == []


def test_what_is_removed_is_found_no_more(filled: Store) -> None:
    filled.remove(FOX)
    filled.remove("never there")
    assert set(filled.files()) == {DOG, OWL}
    assert filled.search_text("fox", 3) == []
    assert chunks_of(FOX)[0].id not in dict(filled.search_vectors(np.array([1, 0, 0], np.float32), 10))
    assert filled.document(FOX) is None
    assert filled.faults() == []


def test_a_file_that_failed_is_remembered_without_text(store: Store) -> None:
    failed = IndexedFile("broken.pdf", "2" * 64, 5, "failed", "it is encrypted")
    store.replace(failed)
    assert store.files() == {"broken.pdf": failed}
    assert store.faults() == []


def test_another_embedder_is_used_when_its_vectors_are_whole(filled: Store) -> None:
    lacking = list(filled.lacking("other"))
    assert len(lacking) == 6
    filled.add_vectors("other", [chunk.id for chunk in lacking[:4]], np.eye(4, 5, dtype=np.float32))
    with pytest.raises(RetrieveError, match="2 chunks have no vector of other"):
        filled.use_embedder("other")
    assert filled.search_vectors(np.ones(5, np.float32), 1) == []
    assert filled.search_vectors(np.array([1, 0, 0], np.float32), 1)[0][1] == pytest.approx(1)
    filled.add_vectors("other", [chunk.id for chunk in filled.lacking("other")], np.eye(2, 5, 3, dtype=np.float32))
    filled.use_embedder("other")
    assert filled.search_vectors(np.eye(1, 5, dtype=np.float32)[0], 1) == [(lacking[0].id, pytest.approx(1))]
    assert len(list(filled.lacking(EMBEDDER))) == 6
    assert filled.faults() == []


def test_without_an_embedder_there_are_words_alone(filled: Store) -> None:
    filled.use_embedder(None)
    assert filled.search_vectors(np.ones(3, np.float32), 3) == []
    assert texts_found(filled, filled.search_text("moon", 3)) == ["Dogs bark at the moon."]
    assert filled.counts().vectors == filled.counts().chunks == 6
    with pytest.raises(RetrieveError, match="no embedder"):
        filled.replace(file_of(FOX), [document_of(FOX)], chunks_of(FOX), vectors_of(FOX))
    assert filled.faults() == []


def test_chunks_without_a_vector_yet_are_a_fault_until_it_is_added(filled: Store) -> None:
    filled.replace(file_of(FOX), [document_of(FOX)], chunks_of(FOX))
    assert filled.counts().vectors == 4
    assert "6 chunks, 6 text rows, 4 vectors" in filled.faults()[0]
    filled.add_vectors(EMBEDDER, [chunk.id for chunk in filled.lacking(EMBEDDER)], vectors_of(FOX))
    assert filled.search_vectors(np.array([1, 0, 0], np.float32), 1)[0][0] == chunks_of(FOX)[0].id
    assert filled.faults() == []


def test_a_write_that_fails_leaves_everything_as_it_was(filled: Store) -> None:
    with pytest.raises(ValueError, match="shape"):
        filled.replace(file_of(FOX, "3" * 64), [document_of(FOX)], chunks_of(FOX), np.ones((1, 3), np.float32))
    assert filled.files()[FOX] == file_of(FOX)
    assert list(filled.every_chunk())[2:4] == chunks_of(FOX)
    assert texts_found(filled, filled.search_text("hares", 3)) == ["Foxes hunt hares at night."]


def test_facts_are_json(store: Store) -> None:
    store.note(weight=0.4, tuned={"on": ["a", 1]})
    store.note(weight=0.5)
    assert store.facts() == {"tuned": {"on": ["a", 1]}, "weight": 0.5}


def test_threads_may_search_while_another_writes(filled: Store) -> None:
    problems: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(10):
                assert filled.search_text("dogs", 3)
                assert filled.search_vectors(np.array([0, 1, 0], np.float32), 1)[0][0] == chunks_of(DOG)[0].id
        except BaseException as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        filled.replace(file_of(FOX), [document_of(FOX)], chunks_of(FOX), vectors_of(FOX))
    for thread in threads:
        thread.join()
    assert problems == []


def test_chunks_may_be_written_while_somebody_walks_over_them(filled: Store) -> None:
    for chunk in filled.lacking("other"):
        filled.add_vectors("other", [chunk.id], np.ones((1, 2), np.float32))
    assert list(filled.lacking("other")) == []
