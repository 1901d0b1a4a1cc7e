"""A search finds what fits, best first, with scores between 0 and 1."""

from types import SimpleNamespace

import pytest
from small_index import TEXTS, chunks_of, document_of, file_of

from handspun.errors import RetrieveError
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.fusion import Arms, Candidate
from handspun.retrieve.lexicon import Lexicon
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS, Searcher, distinct
from handspun.retrieve.sqlite_store import SqliteStore
from handspun.retrieve.tuned import Tuned


def small_index(**settings: object) -> SimpleNamespace:
    """An index in memory, without a folder."""
    store = SqliteStore(":memory:")
    for source in TEXTS:
        store.replace(file_of(source), [document_of(source)], chunks_of(source))
    return SimpleNamespace(store=store, config=RetrieveConfig(**settings))


def test_the_best_hit_comes_first_and_scores_lie_between_zero_and_one() -> None:
    hits = Searcher(small_index()).search("Do owls hunt mice?")
    assert hits[0].chunk.text == "Owls hunt mice at night."
    assert 1 >= hits[0].score > hits[1].score > 0


def test_what_has_none_of_the_words_is_not_found() -> None:
    assert Searcher(small_index()).search("Which parliament elects a chancellor?") == []


def test_what_scores_nothing_is_left_out_unless_it_has_a_word() -> None:
    class TwoArms(Arms):
        def candidates(self, *_arguments: object) -> list[Candidate]:
            near, far, worded = chunks_of("guide/fox.md")[0], chunks_of("guide/dog.md")[0], chunks_of("guide/dog.md")[1]
            rows = [(near, None, 1.0, 1.0), (far, None, 0.1, 0.0), (worded, 0.2, None, 0.0)]
            return [Candidate(chunk, text, vector, 0.0, meaning, 0.0) for chunk, text, vector, meaning in rows]

    index = small_index()
    Tuned(asked="none", folder="", embedder=None, weight=0.5, min_score=0.25, n_chunks=6).note(index.store)
    searcher = Searcher(index)
    searcher._arms = TwoArms(Lexicon({}, 0))
    assert [hit.chunk.text for hit in searcher.search("fox")] == ["The quick fox runs.", "Dogs bark at the moon."]


def test_filters_and_the_number_of_hits_hold() -> None:
    searcher = Searcher(small_index())
    assert {hit.chunk.source for hit in searcher.search("hunt night", filters={"source": "guide/"})} == {"guide/fox.md"}
    assert len(searcher.search("hunt night", k=1)) == 1


def test_a_query_that_is_no_question_is_refused() -> None:
    with pytest.raises(RetrieveError, match=r"4,097 characters and may have 4,096"):
        Searcher(small_index()).search("x" * (MAX_QUERY_CHARACTERS + 1))


def test_what_counts_as_found_is_set_or_tuned() -> None:
    index = small_index()
    assert Searcher(index).min_score == 0.0
    Tuned(asked="none", folder="", embedder=None, weight=0.0, min_score=0.25, n_chunks=6).note(index.store)
    assert Searcher(index).min_score == 0.25
    assert Searcher(SimpleNamespace(store=index.store, config=RetrieveConfig(min_score=0.5))).min_score == 0.5


def test_of_hits_that_say_the_same_the_better_one_is_shown() -> None:
    text = "The otter swims in the cold river and eats fish, crabs and frogs all day long."
    chunks = [Chunk(source, 0, len(text), said) for source, said in (("a", text), ("b", text), ("c", text + " So it does."))]
    other = Chunk("d", 0, 30, "An otter sleeps on its back.")
    hits = [Hit(chunk, 1 - place / 10) for place, chunk in enumerate([*chunks, other])]
    assert [hit.chunk.source for hit in distinct(hits, 10)] == ["a", "d"]
    assert [hit.chunk.source for hit in distinct(hits, 1)] == ["a"]
