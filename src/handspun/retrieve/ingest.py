"""Brings an index up to what its folders hold now: what is new or has changed is read, what is gone is removed."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from handspun.files import reason as reason_of
from handspun.files import sha256
from handspun.progress import OnProgress, unheard
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.chunker import chunk_document
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.index import Index
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.reader import Reader
from handspun.retrieve.scan import scan
from handspun.retrieve.source import source_of
from handspun.retrieve.token_count import token_counter
from handspun.retrieve.tuning import embedder_in_use

FORMAT = 1
"""of what is made of a file; another number here, and every index reads its files anew"""
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
    """that could be searched before: they are gone, or can no longer be read"""
    failed: tuple[tuple[str, str], ...]
    """path and reason of every file that could not be read"""
    in_part: tuple[tuple[str, str], ...]
    """path and reason of every file that can be searched, but not all of it: some of its lines could not be read"""
    unread: dict[str, int]
    """how many files of each other suffix were left"""
    seconds: float


def sync(index: Index, on_progress: OnProgress = unheard) -> SyncReport:
    """Read what is new, has changed or failed before, a file at a time and each in one transaction; forget what is gone.

    Progress is counted in bytes. It may be stopped at any time: the next one goes on. Raises RetrieveError where a folder is
    gone or another process writes.
    """
    began = time.monotonic()
    found = scan(index.roots)
    with index.lock(), Reader() as reader:
        ingest = Ingest(index, reader)
        outcomes = Counter(ingest.forget(path) for path in ingest.known.keys() - found.files.keys() - found.refused.keys())
        outcomes.update(ingest.refuse(IndexedFile(path, "", 0, "failed", reason)) for path, reason in found.refused.items())
        sizes = {path: size_of(file) for path, file in found.files.items()}
        done, total = 0, sum(sizes.values())
        for path, file in found.files.items():
            on_progress(done, total)
            outcomes[ingest.renew(path, file)] += 1
            done += sizes[path]
        on_progress(total, total)
        index.store.note(made_with=ingest.made_with)
        files, chunks = index.store.files().values(), index.store.counts().chunks
    failed = tuple((file.path, file.reason) for file in files if file.status == "failed")
    in_part = tuple((file.path, file.reason) for file in files if file.status == "read" and file.reason)
    n_read = len(files) - len(failed)
    seconds = round(time.monotonic() - began, 3)
    added, changed, removed = (outcomes[kind] for kind in ("added", "changed", "removed"))
    return SyncReport(n_read, chunks, added, changed, removed, failed, in_part, dict(found.unread), seconds)


class Ingest:
    """Puts files into an index, one at a time."""

    def __init__(self, index: Index, reader: Reader) -> None:
        self.index = index
        self.reader = reader
        self.known = index.store.files()
        self.count_tokens = token_counter(index.tokenizer)
        if not self.known:
            index.store.note(made_with=self.made_with)

    @cached_property
    def made_with(self) -> dict[str, Any]:
        """What the chunks of a file depend on beside the file."""
        tokenizer = self.index.tokenizer
        counted_by = "estimate" if tokenizer is None else tokenizer.sha256
        return {"format": FORMAT, "chunk_tokens": self.index.config.chunk_tokens, "tokenizer": counted_by}

    @cached_property
    def embedder(self) -> Embedder | None:
        """What gives new chunks their vectors."""
        return embedder_in_use(self.index)

    @cached_property
    def is_stale(self) -> bool:
        """Whether the chunks that are there were made in another way."""
        return self.index.store.facts().get("made_with") != self.made_with

    def forget(self, path: str) -> Outcome:
        """Remove a file that is gone."""
        self.index.store.remove(path)
        return self.loss_of(path)

    def refuse(self, file: IndexedFile) -> Outcome:
        """Note that a file cannot be read. What was indexed of it goes: it is no longer what the file says."""
        if file != self.known.get(file.path):
            self.index.store.replace(file)
        return self.loss_of(file.path)

    def loss_of(self, path: str) -> Outcome:
        """What it means that a file cannot be searched now: one that could be is removed."""
        before = self.known.get(path)
        return "removed" if before is not None and before.status == "read" else "failed"

    def renew(self, path: str, file: Path) -> Outcome:
        """Put a file into the index unless it was read before just as it is."""
        before = self.known.get(path)
        digest_before = before.sha256 if before is not None and before.status == "read" else None
        try:
            digest, size = sha256(file), file.stat().st_size
        except OSError as error:
            return self.refuse(IndexedFile(path, "", 0, "failed", reason_of(error)))
        if digest_before == digest and not self.is_stale:
            return "unchanged"
        texts, reason = self.reader.read(file)
        if not texts:
            return self.refuse(IndexedFile(path, digest, size, "failed", reason))
        documents = [IndexedDocument(source_of(path, text.id), text.text, text.metadata) for text in texts]
        chunks = [chunk for pair in zip(documents, texts) for chunk in self.chunks_of(*pair)]
        vectors = self.embedder.embed([chunk.searched_text for chunk in chunks]) if self.embedder and chunks else None
        self.index.store.replace(IndexedFile(path, digest, size, "read", reason), documents, chunks, vectors)
        return "added" if digest_before is None else "changed"

    def chunks_of(self, document: IndexedDocument, text: Loaded) -> list[Chunk]:
        """The chunks of a document."""
        return chunk_document(document, text.headings, text.pages, self.count_tokens, self.index.config.chunk_tokens)


def size_of(file: Path) -> int:
    """The bytes of a file; none where it is gone meanwhile."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
