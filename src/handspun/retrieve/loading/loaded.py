"""What a file holds once it is read: texts, with their headings, pages and metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handspun.retrieve.loading.normal import normalized

MAX_METADATA_CHARS = 1000
"""of one value; what is longer is content and not what a filter asks for"""
MAX_LISTED = 100
"""values of a list of them"""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading at characters `start` to `end` of the text; level 1 is the outermost."""

    start: int
    end: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """One text out of a file. `pages` are the places where pages begin; `id` tells it from others of the same file."""

    text: str
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


def plain_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a filter can ask for: numbers, true and false, texts that are short and not blank, and lists of these."""
    found = {key: tidy(value) for key, value in values.items()}
    return {key: value for key, value in found.items() if is_plain(value) or (isinstance(value, list) and is_list(value))}


def tidy(value: Any) -> Any:
    """A text on one line and as every text is stored."""
    return " ".join(normalized(value).split()) if isinstance(value, str) else value


def is_plain(value: Any) -> bool:
    """Whether a value is a number, true or false, or a text of a line or two."""
    if isinstance(value, str):
        return 0 < len(value) <= MAX_METADATA_CHARS
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def is_list(values: list[Any]) -> bool:
    """Whether these are not many, and each is plain."""
    return len(values) <= MAX_LISTED and all(map(is_plain, values))
