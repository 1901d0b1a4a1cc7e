"""JSONL: one document to a line, {"text", "id"?, "title"?, ...}; what else it says becomes metadata."""

from collections.abc import Iterator
from pathlib import Path

from handspun.corpus.json_lines import json_lines
from handspun.corpus.sources import fault
from handspun.errors import CorpusError
from handspun.retrieve.loading.loaded import Heading, Loaded, plain_metadata, tidy
from handspun.retrieve.loading.normal import normalized

MAX_NAME_CHARS = 200


def load_jsonl(path: Path) -> Iterator[Loaded]:
    """The documents of a file. After the last one raises CorpusError where some lines could not be read.

    A title becomes the heading of all the text. A line without an "id" is called
    by its number, and one with an "id" that was there before by both.
    """
    bad: list[str] = []
    seen: set[str] = set()
    for number, record in json_lines(path, lambda _: None, lambda _, line, reason: bad.append(f"line {line}: {reason}")):
        if reason := fault(record):
            bad.append(f"line {number}: {reason}")
            continue
        title = record.get("title") if isinstance(record.get("title"), str) else ""
        heading = (Heading(0, 0, 1, normalized(title)),) if title else ()
        metadata = plain_metadata({key: value for key, value in record.items() if key not in ("text", "id")})
        yield Loaded(normalized(record["text"]), heading, metadata=metadata, id=new_name(record.get("id"), number, seen))
    if bad:
        raise CorpusError(f"{len(bad):,} of its lines could not be read; {bad[0]}")


def new_name(id_: object, number: int, seen: set[str]) -> str:
    """A name that no document of the file has yet."""
    name = tidy(str(id_)) if isinstance(id_, str | int) else ""
    name = name if 0 < len(name) <= MAX_NAME_CHARS else str(number)
    while name in seen:
        name = f"{name}:{number}"
    seen.add(name)
    return name
