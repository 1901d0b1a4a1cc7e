"""handspun index doctor, migrate and remove: whether an index is whole, where it is kept, and how to be rid of it."""

import shlex
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.index_report import counted
from handspun.cli.progress import Progress
from handspun.cli.safe_text import on_one_line
from handspun.errors import DamagedFileError, RetrieveError

if TYPE_CHECKING:
    from handspun.retrieve.index import Index


def doctor(name: str, *, json: bool = False) -> int:
    """Whether an index is whole: its pages and checksums, and as many text rows and vectors as chunks. Exits 1 where not.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    json
        Print one JSON object: store, files, documents, chunks, text_rows, vectors, faults, remedy. Of a file that cannot be
        read at all the numbers are null.
    """
    from handspun.retrieve.index import Index
    from handspun.retrieve.tuning import lost_folder

    try:
        with closing(Index.open(name)) as opened, Progress(f"check {opened.name}"):
            counts, faults = opened.store.counts(), opened.store.faults()
            if lost := lost_folder(opened):
                faults = [*faults, f"{lost} is missing: searching makes do without what was learnt"]
            cure = remedy(opened) if faults else None
    except DamagedFileError as error:
        if not json:
            raise
        terminal.write_json(unreadable(name, error))
        return 1
    if json:
        terminal.write_json({"store": opened.config.store, **asdict(counts), "faults": faults, "remedy": cure})
        return int(bool(faults))
    terminal.table(("in the index", "number"), [(key.replace("_", " "), count) for key, count in asdict(counts).items()])
    for fault in faults:
        terminal.say(f"fault: {on_one_line(fault)}")
    terminal.say(cure or "it is whole.")
    return int(bool(faults))


def unreadable(name: str, error: DamagedFileError) -> dict[str, object]:
    """What scripts get of an index that is too damaged to be counted."""
    from handspun.retrieve.index import find_index, read_settings
    from handspun.retrieve.store import Counts

    folder = find_index(name)
    store = read_settings(folder).retrieve.store
    counts = dict.fromkeys(field.name for field in fields(Counts))
    return {"store": store, **counts, "faults": [str(error)], "remedy": read_anew(name, folder, store)}


def remedy(index: "Index") -> str:
    """What mends an index that is not whole."""
    from handspun.retrieve.tuning import lacks_vectors, lost_folder

    name, store = shlex.quote(index.name), index.config.store
    if lost_folder(index):
        return f"`handspun index sync {name}` learns it anew."
    if lacks_vectors(index):
        return f"`handspun index sync {name}` makes the vectors that are missing."
    if store != "sqlite":
        return f"`handspun index migrate {name} --to {shlex.quote(store)}` writes words and vectors anew."
    return read_anew(index.name, index.folder, store)


def read_anew(name: str, folder: Path, store: str) -> str:
    """What always mends an index."""
    from handspun.retrieve.index import file_of_store

    return f"delete {file_of_store(folder, store)}, then `handspun index sync {shlex.quote(name)}` reads everything anew."


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
    from handspun.retrieve.index import find_index
    from handspun.retrieve.removal import openable, remove_unopened
    from handspun.retrieve.removal import remove as delete

    folder = find_index(name)
    opened = openable(folder)
    with closing(opened) if opened else nullcontext():
        what = f"{folder}: {amount(opened)}"
        if not yes and not sys.stdin.isatty():
            raise RetrieveError(f"nobody can be asked whether to delete {what}; say --yes.")
        if not yes and not terminal.agrees(f"delete {what}?"):
            terminal.say("nothing is deleted.")
            return 1
        delete(opened) if opened else remove_unopened(folder)
    terminal.say(f"deleted {what}.")
    return 0


def amount(opened: "Index | None") -> str:
    """How much an index holds, if that can be read."""
    if opened is None:
        return "an index that cannot be read"
    counts = opened.store.counts()
    return f"{counted(counts.chunks, 'chunk')} of {counted(counts.files, 'file')}"
