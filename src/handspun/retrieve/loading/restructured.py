"""reStructuredText: the text as it is written, and where its headings stand."""

import re
from collections.abc import Iterator
from pathlib import Path

from handspun.retrieve.loading.loaded import Heading, Loaded, plain_metadata
from handspun.retrieve.loading.text import read_text

TITLE = re.compile(
    r"^(?:(?P<over>(?P<mark>[^\w\s])(?P=mark)+)[ \t]*\n[ \t]*)?"
    r"(?P<title>\S[^\n]*)\n"
    r"(?P<under>(?P<line>[^\w\s])(?P=line)+)[ \t]*$",
    re.MULTILINE,
)


def load_restructured(path: Path) -> Loaded:
    """A reStructuredText file with the headings in it; its title is the first of them."""
    text = read_text(path)
    headings = tuple(restructured_headings(text))
    return Loaded(text, headings, metadata=plain_metadata({"title": headings[0].title if headings else ""}))


def restructured_headings(text: str) -> Iterator[Heading]:
    """Lines that are underlined at full length. The kinds of lines rank in the order in which a file first uses them."""
    ranks: list[tuple[str, bool]] = []
    for found in TITLE.finditer(text):
        title, under, over = found["title"].rstrip(), found["under"], found["over"]
        if len(under) < len(title) or (over and over != under) or not re.search(r"\w", title):
            continue
        kind = (under[0], over is not None)
        if kind not in ranks:
            ranks.append(kind)
        yield Heading(found.start(), found.end(), ranks.index(kind) + 1, title)
