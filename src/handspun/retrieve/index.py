"""An index: a folder with its settings, its store, and what was trained for it.

indexes/NAME/
├── index.toml      its settings, and the folders it is made of
├── index.sqlite    files, documents, chunks, words and vectors, where the store is sqlite
├── lancedb/        its index.sqlite, and tables of words and vectors, where the store is lancedb
├── qdrant-…/       its index.sqlite, where words and vectors are on a server
├── vectors.sqlite  what an embedder that takes its time has made of each text before
├── tokenizer/      what chunks are counted with, where a run was named
└── embedder/       the words of this index, and the embedder where it was trained on them
"""

import os.path
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Self

from handspun.errors import DamagedFileError, RetrieveError
from handspun.files import write_bytes
from handspun.lock import locked
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.embedders import check_to_be_had
from handspun.retrieve.store import Store
from handspun.runs import visible_entries
from handspun.settings import build, read_toml, to_toml
from handspun.tokens.tokenizer import Tokenizer

INDEXES = Path("indexes")
SETTINGS, FILE = "index.toml", "index.sqlite"
QDRANT = "qdrant:"


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSettings:
    """What index.toml says."""

    roots: tuple[str, ...]
    """the files and folders it is made of"""
    run: str | None = None
    """the run whose tokenizer counts the tokens of a chunk; absent: they are estimated"""
    retrieve: RetrieveConfig


