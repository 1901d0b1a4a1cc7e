"""The kinds of files that can be read, by their suffixes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from handspun.retrieve.loading.docx import load_docx
from handspun.retrieve.loading.epub import load_epub
from handspun.retrieve.loading.html import load_html
from handspun.retrieve.loading.jsonl import load_jsonl
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.markdown import load_markdown
from handspun.retrieve.loading.pdf import load_pdf
from handspun.retrieve.loading.restructured import load_restructured
from handspun.retrieve.loading.text import load_text

ONE: dict[str, Callable[[Path], Loaded]] = {
    ".txt": load_text,
    ".md": load_markdown,
    ".rst": load_restructured,
    ".html": load_html,
    ".htm": load_html,
    ".xhtml": load_html,
    ".pdf": load_pdf,
    ".docx": load_docx,
    ".epub": load_epub,
}
"""files that hold one document"""
MANY: dict[str, Callable[[Path], Iterator[Loaded]]] = {".jsonl": load_jsonl, ".jsonl.zst": load_jsonl}
"""files that hold any number of them"""
SUFFIXES = (*ONE, *MANY)


def suffix_of(path: Path) -> str | None:
    """The suffix by which a file is read; None where it is not."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def load(path: Path) -> Iterator[Loaded]:
    """The documents of a file that are not blank. Raises CorpusError or OSError, perhaps after some of them."""
    suffix = suffix_of(path)
    if suffix is not None:
        texts = MANY[suffix](path) if suffix in MANY else [ONE[suffix](path)]
        yield from (loaded for loaded in texts if loaded.text.strip())
