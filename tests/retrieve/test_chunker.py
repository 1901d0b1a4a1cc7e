import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.retrieve.chunk import Chunk, IndexedDocument
from handspun.retrieve.chunker import chunk_document
from handspun.retrieve.loading.loaded import Heading
from handspun.retrieve.token_count import estimated_tokens, token_counter
from tiny_run import byte_tokenizer

WORDS = [
    "fox",
    "Hare.",
    "e.g.",
    "\n",
    "\n\n",
    "  ",
    "。",
    "狐狸跑了",
    "owl?!",
    "«Was?»",
    "a" * 90,
    "x\u0301",
    "👩‍🚀",
    "\u00a0",
    "Mr.",
    "\t",
]


def words_counted(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def chunked(text: str, headings: list[Heading] | None = None, pages: list[int] | None = None, most: int = 8) -> list[Chunk]:
    return chunk_document(IndexedDocument("a.txt", text, {"year": 2020}), headings or [], pages or [], words_counted, most)


def heading(text: str, title: str, level: int) -> Heading:
    return Heading(text.index(title), text.index(title) + len(title), level, title)


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from(["", " "]), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_chunks_hold_every_character_once_within_the_budget_and_never_cross_a_border(
    words: list[str], joint: str, dice: random.Random
) -> None:
    text = joint.join(words)
    places = sorted(dice.sample(range(len(text) + 1), min(len(text), 3)))
    headings = [Heading(place, place, dice.randint(1, 3), f"H{place}") for place in places[:2]]
    pages = [0, *places[2:]]
    count_tokens, most = token_counter(byte_tokenizer()), 16
    chunks = chunk_document(IndexedDocument("a.txt", text), headings, pages, count_tokens, most)
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert sum(chunk.end - chunk.start for chunk in chunks) == len(covered)
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)
    for chunk, n_tokens in zip(chunks, count_tokens([chunk.text for chunk in chunks])):
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip()
        assert n_tokens <= most or len(chunk.text) == 1
        assert not any(chunk.start < border < chunk.end for border in pages)
        assert chunk.page == sum(page <= chunk.start for page in pages)
    assert chunks == sorted(chunks, key=lambda chunk: chunk.start)


def test_a_chunk_ends_with_a_sentence_where_one_fits() -> None:
    text = "The fox runs. It hunts hares, e.g. at night. «Does it sleep?» It does. And then it runs again."
    assert [chunk.text for chunk in chunked(text)] == [
        "The fox runs.",
        "It hunts hares, e.g. at night.",
        "«Does it sleep?» It does.",
        "And then it runs again.",
    ]


def test_a_sentence_that_is_too_long_ends_with_a_word_and_a_word_with_a_character() -> None:
    assert [chunk.text for chunk in chunked("one two three four five six seven", most=3)] == [
        "one two three",
        "four five six",
        "seven",
    ]
    chunks = chunk_document(IndexedDocument("a.txt", "x" * 100), [], [], token_counter(byte_tokenizer()), 16)
    assert "".join(chunk.text for chunk in chunks) == "x" * 100 and max(len(chunk.text) for chunk in chunks) <= 16


def test_chunks_know_the_headings_above_them_and_their_page() -> None:
    text = "Preface.\nAnimals\nAll of them.\nFox\nIt runs.\nRed  fox\nIt is red.\nPlants\nThey stand."
    headings = [heading(text, "Animals", 1), heading(text, "Fox", 2), heading(text, "Red  fox", 3), heading(text, "Plants", 1)]
    chunks = chunked(text, headings, [0, text.index("Plants")])
    assert [(chunk.heading, chunk.page) for chunk in chunks] == [
        ("", 1),
        ("Animals", 1),
        ("Animals > Fox", 1),
        ("Animals > Fox > Red fox", 1),
        ("Plants", 2),
    ]
    assert chunks[0].metadata == {"year": 2020}
    assert chunked("No page.")[0].page is None


def test_a_heading_without_words_of_its_own_goes_with_the_first_one_below_it_but_not_with_its_neighbor() -> None:
    text = "Animals\n\nFox\nIt runs."
    assert [(chunk.text, chunk.heading) for chunk in chunked(text, [heading(text, "Animals", 1), heading(text, "Fox", 2)])] == [
        (text, "Animals > Fox")
    ]
    assert len(chunked(text, [heading(text, "Animals", 2), heading(text, "Fox", 2)])) == 2
    assert len(chunked(text, [heading(text, "Animals", 1), heading(text, "Fox", 2)], [0, text.index("Fox")])) == 2


@pytest.mark.parametrize("text", ["", " \n\n ", "\u3000"])
def test_a_blank_text_has_no_chunk(text: str) -> None:
    assert chunked(text) == []


@pytest.mark.parametrize(
    "text", ["." * 300_000, "\n" * 300_000 + "x", "! " * 100_000, "x" * 300_000, "\n " * 100_000 + "x", "»" * 300_000]
)
def test_no_text_takes_the_square_of_its_length(text: str) -> None:
    chunks = chunk_document(IndexedDocument("a.txt", text), [], [], estimated_tokens, 160)
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(text.split())
