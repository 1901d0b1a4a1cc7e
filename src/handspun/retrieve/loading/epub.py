"""EPUB books: the pages of the spine in order, and the headings in them."""

import posixpath
from pathlib import Path
from urllib.parse import unquote

from handspun.errors import CorpusError
from handspun.retrieve.loading.archive import Archive, Attributes
from handspun.retrieve.loading.draft import Draft
from handspun.retrieve.loading.facts import FactReader
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.markup import read_markup

CONTAINER, LOCKS = "META-INF/container.xml", "META-INF/encryption.xml"


def load_epub(path: Path) -> Loaded:
    """The text of a book with its title, author and language. Raises CorpusError where it is broken or locked."""
    with Archive.open(path) as archive:
        package, facts, draft = Package(), FactReader(), Draft()
        archive.parse(CONTAINER, package.start)
        archive.parse(package.path, package.start)
        archive.parse(package.path, facts.start, facts.end, facts.text)
        locked = locked_parts(archive)
        for page in package.pages():
            if page in locked:
                raise CorpusError("it is encrypted by its publisher (DRM), and nothing but their program reads it")
            read_markup(archive.read(page).decode("utf-8-sig", "replace"), draft)
    found = facts.found
    return draft.finish({"title": found.get("title"), "author": found.get("creator"), "language": found.get("language")})


class Package:
    """Where the pages of a book lie in its zip file, and in which order they are read."""

    def __init__(self) -> None:
        self.path = ""
        self._hrefs: dict[str, str] = {}
        self._spine: list[str] = []

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element of the container or of the package begins."""
        if tag == "rootfile" and not self.path:
            self.path = attributes.get("full-path", "")
        elif tag == "item" and "html" in attributes.get("media-type", "") and "nav" not in attributes.get("properties", ""):
            self._hrefs[attributes.get("id", "")] = attributes.get("href", "")
        elif tag == "itemref":
            self._spine.append(attributes.get("idref", ""))

    def pages(self) -> list[str]:
        """The pages, each once, but for the table of contents."""
        folder = posixpath.dirname(self.path)
        hrefs = dict.fromkeys(self._hrefs[id_] for id_ in self._spine if id_ in self._hrefs)
        return [posixpath.normpath(posixpath.join(folder, unquote(href))) for href in hrefs]


def locked_parts(archive: Archive) -> set[str]:
    """The parts that are encrypted."""
    locked: set[str] = set()

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "CipherReference":
            locked.add(unquote(attributes.get("URI", "")))

    if LOCKS in archive:
        archive.parse(LOCKS, start)
    return locked
