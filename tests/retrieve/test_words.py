"""Words are what a quote is compared by: a number is whole, a name is one, white space and letter case are nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.retrieve.words import forms, words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It has 68,042,591 people.", ["it", "has", "68,042,591", "people", "."]),
        ("From -5 to 2.5, or 3-5 at 10:30.", ["from", "-5", "to", "2.5", ",", "or", "3", "-", "5", "at", "10:30", "."]),
        ("In the 1950s", ["in", "the", "1950s"]),
        ("os.path.__init__(x)", ["os", ".", "path", ".", "__init__", "(", "x", ")"]),
        ("Straße\n  É", ["strasse", "é"]),
        ("首都是Paris，1931年", ["首", "都", "是", "paris", "，", "1931", "年"]),
    ],
)
def test_a_text_has_these_words_and_marks(text: str, parts: list[str]) -> None:
    assert forms(text) == parts


def test_what_says_something_is_told_from_what_does_not() -> None:
    assert [word.form for word in words("It is not in __init__, Paris or 首 1931.") if word.is_telling] == [
        *("__init__", "paris", "首", "1931"),
    ]
    assert [word.form for word in words("No, it is not.") if word.is_negation] == ["no", "not"]


@given(st.text())
def test_words_are_where_they_say_and_leave_out_only_white_space(text: str) -> None:
    found = words(text)
    assert all(text[word.start : word.end].casefold() == word.form for word in found)
    assert "".join(text[word.start : word.end] for word in found) == "".join(text.split())
