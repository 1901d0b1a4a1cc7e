"""The files curation leaves: one JSON record per line, read back as what was written."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from handspun.corpus.document import Conversation, Document, Question
from handspun.errors import DamagedFileError
from handspun.files import durable_writer

Record = TypeVar("Record", Document, Conversation, Question)


def line_of(record: Document | Conversation | Question) -> bytes:
    """The record as a line of JSON."""
    return msgspec.json.encode(record) + b"\n"


def write_records(path: Path, records: Iterable[Document | Conversation | Question]) -> int:
    """Write records durably, one per line; returns how many. Raises DiskFullError."""
    count = 0
    with durable_writer(path) as file:
        for record in records:
            file.write(line_of(record))
            count += 1
    return count


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of train.jsonl or val.jsonl, in order. Raises DamagedFileError."""
    return _read(path, Document)


def read_conversations(path: Path) -> Iterator[Conversation]:
    """The conversations of train_conversations.jsonl, in order. Raises DamagedFileError."""
    return _read(path, Conversation)


def read_questions(path: Path) -> Iterator[Question]:
    """The held-out questions of questions.jsonl, in order. Raises DamagedFileError."""
    return _read(path, Question)


def _read(path: Path, kind: type[Record]) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield decoder.decode(line)
            except ValueError as error:
                raise DamagedFileError(
                    f"{path} is damaged at line {number}: {error}; run again from an empty folder."
                ) from error
