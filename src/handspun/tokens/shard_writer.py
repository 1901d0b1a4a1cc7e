"""Writing a set of shards: under a temporary name until it is whole."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from handspun.errors import CorpusError
from handspun.files import disk_errors, durable_writer, seal_folder, sync_folder
from handspun.tokens.tokenizer import Tokenizer

SHARD_TOKENS = 2**27
"""tokens per shard: 256 MiB of uint16"""
STARTS_FILE = "document_starts.bin"


@dataclass(frozen=True, slots=True)
class Encoded:
    """Some documents as ids, their loss masks (none for plain documents), and the bytes of text they came from."""

    ids: list[np.ndarray]
    loss_masks: list[np.ndarray]
    n_bytes: int


class ArrayShards:
    """Numbered files of `shard_tokens` values each, filled one after the other."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype, shard_tokens: int) -> None:
        self._folder, self._name, self._dtype, self._size = folder, name, dtype, shard_tokens
        self._files = ExitStack()
        self._file: IO[bytes] | None = None
        self.n_written = 0

    def __enter__(self) -> "ArrayShards":
        return self

    def __exit__(self, *error: Any) -> None:
        self._files.__exit__(*error)

    def append(self, values: np.ndarray) -> None:
        """Write `values`, going on to the next file where one is full. Raises DiskFullError."""
        while len(values):
            room = self._size - self.n_written % self._size
            if room == self._size:
                self._next_file()
            assert self._file is not None
            self._file.write(values[:room].astype(self._dtype).tobytes())
            self.n_written += len(values[:room])
            values = values[room:]

    def _next_file(self) -> None:
        self._files.close()
        path = self._folder / f"{self._name}-{self.n_written // self._size:05d}.bin"
        self._file = self._files.enter_context(durable_writer(path))


def token_dtype(vocab_size: int) -> np.dtype:
    """The smallest type that holds every id."""
    return np.dtype(np.uint16 if vocab_size <= 2**16 else np.uint32)


def write_set(batches: Iterable[Encoded], tokenizer: Tokenizer, folder: Path, shard_tokens: int) -> None:
    """Write `batches` as the set at `folder`, replacing what was there once the new set is whole.

    Raises CorpusError where there is no document, DiskFullError where there is no room.
    """
    dtype = token_dtype(tokenizer.vocab_size)
    n_bytes = n_documents = 0
    with replaced_folder(folder) as temporary:
        with (
            ArrayShards(temporary, "tokens", dtype, shard_tokens) as tokens,
            ArrayShards(temporary, "loss_mask", np.dtype(np.uint8), shard_tokens) as loss_mask,
            durable_writer(temporary / STARTS_FILE) as starts,
        ):
            for batch in batches:
                starts.write(_starts(batch.ids, tokens.n_written).tobytes())
                tokens.append(np.concatenate(batch.ids))
                for mask in batch.loss_masks:
                    loss_mask.append(mask)
                n_bytes += batch.n_bytes
                n_documents += len(batch.ids)
        if not n_documents:
            raise CorpusError(f"there is no text to write to {folder}: name sources that hold some in corpus.sources.")
        facts = {
            "dtype": dtype.name,
            "shard_tokens": shard_tokens,
            "n_documents": n_documents,
            "n_tokens": tokens.n_written,
            "n_bytes": n_bytes,
            "vocab_size": tokenizer.vocab_size,
            "tokenizer_sha256": tokenizer.sha256,
        }
        seal_folder(temporary, facts)


def _starts(ids: list[np.ndarray], n_before: int) -> np.ndarray:
    """Where each document starts in the set (uint64), `n_before` tokens being there already."""
    lengths = np.array([len(document) for document in ids])
    return (n_before + np.cumsum(lengths) - lengths).astype(np.uint64)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` when the block ends well, and vanishes when it does not.

    A crash between the two renames leaves the old folder under its retired name; the next call brings it back first.
    """
    temporary, retired = folder.with_name(f".{folder.name}.tmp"), folder.with_name(f".{folder.name}.old")
    if retired.exists() and not folder.exists():
        retired.rename(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(retired, ignore_errors=True)
    with disk_errors(folder):
        temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            folder.rename(retired)
        temporary.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(retired, ignore_errors=True)
