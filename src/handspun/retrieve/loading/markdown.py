"""Markdown: the text as it is written, and where its headings stand."""

import re
from collections.abc import Iterator
from pathlib import Path

from handspun.retrieve.loading.loaded import Heading, Loaded, plain_metadata
from handspun.retrieve.loading.text import read_text

LINE = re.compile(r"^.*$", re.MULTILINE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(?=[^#\s]|#+[^#\s])")
UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")


def load_markdown(path: Path) -> Loaded:
    """A Markdown file with the headings in it; its title is the first of level 1."""
    text = read_text(path)
    headings = tuple(markdown_headings(text))
    title = next((heading.title for heading in headings if heading.level == 1), "")
    return Loaded(text, headings, metadata=plain_metadata({"title": title}))


def markdown_headings(text: str) -> Iterator[Heading]:
    """Lines that begin with # or are underlined; what stands between fences is code."""
    fence, above = "", None
    for line in LINE.finditer(text, end_of_front_matter(text)):
        words = line[0]
        if fence:
            fence = "" if words.strip().startswith(fence) and not words.strip().strip(fence[0]) else fence
        elif opened := FENCE.match(words):
            fence, above = opened[1], None
            continue
        elif hashes := HASHES.match(words):
            yield Heading(line.start(), line.end(), len(hashes[1]), unclosed(words[hashes.end() :]))
            above = None
            continue
        elif above and (underline := UNDERLINE.fullmatch(words)):
            yield Heading(above.start(), line.end(), 1 if underline[1][0] == "=" else 2, above[0].strip())
        above = line if words.strip() and not fence and not words.startswith(("    ", "\t", "|", ">", "-", "*")) else None


def unclosed(title: str) -> str:
    """A title without the row of # that may end its line."""
    words = title.strip().rstrip("#")
    return words.rstrip() if words.endswith((" ", "\t")) else title.strip()


def end_of_front_matter(text: str) -> int:
    """Where the table ends that stands between lines of --- at the very top; 0 where there is none."""
    end = text.find("\n---\n", 3) if text.startswith("---\n") else -1
    return end + 5 if end >= 0 else 0
