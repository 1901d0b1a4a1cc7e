"""Reads the topics of Python's language reference that `help()` shows, cut into pieces of about a page."""

import importlib
import re
from collections.abc import Iterator

from handspun.corpus.python_objects import PythonObject

SECTION_HEADING = re.compile(r"^(\S[^\n]*)\n([*=\-~])\2{3,}$", re.MULTILINE)
UNINDENTED_PARAGRAPH = re.compile(r"\n\n(?=\S)")
PAGE_CHARS = 2000


def topic_objects() -> Iterator[PythonObject]:
    """One object per page; none where an installation leaves the topics out."""
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return
    for topic, text in sorted(topics.items()):
        for number, page in enumerate(_pages(text)):
            yield PythonObject(f"topic:{topic}#{number}", "pydoc_data.topics", topic, "topic", None, page)


def _pages(text: str) -> Iterator[str]:
    """The text cut at its section headings, and in long sections before an unindented paragraph."""
    parts = SECTION_HEADING.split(text)
    for heading, body in [("", parts[0]), *zip(parts[1::3], parts[3::3], strict=True)]:
        page = heading
        for paragraph in UNINDENTED_PARAGRAPH.split(body.strip("\n")):
            if len(page) > PAGE_CHARS:
                yield page
                page = ""
            page = f"{page}\n\n{paragraph}".strip()
        if page and page != heading:
            yield page
