"""Word documents (docx): paragraphs, headings by their styles, and tables, a row to a line."""

import re
from pathlib import Path

from handspun.retrieve.loading.archive import Archive, Attributes
from handspun.retrieve.loading.draft import Draft
from handspun.retrieve.loading.facts import FactReader
from handspun.retrieve.loading.loaded import Loaded

BODY, STYLES, FACTS = "word/document.xml", "word/styles.xml", "docProps/core.xml"
HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
SILENT = ("Fallback", "moveFrom")
"""what says again, or no longer, what stands elsewhere"""
BLANK = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def load_docx(path: Path) -> Loaded:
    """The body of a Word document; headers, footers, notes and what was deleted are left out. Raises CorpusError."""
    with Archive.open(path) as archive:
        styles, facts, draft = StyleReader(), FactReader(), Draft()
        if STYLES in archive:
            archive.parse(STYLES, styles.start)
        body = BodyReader(draft, styles.levels)
        archive.parse(BODY, body.start, body.end, body.text)
        if FACTS in archive:
            archive.parse(FACTS, facts.start, facts.end, facts.text)
    return draft.finish({"title": facts.found.get("title", ""), "author": facts.found.get("creator", "")})


class StyleReader:
    """Finds which styles are headings, whatever language their ids are in."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self._style = ""

    def start(self, tag: str, attributes: Attributes) -> None:
        """A style, its name or its outline level begins."""
        value = attributes.get("val", "")
        if tag == "style":
            self._style = attributes.get("styleId", "")
        elif tag == "name" and (heading := HEADING_STYLE.fullmatch(value)):
            self.levels[self._style] = int(heading[1])
        elif tag == "name" and value.lower() == "title":
            self.levels[self._style] = 1
        elif tag == "outlineLvl" and value.isdecimal() and int(value) < 9:
            self.levels.setdefault(self._style, int(value) + 1)


class BodyReader:
    """Puts the paragraphs of a document into a draft."""

    def __init__(self, draft: Draft, levels: dict[str, int]) -> None:
        self._draft = draft
        self._levels = levels
        self._words: list[str] = []
        self._rows: list[list[str]] = []
        self._level = 0
        self._is_text = False
        self._n_silent = 0

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins."""
        self._n_silent += tag in SILENT
        if tag == "t":
            self._is_text = not self._n_silent
        elif tag in BLANK:
            self._words.append(BLANK[tag])
        elif tag == "pStyle":
            self._level = self._levels.get(attributes.get("val", ""), 0)
        elif tag == "tr":
            self._rows.append([])

    def text(self, words: str) -> None:
        """Characters between two tags."""
        if self._is_text:
            self._words.append(words)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._n_silent -= tag in SILENT
        if tag == "t":
            self._is_text = False
        elif tag == "p":
            self._end_paragraph()
        elif tag == "tr":
            self._end_row(" | ".join(filter(None, self._rows.pop())))

    def _end_paragraph(self) -> None:
        words, level = "".join(self._words).strip(), self._level
        self._words, self._level = [], 0
        if self._rows:
            self._rows[-1].append(words)
        elif level:
            self._draft.add_heading(" ".join(words.split()), level)
        else:
            self._draft.add(words)

    def _end_row(self, words: str) -> None:
        if self._rows:  # a table in a cell of another one
            self._rows[-1].append(words)
        else:
            self._draft.add(words)
