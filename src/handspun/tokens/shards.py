"""Shards: the tokens of a corpus on disk, memory-mapped, with a checksum for every file.

A set is a folder: tokens-00000.bin and on (uint16, or uint32 for a vocabulary above 65,536), document_starts.bin (uint64, the
place of each document's first token), for conversations loss_mask-00000.bin and on (uint8, 1 = counts), and manifest.json.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from handspun.corpus.document import Conversation, Document
from handspun.errors import DamagedFileError
from handspun.files import read_manifest, verify_file
from handspun.tokens.chat import assemble
from handspun.tokens.shard_writer import SHARD_TOKENS, STARTS_FILE, Encoded, write_set
from handspun.tokens.tokenizer import Tokenizer

BATCH_CHARS = 1 << 22
"""characters encoded at a time: enough to keep every core busy, little to hold in memory"""

Progress = Callable[[int, int | None], None]
"""gets the bytes of text done and, where known, the bytes there are"""

Item = TypeVar("Item")


def write_documents(
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    folder: Path,
    *,
    on_progress: Progress | None = None,
    total_bytes: int | None = None,
    shard_tokens: int = SHARD_TOKENS,
) -> "ShardSet":
    """Encode `documents`, in order, as a set at `folder`, which appears whole or not at all; each begins with <|endoftext|>.

    Raises CorpusError where there is no document, DiskFullError where there is no room.
    """
    batches = map(partial(_encode_documents, tokenizer), _batches(documents, lambda document: len(document.text)))
    write_set(_reporting(batches, on_progress, total_bytes), tokenizer, folder, shard_tokens)
    return ShardSet(folder, verify=False)


def write_conversations(
    conversations: Iterable[Conversation],
    tokenizer: Tokenizer,
    folder: Path,
    *,
    on_progress: Progress | None = None,
    total_bytes: int | None = None,
    shard_tokens: int = SHARD_TOKENS,
) -> "ShardSet":
    """Render `conversations`, in order, as a set at `folder` with a loss mask. Raises as `write_documents` does."""
    batches = map(partial(_encode_conversations, tokenizer), _batches(conversations, _conversation_chars))
    write_set(_reporting(batches, on_progress, total_bytes), tokenizer, folder, shard_tokens)
    return ShardSet(folder, verify=False)


class ShardSet:
    """A set of shards, read through the page cache. Documents, or conversations, are numbered in the order written."""

    def __init__(self, folder: Path, *, verify: bool = True) -> None:
        """Open the set at `folder`. Raises DamagedFileError naming the first file that is not as it was written.

        Every file is read through once per process; `verify=False` is for a set that this process has just written.
        """
        self.folder = folder
        self._manifest = _verified_manifest(folder) if verify else read_manifest(folder)
        if "n_tokens" not in self._manifest:
            raise DamagedFileError(f"{folder} holds no token shards: name the folder that handspun tokenize wrote.")
        names = [name for name in self._manifest["files"] if name.startswith("tokens-")]
        masks = [name for name in self._manifest["files"] if name.startswith("loss_mask-")]
        self.dtype = np.dtype(self._manifest["dtype"])
        self.document_starts = np.memmap(folder / STARTS_FILE, dtype=np.uint64, mode="r")
        self._shards = [np.memmap(folder / name, dtype=self.dtype, mode="r") for name in sorted(names)]
        self._masks = [np.memmap(folder / name, dtype=np.uint8, mode="r") for name in sorted(masks)]

    @property
    def n_tokens(self) -> int:
        """Tokens in the set, control tokens included."""
        return self._manifest["n_tokens"]

    @property
    def n_bytes(self) -> int:
        """UTF-8 bytes of the text in the set."""
        return self._manifest["n_bytes"]

    @property
    def n_documents(self) -> int:
        """Documents, or conversations, in the set."""
        return self._manifest["n_documents"]

    @property
    def tokenizer_sha256(self) -> str:
        """The checksum of the tokenizer.json that gave the ids."""
        return self._manifest["tokenizer_sha256"]

    @property
    def has_loss_mask(self) -> bool:
        """Whether this is a set of conversations, with a mask of its own."""
        return bool(self._masks)

    def __len__(self) -> int:
        return self.n_documents

    def span(self, index: int) -> tuple[int, int]:
        """Where document `index` starts, and where it stops. Raises IndexError."""
        if not 0 <= index < self.n_documents:
            raise IndexError(f"document {index} of a set of {self.n_documents}")
        start = int(self.document_starts[index])
        return start, int(self.document_starts[index + 1]) if index + 1 < self.n_documents else self.n_tokens

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens per document (int64)."""
        return np.diff(self.document_starts.astype(np.int64), append=self.n_tokens)

    def document(self, index: int) -> np.ndarray:
        """The ids of one document, its <|endoftext|> first."""
        return self.tokens(*self.span(index))

    def loss_mask(self, index: int) -> np.ndarray:
        """Which tokens of one document are learnt from (bool): all of them unless the set has a mask."""
        return self.mask(*self.span(index))

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """Tokens `start` to `stop` of the whole set, across the borders of shards and documents. Raises IndexError."""
        return self._read(self._shards, start, stop)

    def mask(self, start: int, stop: int) -> np.ndarray:
        """The loss mask (bool) of `tokens(start, stop)`."""
        if not self.has_loss_mask:
            return np.ones(stop - start, dtype=bool)
        return self._read(self._masks, start, stop).astype(bool)

    def _read(self, shards: Sequence[np.ndarray], start: int, stop: int) -> np.ndarray:
        if not 0 <= start <= stop <= self.n_tokens:
            raise IndexError(f"tokens {start} to {stop} of a set of {self.n_tokens}")
        size = self._manifest["shard_tokens"]
        pieces = []
        while start < stop:
            shard, offset = divmod(start, size)
            length = min(stop - start, size - offset)
            pieces.append(shards[shard][offset : offset + length])
            start += length
        return np.concatenate(pieces) if pieces else np.array([], dtype=shards[0].dtype)


