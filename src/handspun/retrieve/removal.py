"""Deletes an index with all that was made for it, on a server, too."""

from contextlib import closing
from pathlib import Path
from shutil import rmtree

from handspun.errors import RetrieveError
from handspun.retrieve.index import FILE, SETTINGS, Index
from handspun.retrieve.mirrored_store import MirroredStore

PARTS = (SETTINGS, FILE, "lancedb", "qdrant-", "vectors.sqlite", "tokenizer", "embedder", ".lock", f".{SETTINGS}")
"""what the names of all that is in the folder of an index begin with"""


def remove(index: Index) -> None:
    """Delete an index and close it; the files and folders that it was made of stay.

    Raises RetrieveError, before anything is deleted, where its folder holds something else, another process writes, or a server
    does not answer. An index of which a part is deleted can be opened, and deleted, until all of it is gone.
    """
    with closing(index), index.lock():
        folder = index.folder.resolve()
        refuse_strangers(folder)
        if isinstance(index.store, MirroredStore):
            index.store.destroy()
        for path in sorted(folder.iterdir(), key=lambda path: path.name == SETTINGS):
            rmtree(path) if path.is_dir() else path.unlink()
        folder.rmdir()
        if index.folder.is_symlink():
            index.folder.unlink()


def refuse_strangers(folder: Path) -> None:
    """Raises RetrieveError where a folder holds what belongs to no index."""
    if strangers := sorted(path.name for path in folder.iterdir() if not path.name.startswith(PARTS)):
        raise RetrieveError(f"{folder} holds {strangers[0]}, which belongs to no index; move it elsewhere first.")
