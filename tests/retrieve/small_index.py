"""A few documents about animals to try a store with."""

import numpy as np

from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile

TEXTS = {
    "guide/fox.md": "The quick fox runs. Foxes hunt hares at night.",
    "guide/dog.md": "The lazy dog sleeps. Dogs bark at the moon.",
    "notes/owl.txt": "The owl sees everything. Owls hunt mice at night.",
}
METADATA = {
    "guide/fox.md": {"lang": "en", "year": 2020, "tags": ["forest", "red"]},
    "guide/dog.md": {"lang": "en", "year": 2021, "tags": ["house"]},
    "notes/owl.txt": {"lang": "de", "year": 2021, "is_draft": True},
}
EMBEDDER = "three axes"


def file_of(source: str, sha256: str = "0" * 64) -> IndexedFile:
    """The file of one of the texts."""
    return IndexedFile(source, sha256, len(TEXTS[source]))


def document_of(source: str) -> IndexedDocument:
    """The document of one of the texts."""
    return IndexedDocument(source, TEXTS[source], METADATA[source])


def chunks_of(source: str) -> list[Chunk]:
    """Its two sentences."""
    text, border = TEXTS[source], TEXTS[source].index(".") + 1
    spans = [(0, border), (border + 1, len(text))]
    return [Chunk(source, a, b, text[a:b], "Animals", None, METADATA[source]) for a, b in spans]


def vectors_of(source: str) -> np.ndarray:
    """Vectors of the two: on the text's own axis, and half on the next one's."""
    axis = list(TEXTS).index(source)
    vectors = np.zeros((2, 3), np.float32)
    vectors[:, axis] = 1.0, 0.6
    vectors[1, (axis + 1) % 3] = 0.8
    return vectors
