"""Passages and the questions that they answer: what exercises in reading are made of."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from handspun.corpus.document import Document

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that questions are asked about. Passages of one group, such as an article, share their side of the split."""

    text: str
    group: str
    id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, in one phrasing or several, and the answer that its passage holds."""

    phrasings: tuple[str, ...]
    answer: str
    passage: Passage
    id: str
    kind: str = ""
    """what is asked of many groups alike, such as a field of facts; empty where a question is of its own kind"""


@dataclass(frozen=True)
class Reading:
    """What a file holds: passages in order, and what is asked about them."""

    passages: tuple[Passage, ...]
    asks: tuple[Ask, ...]

    def only(self, is_kept: Callable[[str], bool]) -> "Reading":
        """What there is about the groups that are kept."""
        return Reading(
            tuple(passage for passage in self.passages if is_kept(passage.group)),
            tuple(ask for ask in self.asks if is_kept(ask.passage.group)),
        )

    def documents(self, source: str) -> Iterator[Document]:
        """The passages as text to pretrain on."""
        for passage in self.passages:
            yield Document(passage.text, passage.id, source, {"group": passage.group})

    @cached_property
    def by_passage(self) -> dict[str, list[Ask]]:
        """What is asked about each passage, by its id."""
        return grouped((ask.passage.id, ask) for ask in self.asks)

    @cached_property
    def by_group(self) -> dict[str, list[Passage]]:
        """The passages of each group."""
        return grouped((passage.group, passage) for passage in self.passages)

    @cached_property
    def by_kind(self) -> dict[str, list[Ask]]:
        """The questions of each kind."""
        return grouped((ask.kind, ask) for ask in self.asks if ask.kind)


def grouped(pairs: Iterable[tuple[str, Value]]) -> dict[str, list[Value]]:
    """The values of each key, in order."""
    groups: dict[str, list[Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
