"""A text that is put together block by block, with an empty line between blocks, and remembers where headings and pages are."""

from collections.abc import Mapping
from typing import Any

from handspun.retrieve.loading.loaded import Heading, Loaded, plain_metadata
from handspun.retrieve.loading.normal import normalized

JOINT = "\n\n"


class Draft:
    """What has been read of a document so far."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[int] = []

    def add(self, words: str) -> int:
        """Put a paragraph at the end, where it is not blank, and return where it begins."""
        words = normalized(words).strip()
        start = self._length
        if words:
            self._blocks.append(words)
            self._length += len(words) + len(JOINT)
        return start

    def add_heading(self, title: str, level: int) -> None:
        """Put a heading at the end, where it is not blank."""
        start = self.add(title)
        if self._length > start:
            self._headings.append(Heading(start, self._length - len(JOINT), level, self._blocks[-1]))

    def mark_heading(self, start: int, end: int, title: str, level: int) -> None:
        """Remember that what stands there already is a heading."""
        self._headings.append(Heading(start, end, level, title))

    def begin_page(self) -> None:
        """What comes next stands on a new page."""
        self._pages.append(self._length)

    def finish(self, metadata: Mapping[str, Any]) -> Loaded:
        """The whole document."""
        text = JOINT.join(self._blocks)
        pages = tuple(min(page, len(text)) for page in self._pages)
        return Loaded(text, tuple(self._headings), pages, plain_metadata(metadata))
