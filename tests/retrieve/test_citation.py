"""A citation cannot lie: what it quotes stands where it says, and the answer says it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import stored

from handspun.retrieve.chunk import IndexedDocument, IndexedFile
from handspun.retrieve.citation import Citation, Citer
from handspun.retrieve.passages import Sent
from handspun.retrieve.provenance import Copied
from handspun.retrieve.words import forms

FRANCE = "France is a country in Europe. Its capital is Paris, on the Seine. It has 68,042,591 people."
SPAIN = "Spain is a country in Europe. Its capital is Madrid. It has 48,610,458 people."
TEXTS = {"france.txt": FRANCE, "spain.txt": SPAIN}
PARTS = ["a", "B", "é", "1", "2,5", "-3", " ", " ", "\n", ".", "ß", "🙂", "ﬁ", "\u202e", "İ"]
WORDS = st.lists(st.sampled_from(PARTS), max_size=40).map("".join)


def citer(question: str, answer: str, texts: dict[str, str] = TEXTS) -> Citer:
    """All that is needed to cite an answer to texts that were sent whole."""
    store, hits = stored(texts)
    sent = [Sent(hit, hit.chunk.text, 0, False, 0, len(hit.chunk.text)) for hit in hits]
    return Citer(question, answer, sent, store)


def quotes(citations: tuple[Citation, ...]) -> list[tuple[str, str]]:
    return [(citation.source, citation.quote) for citation in citations]


def test_a_short_answer_is_cited_whole_at_the_words_it_is_made_of() -> None:
    (citation,) = citer("What is the capital of France?", "Paris").citations()
    assert (citation.source, citation.quote, citation.verified) == ("france.txt", "Paris", True)
    assert FRANCE[citation.start : citation.end] == "Paris"
    assert (citation.answer_start, citation.answer_end) == (0, 5)


def test_what_the_question_has_said_already_needs_no_citation() -> None:
    found = citer("What is the capital of France?", "The capital of France is Paris.")
    citations = found.citations()
    assert quotes(citations) == [("france.txt", "is Paris")]
    assert found.is_supported(citations)


@pytest.mark.parametrize(
    "answer", ["Berlin", "The capital is Berlin.", "No", "It has 48 people.", "68,042,59", "not Paris", ""]
)
def test_what_no_passage_says_is_neither_cited_nor_supported(answer: str) -> None:
    found = citer("What is the capital of France?", answer)
    assert not found.is_supported(found.citations())


def test_a_word_that_happens_to_be_the_same_is_no_citation_of_a_longer_claim() -> None:
    found = citer("What is Rome?", "Rome, a city of three million people, lies on the Tiber.")
    assert found.citations() == ()


@pytest.mark.parametrize(
    ("answer", "is_supported"),
    [
        ("Its capital is Paris, on the Seine.", True),
        ("Its capital is not Paris, on the Seine.", False),
        ("Its capital is Paris, on the old Seine.", False),
        ("It has 68,042,591 people.", True),
        ("It has 68,042,592 people.", False),
        ("It has -68,042,591 people.", False),
    ],
)
def test_one_word_that_is_not_cited_leaves_the_answer_unsupported(answer: str, is_supported: bool) -> None:
    found = citer("What is it?", answer)
    assert found.is_supported(found.citations()) is is_supported


def test_an_answer_in_the_words_of_the_question_is_cited_all_the_same() -> None:
    found = citer("Is Paris the capital?", "Its capital is Paris.")
    citations = found.citations()
    assert quotes(citations) == [("france.txt", "Its capital is Paris")]
    assert found.is_supported(citations)


def test_a_no_that_stands_somewhere_supports_no_no() -> None:
    found = citer("Is it far?", "No.", {"a": "There is no sea. It is not far."})
    assert found.citations() == ()


def test_white_space_and_letter_case_make_no_difference() -> None:
    found = citer("Which?", "its CAPITAL is\n  paris, on the seine")
    assert quotes(found.citations()) == [("france.txt", "Its capital is Paris, on the Seine")]


def test_an_answer_out_of_two_passages_gets_a_citation_of_each_in_its_own_order() -> None:
    found = citer("Which capitals are there?", "Its capital is Madrid. Its capital is Paris, on the Seine.")
    citations = found.citations()
    assert quotes(citations) == [("spain.txt", "Its capital is Madrid."), ("france.txt", "Its capital is Paris, on the Seine.")]
    assert found.is_supported(citations)


def test_one_sentence_that_nothing_supports_leaves_the_answer_unsupported() -> None:
    found = citer("What is the capital?", "Its capital is Madrid. Wolves roam there freely.")
    citations = found.citations()
    assert quotes(citations) == [("spain.txt", "Its capital is Madrid.")]
    assert not found.is_supported(citations)


def test_of_two_passages_that_say_the_same_the_one_that_was_copied_is_cited() -> None:
    found = citer("What is it?", "a country in Europe")
    at = "a country in Europe".index("Europe")
    assert quotes(found.citations()) == [("france.txt", "a country in Europe")]
    assert quotes(found.citations([Copied(at, 1, SPAIN.index("Europe"))])) == [("spain.txt", "a country in Europe")]


def test_one_copied_word_is_enough_though_the_sentence_says_more() -> None:
    found = citer("What is it?", "Wolves roam near Madrid at night.")
    assert found.citations() == ()
    copied = Copied(found.answer.index("Madrid") + 5, 1, SPAIN.index("Madrid") + 5)
    citations = found.citations([copied])
    assert quotes(citations) == [("spain.txt", "Madrid")]
    assert not found.is_supported(citations)


def test_a_model_that_claims_to_have_copied_what_is_not_there_is_not_believed() -> None:
    found = citer("What is it?", "Wolves roam near Berlin at night.")
    assert found.citations([Copied(found.answer.index("Berlin") + 5, 1, SPAIN.index("Madrid") + 5)]) == ()


def test_a_document_that_has_changed_since_is_not_cited() -> None:
    found = citer("What is the capital of France?", "Paris")
    assert len(found.citations()) == 1
    changed = FRANCE.replace("Paris", "Vichy")
    found.store.replace(IndexedFile("france.txt", "0" * 64, 1), [IndexedDocument("france.txt", changed)])
    assert found.citations() == ()
    found.store.remove("france.txt")
    assert found.citations() == ()


def test_of_a_passage_that_was_cut_only_what_was_sent_is_cited() -> None:
    found = citer("How many people does France have?", "68,042,591")
    assert len(found.citations()) == 1
    first = "France is a country in Europe."
    cut = replace(found.sent[0], text=first, is_cut=True, end=len(first))
    assert Citer("How many people does France have?", "68,042,591", [cut], found.store).citations() == ()


@given(WORDS, WORDS, WORDS, WORDS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1), st.integers(0, 40)), max_size=4))
def test_no_citation_lies_whatever_is_said_and_sent(
    question: str, answer: str, one: str, other: str, claims: list[tuple[int, int, int]]
) -> None:
    texts = {"one": one, "other": other}
    found = citer(question, answer, texts)
    citations = found.citations([Copied(*claim) for claim in claims])
    for citation in citations:
        assert citation.quote == texts[citation.source][citation.start : citation.end] != ""
        assert forms(citation.quote) == forms(answer[citation.answer_start : citation.answer_end])
    ends = [0, *(citation.answer_end for citation in citations)]
    assert all(end <= citation.answer_start for end, citation in zip(ends, citations))
    if not citations:
        assert not found.is_supported(citations)
