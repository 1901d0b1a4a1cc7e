"""A search finds what fits, best first, with scores between 0 and 1."""

from types import SimpleNamespace

import pytest
from small_index import TEXTS, chunks_of, document_of, file_of

from handspun.errors import RetrieveError
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS, open_searcher
from handspun.retrieve.sqlite_store import SqliteStore


def small_index(**settings: object) -> SimpleNamespace:
    """An index in memory, without a folder."""
    store = SqliteStore(":memory:")
    for source in TEXTS:
        store.replace(file_of(source), [document_of(source)], chunks_of(source))
    return SimpleNamespace(store=store, config=RetrieveConfig(**settings))


def test_the_best_hit_comes_first_and_scores_lie_between_zero_and_one() -> None:
    hits = open_searcher(small_index()).search("Do owls hunt mice?")
    assert hits[0].chunk.text == "Owls hunt mice at night."
    assert 1 >= hits[0].score > hits[1].score > 0


def test_what_has_none_of_the_words_is_not_found() -> None:
    assert open_searcher(small_index()).search("Which parliament elects a chancellor?") == []


def test_filters_and_the_number_of_hits_hold() -> None:
    searcher = open_searcher(small_index())
    assert {hit.chunk.source for hit in searcher.search("hunt night", filters={"source": "guide/"})} == {"guide/fox.md"}
    assert len(searcher.search("hunt night", k=1)) == 1


def test_a_query_that_is_no_question_is_refused() -> None:
    with pytest.raises(RetrieveError, match=r"4,097 characters and may have 4,096"):
        open_searcher(small_index()).search("x" * (MAX_QUERY_CHARACTERS + 1))


def test_what_counts_as_found_is_set_or_tuned() -> None:
    index = small_index()
    index.store.note(min_score=0.25)
    assert open_searcher(index).min_score == 0.25
    assert open_searcher(SimpleNamespace(store=index.store, config=RetrieveConfig(min_score=0.5))).min_score == 0.5
