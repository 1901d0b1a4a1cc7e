import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.corpus.dedup import NearIndex, SeenTexts, joined_groups, near_pairs, same_key_pairs, word_grams

WORDS = [f"word{number}" for number in range(60)]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS[:8]), max_size=30).map(" ".join), max_size=12)


def jaccard(one: str, other: str) -> float:
    """The textbook definition, on strings."""
    sets = []
    for words in (one.lower().split(), other.lower().split()):
        width = min(5, len(words))
        sets.append({tuple(words[start : start + width]) for start in range(len(words) - width + 1)} if words else set())
    return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))


def test_a_text_is_new_once_whatever_its_white_space() -> None:
    seen = SeenTexts()
    assert seen.is_new("to be\nor not")
    assert not seen.is_new(" to  be or not ")
    assert seen.is_new("To be or not")


@given(st.lists(st.text()))
@settings(max_examples=50)
def test_removing_copies_twice_removes_no_more_than_once(texts: list[str]) -> None:
    once = list(filter(SeenTexts().is_new, texts))
    assert list(filter(SeenTexts().is_new, once)) == once


@given(TEXTS)
@settings(max_examples=60)
def test_near_pairs_are_those_of_the_textbook_definition(texts: list[str]) -> None:
    expected = {
        (first, second)
        for first in range(len(texts))
        for second in range(first + 1, len(texts))
        if texts[first] and jaccard(texts[first], texts[second]) >= 0.5
    }
    assert set(near_pairs([word_grams(text) for text in texts])) == expected


@given(TEXTS, st.lists(st.sampled_from(WORDS[:8]), max_size=30).map(" ".join))
@settings(max_examples=60)
def test_the_index_finds_what_the_textbook_definition_finds(texts: list[str], text: str) -> None:
    expected = bool(text) and any(other and jaccard(text, other) >= 0.5 for other in texts)
    assert NearIndex([word_grams(other) for other in texts]).is_near(text) == expected


def test_a_lightly_edited_copy_is_near_and_another_text_is_not() -> None:
    generator = random.Random(0)
    held_out = generator.choices(WORDS, k=200)
    index = NearIndex([word_grams(" ".join(held_out))])
    edited = [word if place % 50 else "changed" for place, word in enumerate(held_out)]
    assert index.is_near(" ".join(edited))
    assert index.is_near(" ".join(held_out).upper().replace(" ", "\n"))
    assert not index.is_near(" ".join(generator.choices(WORDS, k=200)))


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_text_without_words_has_no_grams_and_is_near_nothing(text: str) -> None:
    assert len(word_grams(text)) == 0
    assert not NearIndex([word_grams("some text or other"), word_grams(text)]).is_near(text)


def test_links_join_groups_through_others() -> None:
    assert joined_groups(6, [(4, 1), (1, 2), (5, 3)]) == [0, 1, 1, 3, 1, 3]


def test_items_without_a_key_are_not_paired() -> None:
    assert list(same_key_pairs(["a", None, "b", "a", None, "a"])) == [(0, 3), (0, 5)]
