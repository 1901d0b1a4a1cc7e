"""Where the sentences of a text begin and end."""

import re
from itertools import pairwise

Span = tuple[int, int]
"""the first character and the one behind the last"""

BORDER = re.compile(
    r"""[.!?…؟](?<!\be\.g\.)(?<!\bi\.e\.)(?<!\b[A-Z]\.)(?<!\b(?:Dr|Mr|Ms|St|vs|cf|No)\.)(?<!\b(?:Mrs|etc)\.)  # no abbreviation
        ["'”’»)\]`]*+(?=\s[^a-z]|\s\s)                            # behind a mark, before what is no small letter,
        | [。！？]["”’」』）]*+                                            # behind a mark that needs no space,
        | \n(?=[^\S\n]*+(?:\n|[-*•]\s|\d++[.)]\s))                       # at an empty line, and before the item of a list""",
    re.VERBOSE,
)


def sentences(text: str) -> list[Span]:
    """The spans of the sentences, in order, without the white space around them. Headings and list items are sentences, too."""
    borders = [0, *(border.end() for border in BORDER.finditer(text)), len(text)]
    spans = (stripped(text, start, end) for start, end in pairwise(borders))
    return [(start, end) for start, end in spans if start < end]


def stripped(text: str, start: int, end: int) -> Span:
    """The span without the white space at its ends."""
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())
