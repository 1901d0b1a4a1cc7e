"""Reads text, JSONL and Parquet files, and folders of them, as documents."""

import codecs
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from handspun.corpus.document import Document
from handspun.corpus.extra import needed
from handspun.corpus.json_lines import OnBad, json_lines
from handspun.corpus.quarantine import Quarantine
from handspun.errors import CorpusError

SUFFIXES = (".txt", ".md", ".jsonl", ".jsonl.zst", ".parquet")
PIECE_CHARS = 16 * 2**10
READ_BYTES = 2**20
PARQUET_ROWS = 256

Records = Iterator[tuple[int, Any]]


class LocalSource:
    """A file, or a folder with everything readable below it; `name` is how the recipe calls it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Path(name).expanduser()
        if not self.root.exists():
            raise missing(name)
        self.files, self.unread = _files(self.root)
        """What is read, and what is left because of its name."""
        if not self.files:
            raise CorpusError(f'corpus.sources names "{name}", which holds no {", ".join(SUFFIXES)} file: name one that does.')

    @property
    def n_bytes(self) -> int:
        """The size of its files on disk."""
        return sum(path.stat().st_size for path in self.files if path.exists())

    def documents(self, quarantine: Quarantine, on_bytes: Callable[[int], None]) -> Iterator[Document]:
        """Its documents in the order of file names; what cannot be read goes to the quarantine.

        A text file is cut at blank lines into pieces of at most 16 Ki characters, so that a single long file can be split
        too. A JSONL or Parquet record is one document: its "text", with "id" or "path" as its name and the rest as metadata.
        """

        def on_bad(path: Path, line: int, reason: str) -> None:
            quarantine.add(self.name, path, line, reason)

        for path in self.files:
            if not path.resolve().is_relative_to((self.root if self.root.is_dir() else self.root.parent).resolve()):
                on_bad(path, 0, "a link that leaves its folder")
                continue
            relative = path.relative_to(self.root).as_posix() if path != self.root else path.name
            for number, record in _records(path, on_bytes, on_bad):
                if reason := fault(record):
                    on_bad(path, number, reason)
                else:
                    quarantine.n_good += 1
                    yield document_of(record, f"{relative}:{number}", self.name)


def missing(name: str, key: str = "corpus.sources") -> CorpusError:
    """What is said of a path that a key names and that is not there."""
    place = "" if Path(name).expanduser().is_absolute() else f" in {Path.cwd()}"
    return CorpusError(f'{key} names "{name}", which does not exist{place}: correct the path, or put the file there.')


def _files(root: Path) -> tuple[list[Path], list[Path]]:
    """The files to read and the others, sorted by path; what is hidden stays hidden."""
    if root.is_dir():
        below = sorted(path for path in root.rglob("*") if path.is_file() or path.is_symlink())
        files = [path for path in below if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    else:
        files = [root]
    readable = [path for path in files if path.name.lower().endswith(SUFFIXES)]
    return readable, [path for path in files if path not in set(readable)]


def _records(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Records:
    if path.suffix.lower() == ".parquet":
        return _parquet_records(path, on_bytes, on_bad)
    if path.suffix.lower() in (".txt", ".md"):
        return _text_records(path, on_bytes, on_bad)
    return json_lines(path, on_bytes, on_bad)


def fault(record: Any) -> str | None:
    """Why a record is not a document, if it is not."""
    if not isinstance(record, dict):
        return "not an object"
    if not isinstance(record.get("text"), str):
        return 'no "text"'
    return None


def document_of(record: dict[str, Any], name: str, source: str) -> Document:
    """The record as a document, without byte order mark and NUL characters, and with plain line ends."""
    text = record["text"].removeprefix("\ufeff").replace("\0", "").replace("\r\n", "\n")
    identity = str(record.get("id") or record.get("path") or name)
    return Document(text, identity, source, {key: value for key, value in record.items() if key not in ("text", "id")})


def _text_records(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Records:
    """(number from 1, {"text"}) of each piece of a text file; nothing of a file that is not UTF-8."""
    if line := _undecodable_line(path):
        on_bad(path, line, f"not UTF-8; {_advice(path)}")
        return
    with path.open(encoding="utf-8-sig") as file:
        for number, piece in enumerate(_pieces(file.read, on_bytes), start=1):
            yield number, {"text": piece}


def _advice(path: Path) -> str:
    """What to do with a file that is not UTF-8, by what it seems to be."""
    with path.open("rb") as file:
        block = file.read(READ_BYTES)
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"save it as UTF-8: iconv -f utf-16 -t utf-8 {shlex.quote(str(path))}"
    if b"\0" in block:
        return "it seems to be no text at all: leave it out"
    return f"save it as UTF-8, from Latin-1 for instance: iconv -f latin1 -t utf-8 {shlex.quote(str(path))}"


def _undecodable_line(path: Path) -> int | None:
    """The line of the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(READ_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            if not block:
                return None
            line += block.count(b"\n")


def _pieces(read: Callable[[int], str], on_bytes: Callable[[int], None]) -> Iterator[str]:
    """The text in pieces, each cut at its last blank line, else at its last line end, else anywhere."""
    rest = ""
    while block := read(READ_BYTES):
        on_bytes(len(block.encode()))
        rest += block
        start = 0
        while len(rest) - start > PIECE_CHARS:
            window_end = start + PIECE_CHARS
            cut = max(rest.rfind("\n\n", start + 1, window_end), start) or start
            cut = cut if cut > start else max(rest.rfind("\n", start + 1, window_end), start)
            cut = cut if cut > start else window_end
            yield rest[start:cut].strip("\n")
            start = cut
        rest = rest[start:]
    if rest.strip():
        yield rest.strip("\n")


def _parquet_records(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad) -> Records:
    """(row from 1, {"text", "id", "path"}) of each row; columns that are absent are left out."""
    pyarrow = needed("pyarrow", path)
    parquet = needed("pyarrow.parquet", path)
    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in ("text", "id", "path") if name in file.schema_arrow.names]
            row, n_rows = 0, max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=columns):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
                on_bytes(size * batch.num_rows // n_rows)
    except (pyarrow.ArrowException, OSError) as error:
        on_bad(path, 0, f"not a readable Parquet file: {error}")
