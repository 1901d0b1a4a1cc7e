"""Brings an index up to what its folders hold now: what is new or has changed is read, what is gone is removed."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handspun.errors import CorpusError
from handspun.files import reason as reason_of
from handspun.files import sha256
from handspun.retrieve.chunk import IndexedDocument, IndexedFile
from handspun.retrieve.chunker import CountTokens, chunk_document
from handspun.retrieve.index import Index
from handspun.retrieve.loading.formats import load
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.scan import scan
from handspun.retrieve.token_count import token_counter

OnProgress = Callable[[int, int], None]
"""is told how many bytes of how many are done"""
Outcome = Literal["added", "changed", "removed", "failed", "unchanged"]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, and what the index holds after it."""

    files: int
    """that can be searched"""
    chunks: int
    added: int
    changed: int
    removed: int
    failed: tuple[tuple[str, str], ...]
    """path and reason of every file that could not be read, or not all of it"""
    unread: dict[str, int]
    """how many files of each other suffix were left"""
    seconds: float


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


def sync(index: Index, on_progress: OnProgress = unheard) -> SyncReport:
    """Read what is new, has changed or failed before, a file at a time and each in one transaction; forget what is gone.

    It may be stopped at any time: the next one goes on. Raises RetrieveError where a folder is gone or another process writes.
    """
    began = time.monotonic()
    with index.lock():
        found, known = scan(index.roots), index.store.files()
        outcomes = Counter(forget(index, path) for path in known.keys() - found.files.keys() - found.refused.keys())
        for path, reason in found.refused.items():
            outcomes[put_failure(index, known.get(path), IndexedFile(path, "", 0, "failed", reason))] += 1
        count_tokens = token_counter(index.tokenizer)
        sizes = {path: file.stat().st_size for path, file in found.files.items()}
        done, total = 0, sum(sizes.values())
        for path, file in found.files.items():
            on_progress(done, total)
            outcomes[renew(index, path, file, known.get(path), count_tokens)] += 1
            done += sizes[path]
        on_progress(total, total)
    files, counts = index.store.files().values(), index.store.counts()
    failed = tuple((file.path, file.reason) for file in files if file.reason)
    n_read = sum(file.status == "read" for file in files)
    seconds = round(time.monotonic() - began, 3)
    added, changed, removed = (outcomes[kind] for kind in ("added", "changed", "removed"))
    return SyncReport(n_read, counts.chunks, added, changed, removed, failed, dict(found.unread), seconds)


def forget(index: Index, path: str) -> Outcome:
    """Remove a file that is gone."""
    index.store.remove(path)
    return "removed"


def renew(index: Index, path: str, file: Path, before: IndexedFile | None, count_tokens: CountTokens) -> Outcome:
    """Put a file into the index unless it was read before just as it is."""
    try:
        digest, size = sha256(file), file.stat().st_size
    except OSError as error:
        return put_failure(index, before, IndexedFile(path, "", 0, "failed", reason_of(error)))
    if before is not None and before.status == "read" and before.sha256 == digest:
        return "unchanged"
    texts, reason = read(file)
    if not texts:
        return put_failure(index, before, IndexedFile(path, digest, size, "failed", reason))
    documents = [IndexedDocument(source_of(path, text), text.text, text.metadata) for text in texts]
    chunks = [
        chunk
        for document, text in zip(documents, texts)
        for chunk in chunk_document(document, text.headings, text.pages, count_tokens, index.config.chunk_tokens)
    ]
    index.store.replace(IndexedFile(path, digest, size, "read", reason), documents, chunks)
    return "changed" if before is not None and before.status == "read" else "added"


def read(file: Path) -> tuple[list[Loaded], str]:
    """The texts in a file that are not blank, and why there are no more of them."""
    texts, reason = [], ""
    try:
        texts.extend(text for text in load(file) if text.text.strip())
    except CorpusError as error:
        reason = str(error)
    except OSError as error:
        reason = reason_of(error)
    return texts, reason or ("" if texts else "holds no text")


def source_of(path: str, text: Loaded) -> str:
    """How a document is called."""
    return path if text.id is None else f"{path}#{text.id}"


def put_failure(index: Index, before: IndexedFile | None, file: IndexedFile) -> Outcome:
    """Note that a file cannot be read. What was indexed of it goes: it is no longer what the file says."""
    if file != before:
        index.store.replace(file)
    return "failed"
