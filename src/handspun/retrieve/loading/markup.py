"""The words of HTML and XHTML with their headings: nothing is looked up, expanded or run."""

import re
from html.parser import HTMLParser

from handspun.retrieve.loading.draft import Draft

HEADING = re.compile(r"h([1-6])")
SILENT = frozenset({"title", "script", "style", "template", "noscript", "svg", "object", "iframe", "select"})
INLINE = re.compile(
    r"a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|input|ins|kbd|label|mark|q|rp|rt|ruby|s|samp|small|span"
    r"|strike|strong|sub|sup|time|tt|u|var|wbr|math|mi|mn|mo|ms|mtext|mrow|msub|msup|mfrac|msqrt"
)
"""elements within a line, those of formulas too"""
CELLS = frozenset({"td", "th"})
BLANKS = re.compile(r"[ \t\r\n\f]+")
BLANKS_IN_LINE, AROUND_LINE_END = re.compile(r"  +"), re.compile(r" ?\n ?")


class MarkupReader(HTMLParser):
    """Puts what a page says into a draft, a block to a paragraph, an item and a row of a table."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(convert_charrefs=True)
        self._draft = draft
        self._words: list[str] = []
        self._level = 0
        self._silent: list[str] = []
        self._n_verbatim = 0
        self._n_rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in SILENT:
            self._silent.append(tag)
        elif tag == "br":
            self._words.append("\n")
        elif tag in CELLS:
            self._words.append(" | " if self._words else "")
        elif self._n_rows and tag in ("p", "div"):
            self._words.append("\n" if "".join(self._words[-1:]).strip(" |") else "")
        elif not INLINE.fullmatch(tag):
            self._end_block()
            self._n_verbatim += tag == "pre"
            self._n_rows += tag == "tr"
            if heading := HEADING.fullmatch(tag):
                self._level = int(heading[1])
            if tag == "li":
                self._words.append("- ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SILENT:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            if tag in self._silent:
                del self._silent[self._silent.index(tag) :]
        elif not (INLINE.fullmatch(tag) or tag in CELLS or tag == "br" or (self._n_rows and tag in ("p", "div"))):
            self._end_block()
            self._n_verbatim -= tag == "pre" and self._n_verbatim > 0
            self._n_rows -= tag == "tr" and self._n_rows > 0
            self._level = 0 if HEADING.fullmatch(tag) else self._level

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data if self._n_verbatim else BLANKS.sub(" ", data))

    def close(self) -> None:
        super().close()
        self._end_block()

    def _end_block(self) -> None:
        words, self._words = "".join(self._words), []
        if not words.strip(" \n|-"):
            return
        if self._level:
            self._draft.add_heading(" ".join(words.split()), self._level)
        else:
            self._draft.add(words if self._n_verbatim else AROUND_LINE_END.sub("\n", BLANKS_IN_LINE.sub(" ", words)))
        self._level = 0


def read_markup(markup: str, draft: Draft) -> None:
    """Put the words of a page into a draft."""
    reader = MarkupReader(draft)
    reader.feed(markup)
    reader.close()
