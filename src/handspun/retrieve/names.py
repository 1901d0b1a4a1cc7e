"""Names in a query, such as os.path.join, struct_time, or whatever stands in `backquotes`.

Who asks by name wants what is called so, and not what shares a part of the name.
"""

import re
from collections.abc import Container, Sequence
from dataclasses import replace

from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.source import document_id
from handspun.retrieve.text_query import telling_words

NAME = re.compile(r"`([^`\s]+)`|((?:[^\W\d]\w*(?:\.|::))+\w{2,}|\w+_\w+|\w*[a-z][A-Z]\w*|[A-Z]{2,}[a-z]{2,}\w*)")
OPENING_CHARS = 100
"""A chunk that says a name so early is about it, most likely."""
CALLED_SO, ENDS_SO, ABOUT, MENTIONS, PART, NAMELESS = 3.0, 1.2, 0.9, 0.8, 0.7, 0.3
"""What the score of a chunk is multiplied by: its document is called so, or by a longer name that ends so; the chunk begins
with the name, says it, says a longer one that ends so; or says none of these."""
LIKE_A_WORD = 1.5
"""The same where a query has no names, and a document is called like one of its words."""


def names(query: str) -> list[str]:
    """The names in a query."""
    return [match.group(1) or match.group(2) for match in NAME.finditer(query)]


def by_name(query: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with those first that a query asks for by name, if it does; scores stay at most 1.

    Where there is no name in it, a plain word may be one: What does base64 do?
    """
    asked, words = names(query), frozenset(telling_words(query))
    scores = [hit.score * factor(hit.chunk, asked, words) for hit in hits]
    order = sorted(range(len(hits)), key=lambda place: -scores[place])
    return [replace(hits[place], score=min(1.0, scores[place])) for place in order]


def factor(chunk: Chunk, asked: Sequence[str], words: Container[str]) -> float:
    """What the score of a chunk is multiplied by."""
    if asked:
        return sum(worth(name, chunk) for name in asked) / len(asked)
    return LIKE_A_WORD if title_of(chunk) in words else 1.0


def worth(name: str, chunk: Chunk) -> float:
    """What the score of a chunk is multiplied by for one name."""
    title = title_of(chunk)
    if title == name or title.endswith(f".{name}"):
        return CALLED_SO if title == name else ENDS_SO
    whole = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w|::)")
    if whole.search(f"{chunk.heading}\n{chunk.text[:OPENING_CHARS]}"):
        return ABOUT
    if whole.search(chunk.text):
        return MENTIONS
    return PART if re.search(rf"(?<!\w){re.escape(name)}(?!\w|\.\w|::)", f"{chunk.heading}\n{chunk.text}") else NAMELESS


def title_of(chunk: Chunk) -> str:
    """How a record is called, or a file without its folders."""
    return document_id(chunk.source).rpartition("/")[2]
