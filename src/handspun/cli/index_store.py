"""handspun index doctor, migrate and remove: whether an index is whole, where it is kept, and how to be rid of it."""

import shlex
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.index_report import counted
from handspun.cli.progress import Progress
from handspun.errors import RetrieveError

if TYPE_CHECKING:
    from handspun.retrieve.index import Index


def doctor(name: str, *, json: bool = False) -> int:
    """Whether an index is whole: its pages and checksums, and as many text rows and vectors as chunks. Exits 1 where not.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    json
        Print one JSON object: store, files, documents, chunks, text_rows, vectors, faults, remedy.
    """
    from handspun.retrieve.index import Index

    with closing(Index.open(name)) as opened, Progress(f"check {opened.name}"):
        counts, faults = opened.store.counts(), opened.store.faults()
        cure = remedy(opened) if faults else None
    if json:
        terminal.write_json({"store": opened.config.store, **asdict(counts), "faults": faults, "remedy": cure})
        return int(bool(faults))
    terminal.table(("in the index", "number"), [(key.replace("_", " "), count) for key, count in asdict(counts).items()])
    for fault in faults:
        terminal.say(f"fault: {fault}")
    terminal.say(cure or "it is whole.")
    return int(bool(faults))


def remedy(index: "Index") -> str:
    """What mends an index that is not whole."""
    from handspun.retrieve.index import file_of_store
    from handspun.retrieve.tuning import lacks_vectors

    name, store = shlex.quote(index.name), index.config.store
    if lacks_vectors(index):
        return f"`handspun index sync {name}` makes the vectors that are missing."
    if store != "sqlite":
        return f"`handspun index migrate {name} --to {shlex.quote(store)}` writes words and vectors anew."
    return f"delete {file_of_store(index.folder, store)}, then `handspun index sync {name}` reads everything anew."


def migrate(name: str, *, to: str, json: bool = False) -> None:
    """Move an index to another store, once the same searches find the same there; or write anew what an engine has of it.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    to
        sqlite, lancedb, or qdrant:URL of a server (its key, if it wants one, in QDRANT_API_KEY).
    json
        Print one JSON object: store, chunks, words and vectors, each with found_before, found_after, same.
    """
    from handspun.retrieve.index import Index
    from handspun.retrieve.migration import migrate as move

    opened = Index.open(name)
    with Progress(f"migrate {opened.name}", unit="chunks") as progress:
        made = move(opened, to, progress)
    if json:
        terminal.write_json(asdict(made))
        return
    columns = ("searched by", "found before", "found after", "of the first ten the same")
    arms = {"words": made.words, "vectors": made.vectors}
    shares = {arm: asdict(found).values() for arm, found in arms.items() if found is not None}
    terminal.table(columns, [(arm, *(f"{share:.1%}" for share in found)) for arm, found in shares.items()])
    terminal.say(f"{made.chunks:,} chunks are in {made.store} now.")


def remove(name: str, *, yes: bool = False) -> int:
    """Delete an index with all that was made for it, on a server, too. The files and folders that it was made of stay.

    In a terminal it asks first; exits 1 where the answer is no. Where a server is gone for good, delete the folder yourself.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    yes
        Do not ask. In a script it is needed.
    """
    from handspun.retrieve.index import Index
    from handspun.retrieve.removal import remove as delete

    with closing(Index.open(name)) as opened:
        counts = opened.store.counts()
        what = f"{opened.folder}: {counted(counts.chunks, 'chunk')} of {counted(counts.files, 'file')}"
        if not yes and not sys.stdin.isatty():
            raise RetrieveError(f"nobody can be asked whether to delete {what}; say --yes.")
        if not yes and not terminal.agrees(f"delete {what}?"):
            terminal.say("nothing is deleted.")
            return 1
        delete(opened)
    terminal.say(f"deleted {what}.")
    return 0
