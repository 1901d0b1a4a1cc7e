"""A zip file from somebody else: its parts are unpacked within limits, and its XML is read as text alone."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from xml.parsers import expat
from zlib import error as ZlibError

from handspun.errors import CorpusError
from handspun.retrieve.loading.limits import MAX_PARTS, MAX_RATIO, MAX_UNPACKED_BYTES, MIB, SMALL_BYTES

ENCRYPTED = 0x1
Attributes = dict[str, str]


class Archive:
    """An open zip file."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._n_bytes = 0
        if (n_parts := len(file.infolist())) > MAX_PARTS:
            raise CorpusError(f"it is a zip file of {n_parts:,} parts, more than {MAX_PARTS:,}")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """The zip file at a path. Raises CorpusError where it is none, is damaged, or unpacks to too much."""
        try:
            with zipfile.ZipFile(path) as file:
                yield cls(file)
        except (zipfile.BadZipFile, ZlibError, EOFError, NotImplementedError, UnicodeDecodeError) as error:
            raise CorpusError(f"it is a damaged zip file ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._file.NameToInfo

    def read(self, name: str) -> bytes:
        """The bytes of a part. Raises CorpusError where it is absent, encrypted, or unpacks to too much."""
        info = self._file.NameToInfo.get(name)
        if info is None:
            raise CorpusError(f"it has no {name}")
        if info.flag_bits & ENCRYPTED:
            raise CorpusError("it is encrypted: save it without its password")
        if info.file_size > SMALL_BYTES and info.file_size > MAX_RATIO * info.compress_size:
            raise CorpusError(f"{name} in it unpacks to {MAX_RATIO} times its size or more, as only a bomb does")
        self._n_bytes += info.file_size
        if self._n_bytes > MAX_UNPACKED_BYTES:
            raise CorpusError(f"it unpacks to more than {MAX_UNPACKED_BYTES // MIB} MiB")
        return self._file.read(info)

    def parse(
        self,
        name: str,
        on_start: Callable[[str, Attributes], None],
        on_end: Callable[[str], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> None:
        """Read a part as XML, elements and attributes under their local names. Raises CorpusError, for entities too."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, found: on_start(local(tag), {local(key): found[key] for key in found})
        if on_end is not None:
            parser.EndElementHandler = lambda tag: on_end(local(tag))
        if on_text is not None:
            parser.CharacterDataHandler = on_text
        parser.EntityDeclHandler = refuse_entity
        try:
            parser.Parse(self.read(name), True)
        except expat.ExpatError as error:
            raise CorpusError(f"{name} in it is no XML ({error})") from error


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]


def refuse_entity(name: str, *_: object) -> None:
    """Entities of a file's own serve nothing but bombs and the reading of other files."""
    raise CorpusError(f'it declares an entity of its own, "{name}", which is not read')
