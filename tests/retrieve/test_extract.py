"""The extractive answer is the sentence that says most of what was asked, word for word."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from stored import searcher_of, stored

from handspun.retrieve.chunk import Hit
from handspun.retrieve.extract import Excerpt, best_excerpt, extract
from handspun.retrieve.telling import rarity

TEXTS = {
    "bridge.txt": "The Orrin is a river. A bridge over it was opened in 1931.\nIt is made of steel and often painted.",
    "ferry.txt": "A ferry crosses the lake. It was opened in summer.",
}


def best_of(question: str, hits: Sequence[Hit]) -> Excerpt | None:
    return best_excerpt(hits, rarity(question, hits))


def test_the_sentence_that_says_most_of_the_question_wins() -> None:
    _, hits = stored(TEXTS)
    for question, sentence in {
        "When was the bridge opened?": "A bridge over it was opened in 1931.",
        "What opens in the summer?": "It was opened in summer.",
        "Why paint steel?": "It is made of steel and often painted.",
    }.items():
        excerpt = best_of(question, hits)
        assert excerpt is not None and excerpt.text == sentence


def test_of_two_that_say_as_much_the_better_hits_wins() -> None:
    _, hits = stored({"a": "The bridge is old.", "b": "The bridge is new."})
    first, last = best_of("Which bridge?", hits), best_of("Which bridge?", [])
    assert first is not None and first.text == "The bridge is old."
    assert last is None


def test_a_heading_answers_nothing_and_a_sentence_that_says_more_than_it_does() -> None:
    text = "## Cost of a file\n\nIt may have 256 MiB."
    for heading, sentence in {"Limits > Cost of a file": "It may have 256 MiB.", "Limits": "## Cost of a file"}.items():
        excerpt = best_of("What is the cost of a file?", stored({"a.md": text}, heading=heading)[1])
        assert excerpt is not None and excerpt.text == sentence


@pytest.mark.parametrize("other", ["```sh\nhandspun ask about a shard\n```", "| shard | what a shard is |"])
def test_no_answer_are_tables_and_blocks_of_code(other: str) -> None:
    excerpt = best_of("What is a shard?", stored({"a.md": f"{other}\n\nIt is a file of tokens."})[1])
    assert excerpt is not None and excerpt.text == "It is a file of tokens."
    assert best_of("What is a shard?", stored({"a.md": other})[1]) is None


def test_it_is_cited_whole_on_one_line(tmp_path: Path) -> None:
    text = "A long sentence that goes\n  on in the next line. Another."
    searcher = searcher_of(tmp_path, {"long.txt": text})
    answer = extract("What is long and goes on?", searcher, searcher.search("long sentence"))
    assert (answer.text, answer.kind, answer.supported) == (
        "A long sentence that goes on in the next line.",
        "extractive",
        True,
    )
    (citation,) = answer.citations
    assert citation.quote == text[citation.start : citation.end] == "A long sentence that goes\n  on in the next line."
    assert (citation.answer_start, citation.answer_end) == (0, len(answer.text))


def test_where_nothing_counts_as_found_it_is_not_known_and_a_changed_document_is_not_cited(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path, TEXTS)
    hits = searcher.search("When was the bridge opened?")
    assert extract("Why?", searcher, []).kind == "unknown"
    searcher.index.store.remove("bridge.txt")
    answer = extract("When was the bridge opened?", searcher, hits)
    assert (answer.citations, answer.supported) == ((), False)


def test_words_that_many_hits_have_count_little_though_only_the_best_hit_counts_as_found(tmp_path: Path) -> None:
    texts = {"a": "Chroma is a store. Zinc was rejected.", **{str(n): f"Number {n} is a chroma store." for n in range(9)}}
    _, hits = stored(texts)
    excerpt = best_excerpt(hits[:1], rarity("Why is a chroma store rejected?", hits))
    assert excerpt is not None and excerpt.text == "Zinc was rejected."
