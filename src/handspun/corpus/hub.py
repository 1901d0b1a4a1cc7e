"""Text of the Hugging Face hub, read once and kept: pieces of compressed JSON lines, and where the stream goes on.

    HUB_FOLDER/OWNER/NAME/CONFIG/SPLIT/COLUMN/
    ├── piece-00000.jsonl.zst ...   {"text", "id"} per row, in the order of the data set
    └── stored.json                 the pieces with their checksums, and the place in the stream after the last of them

A piece counts from the moment stored.json names it. What breaks off goes on from there, and a recipe that asks for more text
later adds to what is there; a recipe that asks for less reads the first part of it.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from handspun.corpus.document import Document
from handspun.corpus.extra import needed
from handspun.corpus.hub_name import HubName
from handspun.corpus.hub_stream import HubStream
from handspun.corpus.json_lines import OnBad, json_lines
from handspun.corpus.quarantine import Quarantine
from handspun.corpus.sources import document_of, fault
from handspun.errors import CorpusError, DamagedFileError
from handspun.files import durable_writer, read_json, sha256, verify_file, write_json

PIECE_BYTES = 64 * 2**20
"""Text per piece: what an interruption loses at most."""
STORED, LOCK = "stored.json", ".lock"

OnBytes = Callable[[int], None]


class Piece(NamedTuple):
    """One file of rows: its text in bytes, its own size, and its checksum."""

    name: str
    n_rows: int
    text_bytes: int
    file_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a data set so far."""

    pieces: tuple[Piece, ...] = ()
    state: dict[str, Any] | None = None
    is_whole: bool = False
    """Whether the data set has no more rows."""

    @property
    def text_bytes(self) -> int:
        """Text in all pieces."""
        return sum(piece.text_bytes for piece in self.pieces)


class HubSource:
    """A data set of the hub, of which at most `max_bytes` of text are read; `folder` is where all data sets are kept."""

    def __init__(self, name: str, folder: Path, max_bytes: int) -> None:
        self.name, self.max_bytes = name, max_bytes
        self.folder = folder.expanduser() / HubName.parse(name).folder

    @property
    def n_bytes(self) -> int:
        """Text there is to read."""
        stored = self.stored()
        return min(self.max_bytes, stored.text_bytes) if stored.is_whole else self.max_bytes

    def stored(self) -> Stored:
        """What is kept so far. Raises DamagedFileError."""
        path = self.folder / STORED
        if not path.is_file():
            return Stored()
        try:
            return msgspec.convert(read_json(path), Stored)
        except msgspec.ValidationError as error:
            raise DamagedFileError(f"{path} does not say what is kept ({error}); delete its folder and run again.") from error

    @property
    def n_missing(self) -> int:
        """Text that is not kept yet, as far as is known."""
        return max(0, self.n_bytes - self.stored().text_bytes)

    def fetch(self, on_bytes: OnBytes) -> None:
        """Read on until `max_bytes` are kept or the data set ends. Raises CorpusError, or DiskFullError."""
        if not self.n_missing:
            return
        with self._locked():
            for torn in self.folder.glob(".*.tmp"):
                torn.unlink()
            stored = self.stored()
            stream = HubStream(self.name, stored.state)
            if stream.is_another:
                raise CorpusError(
                    f'"{self.name}" has changed on the hub since the {stored.text_bytes:,} bytes in {self.folder} were read: '
                    f"delete that folder to read it anew, or name the revision it came from with ?revision=."
                )
            rows = stream.rows()
            while not stored.is_whole and stored.text_bytes < self.max_bytes:
                stored = self._with_next_piece(stored, stream, rows, on_bytes)
                write_json(self.folder / STORED, asdict(stored))

    def documents(self, quarantine: Quarantine, on_bytes: OnBytes) -> Iterator[Document]:
        """The first `max_bytes` of what is kept, fetched where they are not; each piece is checked before it is read."""

        def on_bad(path: Path, line: int, reason: str) -> None:
            quarantine.add(self.name, path, line, reason)

        self.fetch(lambda _: None)
        n_read = 0
        for piece, number, record in self._records(on_bad):
            if n_read >= self.max_bytes:
                return
            size = text_bytes(record)
            n_read += size
            on_bytes(size)
            if reason := fault(record):
                on_bad(self.folder / piece.name, number, reason)
            else:
                quarantine.n_good += 1
                yield document_of(record, f"{piece.name}:{number}", self.name)

    def _records(self, on_bad: OnBad) -> Iterator[tuple[Piece, int, Any]]:
        """(piece, row from 1, record) of everything that is kept. Raises DamagedFileError."""
        for piece in self.stored().pieces:
            path = self.folder / piece.name
            verify_file(path, bytes_expected=piece.file_bytes, sha256_expected=piece.sha256)
            for number, record in json_lines(path, lambda _: None, on_bad):
                yield piece, number, record

    def _with_next_piece(self, stored: Stored, stream: HubStream, rows: Iterator[dict[str, Any]], on_bytes: OnBytes) -> Stored:
        """Write the next piece and return what is kept then."""
        path = self.folder / f"piece-{len(stored.pieces):05d}.jsonl.zst"
        zstandard = needed("zstandard", self.name, extra="hub")
        limit = min(PIECE_BYTES, self.max_bytes - stored.text_bytes)
        n_rows = n_bytes = 0
        is_whole = False
        with durable_writer(path) as file, zstandard.ZstdCompressor().stream_writer(file, closefd=False) as compressed:
            while n_bytes < limit and not is_whole:
                row = next(rows, None)
                if row is None:
                    is_whole = True
                else:
                    compressed.write(msgspec.json.encode(row) + b"\n")
                    size = text_bytes(row)
                    n_rows, n_bytes = n_rows + 1, n_bytes + size
                    on_bytes(size)
        piece = Piece(path.name, n_rows, n_bytes, path.stat().st_size, sha256(path))
        return Stored((*stored.pieces, piece), stream.state, is_whole)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder, so that no two runs write into it. Raises CorpusError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("a+", encoding="utf-8") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                raise CorpusError(f"another process reads {self.name} into {self.folder}: wait until it is done.") from error
            yield


def text_bytes(record: Mapping[str, Any]) -> int:
    """The UTF-8 bytes of a row's text."""
    return len((record["text"] or "").encode())
