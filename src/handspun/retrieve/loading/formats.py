"""The kinds of files that can be read, by their suffixes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from handspun.retrieve.loading.jsonl import load_jsonl
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.markdown import load_markdown
from handspun.retrieve.loading.text import load_text

ONE: dict[str, Callable[[Path], Loaded]] = {".txt": load_text, ".md": load_markdown}
"""files that hold one document"""
MANY: dict[str, Callable[[Path], Iterator[Loaded]]] = {".jsonl": load_jsonl, ".jsonl.zst": load_jsonl}
"""files that hold any number of them"""
SUFFIXES = (*ONE, *MANY)


def suffix_of(path: Path) -> str | None:
    """The suffix by which a file is read; None where it is not."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def load(path: Path) -> Iterator[Loaded]:
    """The documents of a file. Raises CorpusError or OSError, perhaps after some of them."""
    suffix = suffix_of(path)
    if suffix in MANY:
        yield from MANY[suffix](path)
    elif suffix is not None:
        yield ONE[suffix](path)
