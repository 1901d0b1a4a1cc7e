"""Sentences are found where a reader would find them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.retrieve.sentences import sentences


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("Heading\n\nA first line\nthat goes on.", ["Heading", "A first line\nthat goes on."]),
        ("Fruit:\n- apples\n- pears", ["Fruit:", "- apples", "- pears"]),
        ("第一句。第二句。", ["第一句。", "第二句。"]),
        ("  \n ", []),
    ],
)
def test_a_text_is_cut_at_its_sentences(text: str, parts: list[str]) -> None:
    assert found(text) == parts


@pytest.mark.parametrize(
    "text", ["It costs 3.50 euros.", "Use os.path.join here.", "Take e.g. Paris.", "J. S. Bach wrote it.", "Mr. Smith came."]
)
def test_a_point_within_a_sentence_does_not_end_it(text: str) -> None:
    assert found(text) == [text]


@given(st.text())
def test_sentences_hold_all_that_is_not_blank_in_order(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert all(start < end and text[start:end].strip() == text[start:end] for start, end in spans)
