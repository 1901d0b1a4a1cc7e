"""Plain text: bytes to characters, and to the form in which every text is stored."""

import codecs
import shlex
from pathlib import Path

from handspun.errors import CorpusError
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.normal import normalized

BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def load_text(path: Path) -> Loaded:
    """A text file as it is."""
    return Loaded(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark. Raises CorpusError."""
    data = path.read_bytes()
    bom = next((mark for mark in BOMS if data.startswith(mark)), b"")
    try:
        return normalized(data.removeprefix(bom).decode(BOMS.get(bom, "utf-8")))
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise CorpusError("it seems to be no text at all: leave it out") from error
        remedy = f"save it as UTF-8, from Latin-1 for instance: iconv -f latin1 -t utf-8 {shlex.quote(path.name)}"
        raise CorpusError(f"byte {error.start:,} is not {error.encoding.upper()}; {remedy}") from error
