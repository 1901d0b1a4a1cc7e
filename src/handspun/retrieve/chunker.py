"""Cuts a document into chunks: whole sentences, never beyond a heading's section or a page, nor more tokens than asked for."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from handspun.retrieve.chunk import Chunk, IndexedDocument
from handspun.retrieve.loading.loaded import Heading
from handspun.retrieve.sentences import Span, sentences, stripped

CountTokens = Callable[[Sequence[str]], Sequence[int]]
Piece = tuple[int, int, int]
"""start, end and tokens of a sentence, or of a part of one that is too long"""

WORD = re.compile(r"\S+")
UNCOUNTED_CHARS = 8
"""per token asked for; what is longer is cut before it is counted, which may take the square of a long word"""
MAX_HEADING_CHARS = 200
"""of one heading: every chunk below carries it"""


@dataclass(frozen=True, slots=True)
class Section:
    """Characters `start` to `end`: all under the same headings and on the same page."""

    start: int
    end: int
    heading: str
    page: int | None


def chunk_document(
    document: IndexedDocument,
    headings: Sequence[Heading],
    pages: Sequence[int],
    count_tokens: CountTokens,
    chunk_tokens: int,
) -> list[Chunk]:
    """The chunks of a document, in order: together they hold every character that is not blank, each once."""
    text = document.text
    sections = list(sections_of(text, headings, pages))
    starts = [section.start for section in sections]
    spans = [stripped(text, section.start, section.end) for section in sections]
    pieces = pieces_of(text, [span for span in spans if span[0] < span[1]], count_tokens, chunk_tokens)
    groups = joined(pieces, starts, chunk_tokens)
    chunks = []
    for start, end in sorted(within(text, list(groups), count_tokens, chunk_tokens)):
        section = sections[bisect_right(starts, start) - 1]
        words = text[start:end]
        chunks.append(Chunk(document.source, start, end, words, section.heading, section.page, document.metadata))
    return chunks


def sections_of(text: str, headings: Sequence[Heading], pages: Sequence[int]) -> Iterator[Section]:
    """The text cut at headings and pages. A heading without words of its own goes with what stands below it."""
    by_start = {heading.start: heading for heading in headings}
    starts = sorted({0, *by_start, *pages})
    above: list[Heading] = []
    begun = 0
    for start, end in zip(starts, [*starts[1:], len(text)]):
        heading, below = by_start.get(start), by_start.get(end)
        if heading is not None:
            above = [*(outer for outer in above if outer.level < heading.level), heading]
            is_bare = not text[heading.end : end].strip()
            if is_bare and below is not None and below.level > heading.level and end not in pages:
                continue
        path = " > ".join(" ".join(outer.title[:MAX_HEADING_CHARS].split()) for outer in above)
        yield Section(begun, end, path, bisect_right(pages, start) or None)
        begun = end


def pieces_of(text: str, spans: Sequence[Span], count_tokens: CountTokens, most: int) -> Iterator[Piece]:
    """The spans with their tokens, each counted with the blank before it; what has too many is cut, as `parts_of` says."""
    countable = [(start, end) for start, end in spans if end - start <= UNCOUNTED_CHARS * most]
    counts = dict(zip(countable, count_tokens([text[max(0, start - 1) : end] for start, end in countable])))
    for start, end in spans:
        n_tokens = counts.get((start, end), most + 1)
        if n_tokens <= most or end - start == 1:
            yield start, end, n_tokens
        else:
            yield from pieces_of(text, parts_of(text, start, end, most), count_tokens, most)


def parts_of(text: str, start: int, end: int, most: int) -> list[Span]:
    """The sentences of a stretch, or the words of a single sentence, or pieces of a single word, two at least."""
    stretch = text[start:end]
    parts = sentences(stretch)
    if len(parts) == 1:
        parts = [found.span() for found in WORD.finditer(stretch)]
    if len(parts) == 1:
        step = min(UNCOUNTED_CHARS * most, (len(stretch) + 1) // 2)
        parts = [(place, min(place + step, len(stretch))) for place in range(0, len(stretch), step)]
    return [(start + first, start + last) for first, last in parts]


def joined(pieces: Iterable[Piece], borders: Sequence[int], most: int) -> Iterator[list[Piece]]:
    """Neighbors together as long as they have no more tokens than that and no border lies between them."""
    group: list[Piece] = []
    total = 0
    for piece in pieces:
        is_beyond_border = bool(group) and bisect_right(borders, piece[0]) != bisect_right(borders, group[0][0])
        if group and (total + piece[2] > most or is_beyond_border):
            yield group
            group, total = [], 0
        group.append(piece)
        total += piece[2]
    if group:
        yield group


def within(text: str, groups: list[list[Piece]], count_tokens: CountTokens, most: int) -> Iterator[Span]:
    """The groups as stretches. Those that have more tokens as a whole than their parts are cut again."""
    while groups:
        spans = [(group[0][0], group[-1][1]) for group in groups]
        too_long = []
        for group, span, n_tokens in zip(groups, spans, count_tokens([text[start:end] for start, end in spans])):
            if n_tokens <= most or span[1] - span[0] == 1:
                yield span
            else:
                too_long += halves(text, group, most)
        groups = too_long


def halves(text: str, group: list[Piece], most: int) -> list[list[Piece]]:
    """A group cut in two; one of a single piece between words, or in a word."""
    if len(group) == 1:
        start, end, n_tokens = group[0]
        group = [(*part, n_tokens) for part in parts_of(text, start, end, most)]
    middle = len(group) // 2
    return [group[:middle], group[middle:]]
