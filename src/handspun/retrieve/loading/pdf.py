"""PDF files: their text page by page, and the headings of their outline where the text has them."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from handspun.corpus.extra import needed
from handspun.errors import CorpusError
from handspun.retrieve.loading.draft import Draft
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.normal import normalized

PASSWORD_ERROR = 4
"""FPDF_ERR_PASSWORD"""
SOFT_HYPHEN = "\ufffe"
"""what PDFium puts where a word was broken at the end of a line"""
LIGATURE = re.compile(r"(?<=[A-Za-z])[\x0b\x0c\x0e\x0f]|[\x0b\x0c\x0e\x0f](?=[a-z])")
LIGATURES = {"\x0b": "ff", "\x0c": "fi", "\x0e": "ffi", "\x0f": "ffl"}
"""how fonts of old TeX number them"""


def load_pdf(path: Path) -> Loaded:
    """The pages of a PDF. Raises CorpusError where it is encrypted, broken, or holds no text."""
    pdfium = needed("pypdfium2", path.name, "retrieve")
    try:
        with pdfium.PdfDocument(path) as document:
            loaded = read_pages(document)
            n_pages = len(document)
    except pdfium.PdfiumError as error:
        if error.err_code == PASSWORD_ERROR:
            raise CorpusError("it is encrypted: save it without its password") from error
        raise CorpusError(f"it is no PDF that can be read ({error})") from error
    if not loaded.text:
        raise CorpusError(f"there is no text on its pages ({n_pages:,}), only pictures perhaps: recognize the text first (OCR)")
    return loaded


def read_pages(document: Any) -> Loaded:
    """The text of all pages."""
    draft, outline = Draft(), outline_of(document)
    for number, page in enumerate(document):
        textpage = page.get_textpage()
        words = plain(textpage.get_text_range())
        draft.begin_page()
        start = draft.add(words)
        for level, title in outline[number]:
            if line := line_of(title, words):
                draft.mark_heading(start + line[0], start + line[1], title, level)
        textpage.close()
        page.close()
    found = document.get_metadata_dict(skip_empty=True)
    return draft.finish({"title": found.get("Title", ""), "author": found.get("Author", "")})


def plain(words: str) -> str:
    """The text of a page with words that were broken at the end of a line in one piece again, and ligatures as letters."""
    words = LIGATURE.sub(lambda found: LIGATURES[found[0]], words)
    return normalized(words.replace(SOFT_HYPHEN, "")).strip()


def outline_of(document: Any) -> defaultdict[int, list[tuple[int, str]]]:
    """Level and title of the outline's entries, by the page (from 0) they lead to."""
    outline: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for entry in document.get_toc():
        target = entry.get_dest()
        page, title = (None if target is None else target.get_index()), " ".join(entry.get_title().split())
        if page is not None and title:
            outline[page].append((entry.level + 1, title))
    return outline


def line_of(title: str, words: str) -> tuple[int, int] | None:
    """Where the line of a page stands that says a title, perhaps behind a number; None where none does."""
    spelled = r"\s+".join(map(re.escape, title.split()))
    found = re.search(rf"^[\dA-Z.§ ]{{0,12}}{spelled}[ \t]*$", words, re.MULTILINE | re.IGNORECASE)
    return found.span() if found else None
