"""Files of one's own are read as they are meant, or refused by line and remedy."""

from pathlib import Path

import pytest

from handspun.errors import CorpusError
from handspun.evaluate.exam import read_exam, read_qrels, read_queries


def test_questions_have_an_answer_and_may_have_a_source(tmp_path: Path) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text('{"question": "Who?", "answer": "An owl."}\n\n{"question": "Where?", "answer": "Here", "source": "a.md"}\n')
    assert [(q.id, q.question, q.answer, q.object) for q in read_exam(path)] == [
        ("1", "Who?", "An owl.", ""),
        ("3", "Where?", "Here", "a.md"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "Who?"}', 'line 1: has no text under "answer"'),
        ('{"question": " ", "answer": "x"}', 'line 1: has no text under "question"'),
        ('{"question": "Who?", "answer": "x", "source": 3}', 'line 1: has no text under "source"'),
        ("Who?", "line 1: not the JSON that is expected"),
        ('["Who?"]', "line 1: not the JSON that is expected"),
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text(line)
    with pytest.raises(CorpusError, match=said):
        read_exam(path)


def test_queries_have_their_ids_or_the_numbers_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"id": "q7", "text": "owls"}\n{"text": "foxes"}\n')
    assert read_queries(path) == {"q7": "owls", "2": "foxes"}
    path.write_text('{"id": "q7", "text": "owls"}\n{"id": "q7", "text": "foxes"}\n')
    with pytest.raises(CorpusError, match='line 2: "q7" is the id of a line before it'):
        read_queries(path)


def test_judgments_are_read_from_json_and_from_trec_lines(tmp_path: Path) -> None:
    as_json, as_trec = tmp_path / "qrels.json", tmp_path / "qrels.txt"
    as_json.write_text('{"q7": {"owl.md": 1, "fox.md": 0}}')
    as_trec.write_text("q7 0 owl.md 1\n\nq7 0 fox.md 0\n")
    assert read_qrels(as_json) == read_qrels(as_trec) == {"q7": {"owl.md": 1, "fox.md": 0}}


@pytest.mark.parametrize(
    ("name", "text"),
    [("qrels.json", "[1]"), ("qrels.json", "{"), ("qrels.json", '{"q": 1}'), ("q.txt", "q owl 1"), ("q.txt", "q 0 d x")],
)
def test_judgments_of_another_form_are_refused_with_the_two_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CorpusError, match='"QUERY 0 DOCUMENT 1"'):
        read_qrels(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_exam, read_queries, read_qrels):
        with pytest.raises(CorpusError, match=r"gone\.jsonl is no file"):
            read(tmp_path / "gone.jsonl")


def test_a_file_without_a_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    for read in (read_exam, read_queries):
        with pytest.raises(CorpusError, match=r"empty\.jsonl is empty; write one JSON object a line"):
            read(tmp_path / "empty.jsonl")
