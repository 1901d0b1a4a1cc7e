"""The documentation that every Python installation carries, as documents: topics, docstrings, comments, C built-ins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handspun.corpus.dedup import Grams, joined_groups, near_pairs, same_key_pairs, word_grams
from handspun.corpus.document import Document
from handspun.corpus.python_builtins import builtin_objects
from handspun.corpus.python_objects import PythonObject
from handspun.corpus.python_source import library_files, read_module
from handspun.corpus.python_topics import topic_objects


@dataclass(frozen=True)
class PythonLibrary:
    """Documented objects in reading order: siblings of a module stand side by side."""

    objects: tuple[PythonObject, ...]

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Object id → its group, named after the smallest id in it: objects with the same first sentence or nearly the
        same docstring. A group is never split: else the answer to a held-out question could be learnt in training.
        """
        sentences = [item.first_sentence.lower() for item in self.objects]
        pairs = [*same_key_pairs(sentences), *near_pairs([word_grams(item.doc) for item in self.objects])]
        roots = joined_groups(len(self.objects), pairs)
        smallest: dict[int, str] = {}
        for item, root in zip(self.objects, roots, strict=True):
            smallest[root] = min(item.id, smallest.get(root, item.id))
        return {item.id: f"python:{smallest[root]}" for item, root in zip(self.objects, roots, strict=True)}

    def documents(self) -> Iterator[Document]:
        """One document per object; its group keeps near copies on one side of the split."""
        for item in self.objects:
            metadata = {"module": item.module, "kind": item.kind, "group": self.group_of[item.id]}
            yield Document(item.text, item.id, "python", metadata)

    def only(self, is_wanted: Callable[[str], bool]) -> "PythonLibrary":
        """The part of the library whose groups are wanted."""
        return PythonLibrary(tuple(item for item in self.objects if is_wanted(self.group_of[item.id])))

    def grams(self) -> Grams:
        """The distinct word 5-grams of all docstrings, sorted."""
        return np.unique(np.concatenate([np.empty(0, np.uint64), *(word_grams(item.doc) for item in self.objects)]))


def library_bytes() -> int:
    """How many bytes of source `read_library` will read."""
    return sum(path.stat().st_size for _, path in library_files())


def read_library(on_bytes: Callable[[int], None]) -> PythonLibrary:
    """Read the documentation of the running Python in seconds; `on_bytes` hears of every file's size once it is read."""
    found = list(topic_objects())
    for module, path in library_files():
        found += read_module(module, path)
        on_bytes(path.stat().st_size)
    found += builtin_objects()
    unique: dict[str, PythonObject] = {}
    for item in found:
        unique.setdefault(item.id, item)
    return PythonLibrary(tuple(unique.values()))
