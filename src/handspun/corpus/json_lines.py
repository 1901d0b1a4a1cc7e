"""Reads files of one JSON value per line, plain or zstd, one bounded line at a time."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from handspun.corpus.extra import needed

MAX_LINE_BYTES = 64 * 2**20
BOM = b"\xef\xbb\xbf"

OnBad = Callable[[Path, int, str], None]


def json_lines(path: Path, on_bytes: Callable[[int], None], on_bad: OnBad, kind: Any = Any) -> Iterator[tuple[int, Any]]:
    """(line number, value) of every line that holds a value of type `kind`; `on_bad` hears of the others, blank ones apart.

    `on_bytes` hears how many bytes of the file were read since it was last told.
    """
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as raw, _decompressed(path, raw) as file:
        position = 0
        for number, line in _bounded_lines(path, file, on_bad):
            on_bytes(raw.tell() - position)
            position = raw.tell()
            try:
                yield number, decoder.decode(line)
            except UnicodeDecodeError:
                on_bad(path, number, "not UTF-8")
            except (ValueError, RecursionError) as error:
                on_bad(path, number, f"not the JSON that is expected: {error}")


@contextmanager
def _decompressed(path: Path, raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file itself, or what it holds when it is zstd."""
    if path.suffix.lower() != ".zst":
        yield raw
        return
    reader = needed("zstandard", path).ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    with io.BufferedReader(reader, buffer_size=2**20) as file:
        yield file


def _bounded_lines(path: Path, file: IO[bytes], on_bad: OnBad) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of the lines that are not blank; one above the limit is skipped, a damaged rest of the file too."""
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(MAX_LINE_BYTES)
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                on_bad(path, number, f"longer than {MAX_LINE_BYTES:,} bytes")
                while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                continue
        except _decompression_errors(path) as error:
            on_bad(path, number, f"damaged from here on: {error}")
            return
        if not line:
            return
        line = line.removeprefix(BOM) if number == 1 else line
        if line.strip():
            yield number, line


def _decompression_errors(path: Path) -> tuple[type[Exception], ...]:
    return (needed("zstandard", path).ZstdError,) if path.suffix.lower() == ".zst" else ()
