"""Files of somebody's own to measure an index by: questions with answers, or queries with judgments."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handspun.corpus.document import Question
from handspun.corpus.json_lines import json_lines
from handspun.errors import CorpusError
from handspun.retrieve.ranking import Qrels


def read_exam(path: Path) -> list[Question]:
    """The questions of a JSONL file, {"question", "answer", "source"?} a line. Raises CorpusError."""
    return [
        Question(
            id=str(number),
            object=text_in(record, "source", path, number) if "source" in record else "",
            kind="",
            question=text_in(record, "question", path, number),
            answer=text_in(record, "answer", path, number),
            passage="",
            wrong_passage="",
        )
        for number, record in records(path)
    ]


def read_queries(path: Path) -> dict[str, str]:
    """The queries of a JSONL file, {"id", "text"} a line, by their ids, or by their lines without. Raises CorpusError."""
    queries: dict[str, str] = {}
    for number, record in records(path):
        id = str(record.get("id", number))
        if id in queries:
            raise CorpusError(f'{path}, line {number}: "{id}" is the id of a line before it; give each its own.')
        queries[id] = text_in(record, "text", path, number)
    return queries


def read_qrels(path: Path) -> Qrels:
    """Judgments by query and document: JSON, an object of objects, or TREC's "QUERY 0 DOCUMENT GRADE". Raises CorpusError."""
    check_is_file(path)
    try:
        if path.suffix == ".json":
            return {query: {document: int(grade) for document, grade in judged.items()} for query, judged in parsed(path)}
        qrels: dict[str, dict[str, int]] = {}
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            query, _, document, grade = line.split()
            qrels.setdefault(query, {})[document] = int(grade)
    except (ValueError, AttributeError) as error:
        raise CorpusError(
            f'{path} holds no judgments ({error}): write {{"QUERY": {{"DOCUMENT": 1}}}} or "QUERY 0 DOCUMENT 1".'
        ) from error
    return qrels


def parsed(path: Path) -> Any:
    """The items of the JSON object in a file."""
    return json.loads(path.read_text(encoding="utf-8")).items()


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with the numbers of their lines. Raises CorpusError at the first line that is none, and where
    there is no line.
    """
    check_is_file(path)
    is_empty = True

    def refuse(path: Path, line: int, reason: str) -> None:
        raise CorpusError(f"{path}, line {line}: {reason}; write one JSON object a line.")

    for numbered in json_lines(path, lambda _: None, refuse, dict[str, Any]):
        is_empty = False
        yield numbered
    if is_empty:
        raise CorpusError(f"{path} is empty; write one JSON object a line.")


def check_is_file(path: Path) -> None:
    """Raises CorpusError where there is no such file."""
    if not path.is_file():
        raise CorpusError(f"{path} is no file; correct the path.")


def text_in(record: dict[str, Any], key: str, path: Path, number: int) -> str:
    """The text under a key of a record. Raises CorpusError where there is none."""
    text = record.get(key)
    if not isinstance(text, str) or not text.strip():
        raise CorpusError(f'{path}, line {number}: has no text under "{key}"; write it there.')
    return text