def _verified_manifest(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    entries = tuple((folder.resolve() / name, entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items())
    for path, n_bytes, _ in entries:
        if not path.is_file() or path.stat().st_size != n_bytes:
            raise DamagedFileError(f"{path} is missing or cut short; delete its folder and run again.")
    _verify_once(entries)
    return manifest


@cache
def _verify_once(entries: tuple[tuple[Path, int, str], ...]) -> None:
    """Read these files through, the first time this process meets them under these sizes and checksums."""
    for path, n_bytes, checksum in entries:
        verify_file(path, bytes_expected=n_bytes, sha256_expected=checksum)


def _batches(items: Iterable[Item], chars: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Runs of about BATCH_CHARS characters."""
    batch, n_chars = [], 0
    for item in items:
        batch.append(item)
        n_chars += chars(item)
        if n_chars >= BATCH_CHARS:
            yield batch
            batch, n_chars = [], 0
    if batch:
        yield batch


def _encode_documents(tokenizer: Tokenizer, documents: list[Document]) -> Encoded:
    texts = [document.text for document in documents]
    opening = np.array([tokenizer.end_of_text], dtype=np.uint32)
    ids = [np.concatenate([opening, encoded]) for encoded in tokenizer.encode_batch(texts)]
    return Encoded(ids, [], sum(map(_utf8_bytes, texts)))


def _encode_conversations(tokenizer: Tokenizer, conversations: list[Conversation]) -> Encoded:
    texts = [message.content for conversation in conversations for message in conversation.messages]
    contents = iter(tokenizer.encode_batch(texts))
    rendered = [assemble(tokenizer, each.messages, [next(contents) for _ in each.messages]) for each in conversations]
    return Encoded([each.ids for each in rendered], [each.loss_mask for each in rendered], sum(map(_utf8_bytes, texts)))


def _conversation_chars(conversation: Conversation) -> int:
    return sum(len(message.content) for message in conversation.messages)


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _reporting(batches: Iterable[Encoded], on_progress: Progress | None, total_bytes: int | None) -> Iterator[Encoded]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.n_bytes
        if on_progress:
            on_progress(done, total_bytes)
