import pytest

from handspun.corpus.python_objects import PythonObject, cut_at_sentence

DEDENT = PythonObject(
    "textwrap.dedent", "textwrap", "dedent", "function", "text", "Remove any\n  white space. More, e.g. tabs.\n\nEnd."
)


def test_an_object_reads_as_its_heading_and_its_docstring() -> None:
    assert DEDENT.text == "function textwrap.dedent(text)\nRemove any\n  white space. More, e.g. tabs.\n\nEnd."
    assert DEDENT.passage == "function textwrap.dedent(text)\nRemove any white space. More, e.g. tabs. End."


@pytest.mark.parametrize(
    ("doc", "sentence"),
    [
        ("Remove any\n  white space. More.", "Remove any white space."),
        ("Some kind, e.g. A or i.e. B. Then C.", "Some kind, e.g. A or i.e. B."),
        ("Version 3.11 of x.y is it. Next.", "Version 3.11 of x.y is it."),
        ("Does it end?  Yes.", "Does it end?"),
        ("Return the name\n\nSecond paragraph.", "Return the name"),
        ('Called "early." Then late.', 'Called "early."'),
    ],
)
def test_the_first_sentence_ends_where_a_reader_would_end_it(doc: str, sentence: str) -> None:
    assert PythonObject("a.b", "a", "b", "function", None, doc).first_sentence == sentence


def test_a_long_passage_is_cut_at_the_end_of_a_sentence() -> None:
    text = " ".join(f"This is sentence {number}." for number in range(100))
    cut = cut_at_sentence(text, 500)
    assert 470 < len(cut) <= 500
    assert cut.endswith(".")
    assert text.startswith(cut)


def test_a_sentence_longer_than_the_passage_is_cut_between_words() -> None:
    assert cut_at_sentence("word " * 200, 22) == "word word word word"
    assert cut_at_sentence("short", 22) == "short"


def test_a_very_long_signature_is_left_out_of_the_heading() -> None:
    assert PythonObject("a.b", "a", "b", "function", "x, " * 100, "Doc.").heading == "function a.b(...)"