class Index:
    """An open index. Its store may be used by any thread."""

    def __init__(self, folder: Path, settings: IndexSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.config = settings.retrieve
        self.roots = tuple(Path(root) for root in settings.roots)
        self.store: Store = open_store(folder, self.config.store)

    @classmethod
    def open(cls, name: str | Path, *, to_sync: bool = False) -> Self:
        """The index at a path, or of that name in indexes/; its file must be there but `to_sync` it, which makes it anew.

        Raises RetrieveError naming those there are, and DamagedFileError.
        """
        folder = find_index(name)
        settings = read_settings(folder)
        file = file_of_store(folder, settings.retrieve.store)
        if not to_sync and not (file.is_file() and file.stat().st_size):
            cure = f"`handspun index sync {shlex.quote(str(name))}` reads everything anew"
            raise DamagedFileError(f"{file} is missing or empty; {cure}.")
        return cls(folder, settings)

    @classmethod
    def create(
        cls,
        folder: Path,
        config: RetrieveConfig,
        roots: Sequence[Path],
        *,
        run: str | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> Self:
        """The index in `folder`, new or with these settings in the place of those it had. Raises RetrieveError."""
        if not roots:
            raise RetrieveError(f"{folder} needs something to be made of: name files or folders to index.")
        settings = IndexSettings(roots=absolute(roots), run=run, retrieve=config)
        if not (folder / SETTINGS).is_file() and (strangers := visible_entries(folder)):
            raise RetrieveError(f"{folder} holds {strangers[0]} and no {SETTINGS}, so it is no index; give another --name.")
        if before := known_settings(folder):
            check_keeps_roots(folder, before, settings)
        check_can_be(folder, before, settings)
        if tokenizer is not None:
            tokenizer.save(folder / "tokenizer")
        write_bytes(folder / SETTINGS, to_toml(settings).encode())
        return cls(folder, settings)

    def changed(self, config: RetrieveConfig, roots: Sequence[Path]) -> Self:
        """The same index with other settings, opened in the place of this one; it stays in its store. Raises RetrieveError."""
        settings = replace(self.settings, roots=absolute(roots), retrieve=config)
        check_can_be(self.folder, self.settings, settings)
        self.close()
        write_bytes(self.folder / SETTINGS, to_toml(settings).encode())
        return type(self)(self.folder, settings)

    @property
    def name(self) -> str:
        """How `--index` calls it: its name in indexes/, or else its path."""
        return self.folder.name if self.folder.parent == INDEXES else str(self.folder)

    @property
    def embedder_folder(self) -> Path:
        """Where the words of this index are kept, and an embedder that was trained on them."""
        return self.folder / "embedder"

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """What counts the tokens of a chunk; None where they are estimated."""
        return Tokenizer.load(self.folder / "tokenizer") if self.settings.run is not None else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the index for this process while it is written to. Raises RetrieveError where another one does."""
        with held(self.folder):
            yield

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder of an index for this process. Raises RetrieveError where another one does."""

    def complaint(pid: str, host: str) -> RetrieveError:
        return RetrieveError(f"{folder} is being written by process {pid} on {host}; wait for it, or stop it (kill {pid}).")

    with locked(folder, complaint):
        yield


def find_index(name: str | Path) -> Path:
    """The folder of the index at a path, or of that name in indexes/. Raises RetrieveError naming those there are."""
    folder = next((path for path in (Path(name), INDEXES / name) if (path / SETTINGS).is_file()), None)
    if folder is None:
        known = known_indexes()
        there_are = f"there are {', '.join(known)}" if known else "there are none yet"
        raise RetrieveError(f'no index "{name}"; {there_are}: `handspun index FOLDER --name NAME` makes one.')
    return folder


def folder_for(name: str) -> Path:
    """Where an index of that name belongs: in indexes/, or at the path that it is."""
    return Path(name).expanduser() if Path(name).name != name else INDEXES / name


def open_store(folder: Path, name: str) -> Store:
    """The store of an index. Raises RetrieveError for a name that none has."""
    path = file_of_store(folder, name)
    if name == "sqlite":
        from handspun.retrieve.sqlite_store import SqliteStore

        return SqliteStore(path)
    if name == "lancedb":
        from handspun.retrieve.lance_store import LanceStore

        return LanceStore(path)
    from handspun.retrieve.qdrant_store import QdrantStore

    return QdrantStore(path, name.removeprefix(QDRANT))


def file_of_store(folder: Path, name: str) -> Path:
    """The SQLite file of a store; but for sqlite it lies in a folder of the store's own. Raises RetrieveError."""
    if name == "sqlite":
        return folder / FILE
    if name == "lancedb":
        return folder / "lancedb" / FILE
    if name.startswith(QDRANT):
        return folder / f"qdrant-{sha256(name.encode()).hexdigest()[:8]}" / FILE
    raise RetrieveError(f'store="{name}" is none there is; use sqlite, lancedb, or qdrant: with the URL of a server.')


def known_indexes() -> list[str]:
    """The names of the indexes in indexes/."""
    return sorted(path.parent.name for path in INDEXES.glob(f"*/{SETTINGS}"))


def known_settings(folder: Path) -> IndexSettings | None:
    """What index.toml says; None where there is no index yet. Raises SettingsError."""
    return read_settings(folder) if (folder / SETTINGS).is_file() else None


def read_settings(folder: Path) -> IndexSettings:
    """What index.toml says. Raises SettingsError."""
    return build(IndexSettings, read_toml(folder / SETTINGS), folder / SETTINGS)


def absolute(roots: Sequence[Path]) -> tuple[str, ...]:
    """What an index is made of, as its settings say it: each once, in one spelling, links as they are."""
    return tuple(dict.fromkeys(os.path.normpath(root.absolute()) for root in roots))


def check_keeps_roots(folder: Path, before: IndexSettings, after: IndexSettings) -> None:
    """Raises RetrieveError where an index would lose what it was made of."""
    if lost := [root for root in before.roots if os.path.normpath(root) not in after.roots]:
        raise RetrieveError(
            f"{folder} is made of {lost[0]}: name that too, or give another --name; `handspun index sync` with sources=… "
            f"makes it of something else."
        )


def check_can_be(folder: Path, before: IndexSettings | None, after: IndexSettings) -> None:
    """Raises RetrieveError where an index would lose what it keeps its chunks in, or is to use an embedder that is not here."""
    if before is None or before.retrieve.embedder != after.retrieve.embedder:
        check_to_be_had(after.retrieve.embedder)
    if before is not None and before.retrieve.store != after.retrieve.store:
        change = f"from {before.retrieve.store} to {after.retrieve.store}"
        raise RetrieveError(f"{folder} cannot change its store {change} here: use `handspun index migrate`, or another --name.")
