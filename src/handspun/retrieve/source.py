"""How what a chunk is out of is called: a file by its path, a record of a JSONL file by that path, a # and its own id."""

import re

RECORDS = re.compile(r"\.jsonl(?:\.zst)?#", re.IGNORECASE)
"""ends the path of a file of records; other paths may have a # anywhere, and so may an id"""


def source_of(path: str, id: str | None) -> str:
    """The source of a file, or of one of its records."""
    return path if id is None else f"{path}#{id}"


def document_id(source: str) -> str:
    """How judgments and questions call it: a record by its own id, a file by its path."""
    return RECORDS.split(source, maxsplit=1)[-1]


def file_of(source: str) -> str:
    """The path of the file."""
    records = RECORDS.search(source)
    return source[: records.end() - 1] if records else source
