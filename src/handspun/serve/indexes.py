"""The indexes there are to answer through, by name. A name that a client sends is looked up here: it is never a path."""

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from handspun.errors import IndexNotFoundError, RetrieveError
from handspun.retrieve.index import SETTINGS

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
"""What can stand behind the + of a model's name."""
OWN = "index"
"""The folder of a run's own index, in that of the run."""
log = logging.getLogger(__name__)


class Indexes:
    """What can be asked for by name. Folders are looked at anew each time: an index that is made meanwhile is served, too."""

    def __init__(self, chosen: Sequence[Path] | None = None, *, folder: Path | None = None) -> None:
        """`chosen` and no others; without them those right below `folder`, and every run's own.

        Raises RetrieveError for equal names, and for those that nobody can send.
        """
        self.chosen, self.folder = None if chosen is None else by_name(chosen), folder

    def folders(self, runs: Iterable[Path] = ()) -> dict[str, Path]:
        """The folder of each index by its name; of a run's own index the name is that of the run."""
        if self.chosen is not None:
            return self.chosen
        shared = sorted(path.parent for path in self.folder.glob(f"*/{SETTINGS}")) if self.folder else []
        own = [run / OWN for run in runs if (run / OWN / SETTINGS).is_file()]
        found: dict[str, Path] = {}
        for path in [*shared, *own]:
            if found.setdefault(name_of(path), path) != path:
                log.warning("%s is left out: %s has the same name", path, found[name_of(path)])
        return {name: path for name, path in found.items() if NAME.fullmatch(name)}


def by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Indexes by their names. Raises RetrieveError where two have the same, or one has none that can be sent."""
    found: dict[str, Path] = {}
    for folder in folders:
        name = name_of(folder)
        if not NAME.fullmatch(name):
            raise RetrieveError(f'no client can send "{name}"; rename {folder} in letters, digits, ".", "_", "-".')
        other = found.setdefault(name, folder)
        if other.resolve() != folder.resolve():
            raise RetrieveError(f"{other} and {folder} would have the same name; rename one of the folders.")
    return found


def name_of(folder: Path) -> str:
    """How an index is called: as its folder, or as the run whose own it is."""
    path = folder.resolve()
    return path.parent.name if path.name == OWN else path.name


def absent(name: str, known: Iterable[str]) -> IndexNotFoundError:
    """The error for a name that no index has, with those there are."""
    there_are = ", ".join(known) or "none; `handspun index FOLDER --name NAME` makes one"
    return IndexNotFoundError(f'index "{name}" not found; served here: {there_are}.')
