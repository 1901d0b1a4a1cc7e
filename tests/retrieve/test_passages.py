"""Passages fit into their budget, are cut at sentences, and say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import stored

from handspun.retrieve.passages import Sent, equal_share, pack
from handspun.tokens.chat import N_FRAME
from tiny_run import byte_tokenizer

TEXT = "The cat sleeps. The dog waits. The owl sings."


def packed(
    texts: dict[str, str], *, n_passages: int = 3, passage_tokens: int = 1000, heading: str = "", query: str = "What sleeps?"
) -> tuple[tuple[Sent, ...], int]:
    _, hits = stored(texts, heading=heading)
    return pack(hits, query, byte_tokenizer(), n_passages=n_passages, passage_tokens=passage_tokens)


def n_tokens(text: str) -> int:
    return len(byte_tokenizer().encode(text)) + N_FRAME


def test_what_there_is_room_for_is_sent_whole_best_first() -> None:
    sent, n_left_out = packed({"a": TEXT, "b": TEXT + " b", "c": TEXT + " c", "d": TEXT + " d"})
    assert [one.hit.chunk.source for one in sent] == ["a", "b", "c"]
    assert [(one.is_cut, one.text) for one in sent] == [(False, TEXT), (False, TEXT + " b"), (False, TEXT + " c")]
    assert n_left_out == 0  # the fourth was not wanted


def test_of_what_does_not_fit_the_sentences_that_say_most_of_the_query_are_sent() -> None:
    texts = {"a": TEXT, "b": "A bee.", "c": TEXT}
    sent, n_left_out = packed(texts, passage_tokens=n_tokens("A bee.") + 2 * n_tokens("The dog waits."), query="Do dogs wait?")
    assert [(one.text, one.is_cut) for one in sent] == [("The dog waits.", True), ("A bee.", False), ("The dog waits.", True)]
    assert (sent[0].start, sent[0].end) == (TEXT.index("The dog"), TEXT.index(" The owl"))
    assert n_left_out == 0


def test_what_stands_before_and_behind_the_words_of_the_query_is_seen_too() -> None:
    text = "One. Two. Three. The owl sings. Five. Six. Seven."
    ((cut,), _) = packed(
        {"a": text}, passage_tokens=n_tokens("Three. The owl sings. Five.") + 1, query="What does an owl sing?"
    )
    assert cut.text == "Three. The owl sings. Five."
    ((cut,), _) = packed({"a": text}, passage_tokens=n_tokens("One. Two. Three."), query="Bees?")
    assert cut.text == "One. Two. Three."


def test_room_that_one_does_not_need_goes_to_the_others() -> None:
    sent, _ = packed({"a": TEXT, "b": "A bee.", "c": TEXT}, passage_tokens=2 * n_tokens(TEXT) + n_tokens("A bee."))
    assert [one.is_cut for one in sent] == [False] * 3
    assert [equal_share(needs, 30) for needs in ([5, 50, 50], [10, 10], [50], [50, 5, 50])] == [12, 10, 30, 12]


def test_one_that_has_no_sentence_as_short_as_its_share_is_left_out_but_not_the_best() -> None:
    long = "x" * 60 + "."
    sent, n_left_out = packed({"a": TEXT, "long": long, "b": "A bee."}, passage_tokens=n_tokens(TEXT) + 20)
    assert [one.hit.chunk.source for one in sent] == ["a", "b"]
    assert n_left_out == 1
    sent, n_left_out = packed({"long": long, "a": TEXT}, passage_tokens=n_tokens(long) + 20)
    assert [(one.hit.chunk.source, one.text) for one in sent] == [("long", long), ("a", "The cat sleeps.")]
    assert n_left_out == 0


def test_room_of_one_that_is_left_out_goes_to_the_others() -> None:
    long = "x" * 60 + "."
    sent, n_left_out = packed({"a": TEXT, "long": long}, passage_tokens=n_tokens(TEXT) + 2)
    assert [(one.text, one.is_cut) for one in sent] == [(TEXT, False)]
    assert n_left_out == 1


def test_the_best_one_is_cut_behind_a_word_where_not_even_a_sentence_fits() -> None:
    (cut,), n_left_out = packed({"a": TEXT, "b": TEXT}, passage_tokens=n_tokens("The cat") + 1, query="Bees?")
    assert (cut.text, cut.is_cut) == ("The cat", True)
    assert n_left_out == 1
    assert packed({"a": TEXT}, passage_tokens=3) == ((), 1)


def test_the_headings_stand_above_the_text_and_are_paid_for() -> None:
    ((one,), _), ((bare,), _) = packed({"a": TEXT}, heading="Animals > Day"), packed({"a": TEXT})
    assert one.message.content == f"Animals > Day\n{TEXT}"
    assert one.message.content[one.n_before :] == TEXT
    assert one.n_tokens == bare.n_tokens + len(byte_tokenizer().encode("Animals > Day\n"))


@given(st.lists(st.text(max_size=80), max_size=5), st.integers(1, 5), st.integers(0, 150))
def test_the_budget_is_kept_and_all_is_accounted_for(texts: list[str], n_passages: int, passage_tokens: int) -> None:
    named = {str(number): text for number, text in enumerate(texts)}
    sent, n_left_out = packed(named, n_passages=n_passages, passage_tokens=passage_tokens)
    assert sum(n_tokens(one.message.content) for one in sent) == sum(one.n_tokens for one in sent) <= passage_tokens
    assert len(sent) + n_left_out == min(n_passages, len(texts))
    for one in sent:
        chunk = one.hit.chunk
        assert one.text == chunk.text[one.start : one.end] == one.text.strip()
        assert one.is_cut == (one.text != chunk.text.strip())


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_chunk_without_words_is_not_sent(text: str) -> None:
    assert packed({"a": text}) == ((), 1)
