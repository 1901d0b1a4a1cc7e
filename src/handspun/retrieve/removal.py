"""Deletes an index with all that was made for it, on a server, too."""

from contextlib import closing
from pathlib import Path
from shutil import rmtree

from handspun.errors import DamagedFileError, DiskFullError, RetrieveError
from handspun.retrieve.index import FILE, QDRANT, SETTINGS, Index, held, read_settings
from handspun.retrieve.mirrored_store import MirroredStore

PARTS = (SETTINGS, FILE, "lancedb", "qdrant-", "vectors.sqlite", "tokenizer", "embedder", ".lock", f".{SETTINGS}")
"""what the names of all that is in the folder of an index begin with"""


def remove(index: Index) -> None:
    """Delete an index and close it; the files and folders that it was made of stay.

    Raises RetrieveError, before anything is deleted, where its folder holds something else, another process writes, or a server
    does not answer. An index of which a part is deleted can be opened, and deleted, until all of it is gone.
    """
    with closing(index), index.lock():
        refuse_strangers(index.folder)
        if isinstance(index.store, MirroredStore):
            index.store.destroy()
        delete(index.folder)


def openable(folder: Path) -> Index | None:
    """The index in a folder; None where its file is damaged or gone, or the disk too full to open it.

    Raises what is wrong where a server has a part of it: only the file says which.
    """
    try:
        index = Index.open(folder)
        try:
            index.store.counts()
        except BaseException:
            index.close()
            raise
    except (DamagedFileError, DiskFullError):
        if read_settings(folder).retrieve.store.startswith(QDRANT):
            raise
        return None
    return index


def remove_unopened(folder: Path) -> None:
    """Delete an index that cannot be opened. Raises RetrieveError as `remove` does."""
    with held(folder):
        refuse_strangers(folder)
        delete(folder)


def delete(folder: Path) -> None:
    """Delete the folder of an index, its settings last, and a link to it."""
    resolved = folder.resolve()
    for path in sorted(resolved.iterdir(), key=lambda path: path.name == SETTINGS):
        rmtree(path) if path.is_dir() else path.unlink()
    resolved.rmdir()
    if folder.is_symlink():
        folder.unlink()


def refuse_strangers(folder: Path) -> None:
    """Raises RetrieveError where a folder holds what belongs to no index."""
    if strangers := sorted(path.name for path in folder.iterdir() if not path.name.startswith(PARTS)):
        raise RetrieveError(f"{folder} holds {strangers[0]}, which belongs to no index; move it elsewhere first.")
