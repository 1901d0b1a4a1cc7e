"""Passages fit into their budget, are cut at sentences, and say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import stored

from handspun.retrieve.passages import Sent, pack
from handspun.tokens.chat import N_FRAME
from tiny_run import byte_tokenizer

TEXT = "The cat sleeps. The dog waits. The owl sings."


def packed(
    texts: dict[str, str], *, n_passages: int = 3, passage_tokens: int = 1000, heading: str = ""
) -> tuple[tuple[Sent, ...], int]:
    _, hits = stored(texts, heading=heading)
    return pack(hits, byte_tokenizer(), n_passages=n_passages, passage_tokens=passage_tokens)


def n_tokens(text: str) -> int:
    return len(byte_tokenizer().encode(text)) + N_FRAME


def test_what_there_is_room_for_is_sent_whole_best_first() -> None:
    sent, n_left_out = packed({"a": TEXT, "b": TEXT + " b", "c": TEXT + " c", "d": TEXT + " d"})
    assert [one.hit.chunk.source for one in sent] == ["a", "b", "c"]
    assert [(one.is_cut, one.text) for one in sent] == [(False, TEXT), (False, TEXT + " b"), (False, TEXT + " c")]
    assert n_left_out == 0  # the fourth was not wanted


def test_what_does_not_fit_is_cut_behind_a_sentence_and_the_rest_left_out() -> None:
    (whole, cut), n_left_out = packed({"a": TEXT, "b": TEXT, "c": TEXT}, passage_tokens=n_tokens(TEXT) + n_tokens(TEXT) - 1)
    assert (whole.text, whole.is_cut) == (TEXT, False)
    assert (cut.text, cut.is_cut, cut.start, cut.end) == ("The cat sleeps. The dog waits.", True, 0, 30)
    assert n_left_out == 1


def test_a_shorter_one_takes_the_room_that_a_longer_one_leaves() -> None:
    long = "x" * 60 + "."
    sent, n_left_out = packed({"a": TEXT, "long": long, "b": "A bee."}, passage_tokens=n_tokens(TEXT) + 20)
    assert [one.hit.chunk.source for one in sent] == ["a", "b"]
    assert n_left_out == 1


def test_the_best_one_is_cut_behind_a_word_where_not_even_a_sentence_fits() -> None:
    (cut,), n_left_out = packed({"a": TEXT, "b": TEXT}, passage_tokens=n_tokens("The cat") + 1)
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
        assert one.text == chunk.text[one.start : one.end] and one.start == chunk.start
        assert one.is_cut == bool(chunk.text[one.end :].strip())


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_chunk_without_words_is_not_sent(text: str) -> None:
    assert packed({"a": text}) == ((), 1)
