"""What is scored is never put before the model that is scored on it."""

from collections.abc import Sequence

from handspun.corpus.document import Document
from handspun.evaluate.librarian import POOL_CHUNKS, Librarian, pool_of
from handspun.retrieve.chunk import Chunk, Hit

TEXT = "The shard holds tokens in the order in which they were read. A corpus holds shards, and a shard holds no words."
SCORED = Document(TEXT, "scored", "notes.jsonl")


def chunk(text: str, source: str) -> Chunk:
    return Chunk(source, 0, len(text), text)


ITSELF = chunk(TEXT[:60], "scored")
COPY = chunk(f"Copied: {TEXT.upper()}", "another name")
PART = chunk("a corpus holds shards, and a shard holds no words.", "a third name")
OTHER = chunk("The shard holds tokens, says somebody who has read another book.", "book")
STRANGER = chunk("A batch is cut into rows.", "page")


def librarian(*chunks: Chunk, n_passages: int = 2) -> Librarian:
    def search(query: str, k: int) -> Sequence[Hit]:
        return [Hit(chunk, 1.0) for chunk in chunks][:k]

    return Librarian(search, [ITSELF, COPY, PART, OTHER, STRANGER], n_passages)


def test_the_text_itself_its_copies_and_its_parts_are_never_found_whatever_they_are_called() -> None:
    assert librarian(ITSELF, COPY, PART, OTHER, STRANGER).retrieved("shard", SCORED) == [OTHER, STRANGER]
    assert librarian(ITSELF, COPY, PART).retrieved("shard", SCORED) == []


def test_for_another_text_they_are_what_they_are() -> None:
    another = Document("Whoever writes of ships and shores writes of winds, too.", "another", "notes.jsonl")
    assert librarian(ITSELF, COPY, PART).retrieved("shard", another) == [ITSELF, COPY]


def test_a_chunk_out_of_the_file_that_the_text_came_from_counts_as_the_text() -> None:
    assert librarian().gives_away(chunk("Something else altogether.", "notes.jsonl"), SCORED)


def test_wrong_passages_are_as_many_as_the_retrieved_ones_and_none_of_them() -> None:
    found = librarian(OTHER)
    assert found.wrong("shard", SCORED, [OTHER]) == [STRANGER]
    assert found.wrong("shard", SCORED, []) == []
    assert found.wrong("shard", SCORED, [OTHER, STRANGER]) == []


def test_wrong_passages_differ_between_queries_and_are_the_same_each_time() -> None:
    pool = [chunk(f"Page {number} of a book on winds, tides and ships.", str(number)) for number in range(50)]
    found = Librarian(lambda query, k: [], pool, 1)
    drawn = [found.wrong(query, SCORED, [OTHER])[0].source for query in "abcdefgh"]
    assert len(set(drawn)) > 4
    assert drawn == [found.wrong(query, SCORED, [OTHER])[0].source for query in "abcdefgh"]


def test_the_pool_of_a_large_index_is_drawn_from_all_of_it_and_of_a_small_one_it_is_all() -> None:
    chunks = [chunk(f"Page {number}.", str(number)) for number in range(5 * POOL_CHUNKS)]
    pool = pool_of(iter(chunks))
    assert len(pool) == len({one.source for one in pool}) == POOL_CHUNKS
    late = sum(int(one.source) >= 4 * POOL_CHUNKS for one in pool)
    assert 0.15 * POOL_CHUNKS < late < 0.25 * POOL_CHUNKS
    assert pool == pool_of(chunks)
    assert sorted(one.source for one in pool_of(chunks[:7])) == [str(number) for number in range(7)]
