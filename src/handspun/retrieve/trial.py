"""An index in memory, to be asked questions whose answers are known."""

from collections.abc import Callable, Sequence
from pathlib import Path

from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.embedder import embed_lacking
from handspun.retrieve.embedders import make_embedder
from handspun.retrieve.fusion import Arms, Candidate
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.sqlite_store import SqliteStore

OnRead = Callable[[int], None]
"""is told how many chunks and questions have been read"""


class Trial:
    """An index of these chunks, with what `embedder = asked` means for them: an embedder that knows no other text."""

    def __init__(self, chunks: Sequence[Chunk], asked: str, cache: Path | None, on_read: OnRead) -> None:
        self.on_read, self.n_read = on_read, len(chunks)
        words = [stems(chunk.searched_text) for chunk in chunks]
        self.arms, self.store = Arms(Lexicon.of(words), make_embedder(asked, words, cache)), SqliteStore(":memory:")
        documents = {chunk.source: IndexedDocument(chunk.source, "", chunk.metadata) for chunk in chunks}
        self.store.replace(IndexedFile("trial", "", 0), list(documents.values()), chunks)
        if self.arms.embedder is not None:
            embed_lacking(self.store, self.arms.embedder, lambda done, _: on_read(done))
            self.store.use_embedder(self.arms.embedder.name)

    def candidates(self, query: str) -> list[Candidate]:
        """What comes up for a question."""
        self.on_read(self.n_read)
        self.n_read += 1
        return self.arms.candidates(self.store, query)

    def close(self) -> None:
        """Let go of the memory."""
        self.store.close()
