"""The small records of an index: a file, the documents in it, their chunks, and what a search found."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

Status = Literal["read", "failed"]


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as it was when it was read. `path` is how the index calls it, relative to the folder it was found in."""

    path: str
    sha256: str
    size: int
    status: Status = "read"
    reason: str = ""
    """why it could not be read, or not all of it"""


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A text out of a file, as it is stored: every offset points into `text`."""

    source: str
    """its file's path; for a record of a JSONL file with #ID behind it"""
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document, characters `start` to `end`, never wider than one heading's section or one page."""

    source: str
    start: int
    end: int
    text: str
    heading: str = ""
    """the headings above it, outermost first, joined by " > " """
    page: int | None = None
    """from 1, where the document has pages"""
    metadata: dict[str, Any] = field(default_factory=dict)
    """of its document; what filters look at"""

    @property
    def id(self) -> str:
        """The same for the same text at the same place: 32 hexadecimal digits."""
        return sha256(f"{self.source}\0{self.start}\0{self.end}\0{self.text}".encode()).hexdigest()[:32]

    @property
    def searched_text(self) -> str:
        """What of it is searched: its headings and its text."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found. The best score is near 1, and 0 is what has nothing to do with the query."""

    chunk: Chunk
    score: float
    text_score: float | None = None
    """what its words alone gave it (BM25), where they matched"""
    vector_score: float | None = None
    """the cosine of its vector and the query's, where vectors were asked"""
