"""Reads what a model learns reading from: JSONL of questions with passages or of facts, or a folder with a retrieval set.

A line is {"question", "answer", "passage"}, with a "group" where passages belong together; or {"subject", "field", "value"},
with a "section" where facts have one; or {"subject", "facts"} with nested objects. A folder holds docs.jsonl and queries.jsonl
of {"id", "text"}, qrels.json of {query: {document: grade}} and answers.json of {query: [answer, ...]}; documents whose ids
agree up to a # are of one group.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from handspun.corpus.document import Document
from handspun.corpus.facts import Fact, nested_facts, reading_of_facts
from handspun.corpus.json_lines import OnBad, json_lines
from handspun.corpus.quarantine import Quarantine
from handspun.corpus.reader_name import reader_path
from handspun.corpus.reading import Ask, Passage, Reading
from handspun.errors import CorpusError

SUFFIXES = (".jsonl", ".jsonl.zst")
FOLDER_FILES = ("docs.jsonl", "queries.jsonl", "qrels.json", "answers.json")


class _Question(msgspec.Struct):
    question: str
    answer: str
    passage: str
    group: str | None = None


class _Tree(msgspec.Struct):
    subject: str
    facts: dict[str, Any]


class _Text(msgspec.Struct):
    id: str
    text: str


class ReaderSource:
    """A file or folder that `name`, "reader:PATH", leads to."""

    def __init__(self, name: str) -> None:
        """Raises CorpusError where there is neither."""
        self.name, self.path = name, reader_path(name)
        self._reading: Reading | None = None
        is_folder = self.path.is_dir() and all((self.path / file).is_file() for file in FOLDER_FILES)
        if not is_folder and not (self.path.is_file() and self.path.name.lower().endswith(SUFFIXES)):
            place = "" if self.path.is_absolute() else f" in {Path.cwd()}"
            raise CorpusError(
                f'"{name}" leads to no JSONL file and to no folder with {", ".join(FOLDER_FILES)}{place}: correct the path.'
            )

    @property
    def n_bytes(self) -> int:
        """The size of what is read of it."""
        files = [self.path / name for name in FOLDER_FILES] if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files)

    def documents(self, quarantine: Quarantine, on_bytes: Callable[[int], None]) -> Iterator[Document]:
        """The passages as text to pretrain on."""
        return self.reading(quarantine, on_bytes).documents(self.name)

    def reading(self, quarantine: Quarantine, on_bytes: Callable[[int], None] = lambda _: None) -> Reading:
        """Everything in it, read once; what cannot be used goes to the quarantine."""
        if self._reading is None:
            self._reading = self._read(quarantine, on_bytes)
            quarantine.n_good += len(self._reading.asks)
        return self._reading

    def _read(self, quarantine: Quarantine, on_bytes: Callable[[int], None]) -> Reading:
        def on_bad(path: Path, line: int, reason: str) -> None:
            quarantine.add(self.name, path, line, reason)

        read = _reading_of_folder if self.path.is_dir() else _reading_of_lines
        return read(self.path, on_bytes, on_bad)


def _reading_of_lines(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Reading:
    facts: list[Fact] = []
    questions: list[tuple[int, _Question]] = []
    for number, record in json_lines(path, on_bytes, on_bad, dict[str, Any]):
        try:
            if "question" in record:
                questions.append((number, msgspec.convert(record, _Question)))
            elif "facts" in record:
                tree = msgspec.convert(record, _Tree)
                facts += nested_facts(tree.subject, tree.facts)
            elif (fact := msgspec.convert(record, Fact)).value.strip():
                facts.append(fact)
            else:
                on_bad(path, number, "the value is empty")
        except msgspec.ValidationError as error:
            on_bad(path, number, f"neither a question with its passage nor a fact: {error}")
    told = reading_of_facts(facts)
    asked = _reading_of_questions(path.name, questions, on_bad=lambda number, reason: on_bad(path, number, reason))
    return Reading((*asked.passages, *told.passages), (*asked.asks, *told.asks))


def _reading_of_questions(file: str, questions: list[tuple[int, _Question]], on_bad: Callable[[int, str], None]) -> Reading:
    """Each passage once, with all its questions; without a group it is one of its own."""
    passages: dict[str, Passage] = {}
    asks = []
    for number, asked in questions:
        if reason := fault(asked.answer, asked.passage):
            on_bad(number, reason)
            continue
        made = Passage(asked.passage, asked.group or asked.passage, f"{file}:{number}")
        passage = passages.setdefault(asked.passage, made)
        asks.append(Ask((asked.question,), asked.answer, passage, f"{file}:{number}?"))
    return Reading(tuple(passages.values()), tuple(asks))


def _reading_of_folder(folder: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Reading:
    docs, queries, qrels, answers = (folder / name for name in FOLDER_FILES)
    passages = {doc.id: Passage(doc.text, doc.id.partition("#")[0], doc.id) for doc in _texts(docs, on_bytes, on_bad)}
    gold = _decoded(qrels, dict[str, dict[str, float]])
    said = _decoded(answers, dict[str, list[str]])
    asks = []
    for number, query in enumerate(_texts(queries, on_bytes, on_bad), start=1):
        grades = {id: grade for id, grade in gold.get(query.id, {}).items() if id in passages}
        if not grades or not said.get(query.id):
            on_bad(queries, number, "no document with a grade, or no answer")
            continue
        passage, answer = passages[max(grades, key=grades.__getitem__)], said[query.id][0]
        if reason := fault(answer, passage.text):
            on_bad(queries, number, reason)
        else:
            asks.append(Ask((query.text,), answer, passage, query.id))
    return Reading(tuple(passages.values()), tuple(asks))


def fault(answer: str, passage: str) -> str | None:
    """Why a question cannot teach reading, if it cannot: its answer must stand in its passage."""
    if not answer.strip():
        return "the answer is empty"
    if answer.lower() not in passage.lower():
        return "the answer does not stand in the passage"
    return None


def _texts(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Iterator[_Text]:
    for _, text in json_lines(path, on_bytes, on_bad, _Text):
        yield text


def _decoded(path: Path, kind: Any) -> Any:
    """A whole file of JSON. Raises CorpusError where it holds something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is not the JSON that is expected: {error}; correct it.") from error
