import io
import json
from pathlib import Path

import pytest

from handspun.corpus.quarantine import Quarantine
from handspun.corpus.reading import Reading
from handspun.corpus.reading_file import ReaderSource
from handspun.errors import CorpusError


def read(path: Path) -> tuple[Reading, Quarantine]:
    """What a file holds, and what was wrong with it."""
    quarantine = Quarantine(io.BytesIO())
    return ReaderSource(f"reader:{path}").reading(quarantine), quarantine


def lines(path: Path, *records: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_questions_share_a_passage_and_a_group(tmp_path: Path) -> None:
    first = {"question": "Who?", "answer": "Ada", "passage": "Ada wrote notes.", "group": "notes"}
    second = {"question": "What?", "answer": "notes", "passage": "Ada wrote notes."}
    third = {"question": "When?", "answer": "1843", "passage": "It was 1843."}
    reading, quarantine = read(lines(tmp_path / "q.jsonl", first, second, third))
    assert [passage.text for passage in reading.passages] == ["Ada wrote notes.", "It was 1843."]
    assert [passage.group for passage in reading.passages] == ["notes", "It was 1843."]
    assert [ask.phrasings for ask in reading.asks] == [("Who?",), ("What?",), ("When?",)]
    assert (quarantine.n_good, quarantine.n_bad) == (3, 0)


def test_facts_flat_and_nested_may_stand_beside_questions(tmp_path: Path) -> None:
    flat = {"subject": "Utopia", "field": "capital", "value": "Amaurot", "section": "Government"}
    nested = {"subject": "Erewhon", "facts": {"Government": {"capital": "none"}}}
    question = {"question": "Who?", "answer": "Ada", "passage": "Ada wrote notes."}
    reading, _ = read(lines(tmp_path / "f.jsonl", flat, nested, question))
    assert [passage.text for passage in reading.passages] == [
        "Ada wrote notes.",
        "The capital of Utopia: Amaurot",
        "The capital of Erewhon: none",
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"question": "Who?", "answer": "Eve", "passage": "Ada wrote notes."},
        {"question": "Who?", "answer": " ", "passage": "Ada wrote notes."},
        {"question": "Who?", "answer": "Ada"},
        {"subject": "Utopia", "field": "capital", "value": 7},
        {"subject": "Utopia", "field": "capital", "value": " "},
        {"subject": "Utopia", "facts": []},
        {"text": "Nothing is asked."},
        ["a list"],
    ],
)
def test_what_cannot_teach_reading_is_quarantined(tmp_path: Path, record: object) -> None:
    reading, quarantine = read(lines(tmp_path / "q.jsonl", record))
    assert (reading.asks, quarantine.n_bad) == ((), 1)


def retrieval_set(folder: Path) -> Path:
    """Two articles, and three questions of which two can be used."""
    lines(folder / "docs.jsonl", {"id": "Ada#0", "text": "Ada wrote notes."}, {"id": "Ada#1", "text": "It was 1843."})
    queries = [{"id": "a", "text": "Who?"}, {"id": "b", "text": "When?"}, {"id": "c", "text": "Why?"}]
    lines(folder / "queries.jsonl", *queries)
    (folder / "qrels.json").write_text(json.dumps({"a": {"Ada#0": 1}, "b": {"Ada#0": 0.5, "Ada#1": 1}}))
    (folder / "answers.json").write_text(json.dumps({"a": ["Ada", "Ada Lovelace"], "b": ["1843"], "c": ["because"]}))
    return folder


def test_a_folder_with_a_retrieval_set_is_read_by_its_best_documents(tmp_path: Path) -> None:
    reading, quarantine = read(retrieval_set(tmp_path))
    assert [(ask.answer, ask.passage.id) for ask in reading.asks] == [("Ada", "Ada#0"), ("1843", "Ada#1")]
    assert {passage.group for passage in reading.passages} == {"Ada"}
    assert quarantine.n_bad == 1


def test_grades_that_are_no_json_are_refused(tmp_path: Path) -> None:
    (retrieval_set(tmp_path) / "qrels.json").write_text("query document grade")
    with pytest.raises(CorpusError, match=r"qrels\.json is not the JSON that is expected"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["absent.jsonl", ".", "notes.txt"])
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(CorpusError, match=r"leads to no JSONL file and to no folder with docs\.jsonl"):
        ReaderSource(f"reader:{tmp_path / name}")


def test_passages_are_documents_that_share_their_groups_side(tmp_path: Path) -> None:
    path = lines(tmp_path / "q.jsonl", {"question": "Who?", "answer": "Ada", "passage": "Ada wrote.", "group": "notes"})
    source = ReaderSource(f"reader:{path}")
    (document,) = source.documents(Quarantine(io.BytesIO()), lambda _: None)
    assert (document.text, document.metadata) == ("Ada wrote.", {"group": "notes"})
    assert source.n_bytes == path.stat().st_size
