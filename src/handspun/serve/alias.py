"""Names that `create` and `copy` have made: a model with a system message and options of its own, kept as a small file."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from handspun.errors import RefusedError
from handspun.files import read_json, write_json

NAME = re.compile(r"(?=.{1,128}$)[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*){0,2}:[A-Za-z0-9][\w.-]*", re.ASCII)
MAX_BYTES = 1 << 18
"""Of a system message and options together."""
MAX_ALIASES = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """A name, tag included, and what it adds to the model of a run."""

    name: str
    base: str
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Aliases:
    """The aliases in a folder, one sealed file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The name of each."""
        return sorted(unquote(path.stem) for path in self.folder.glob("*.json"))

    def find(self, name: str) -> Alias | None:
        """The alias of that name. Raises DamagedFileError."""
        return Alias(**read_json(self.path(name))) if self.has(name) else None

    def modified_at(self, name: str) -> datetime:
        """When the alias of that name was last kept."""
        return datetime.fromtimestamp(self.path(name).stat().st_mtime, UTC)

    def has(self, name: str) -> bool:
        """Whether there is an alias of that name."""
        return NAME.fullmatch(name) is not None and self.path(name).is_file()

    def keep(self, alias: Alias) -> None:
        """Write an alias; one of that name is replaced. Raises RefusedError where it is no name, or too large."""
        if not NAME.fullmatch(alias.name):
            raise RefusedError(
                f'"{alias.name}" is no name of a model; write NAME or NAME:TAG in letters, digits, ".", "_", "-".'
            )
        if len(repr(asdict(alias))) > MAX_BYTES:
            raise RefusedError(
                f'the system message and parameters of "{alias.name}" exceed {MAX_BYTES >> 10} KiB; shorten them.'
            )
        if not self.has(alias.name) and len(self.names()) >= MAX_ALIASES:
            raise RefusedError(f"there are {MAX_ALIASES:,} created models already; delete some first.")
        write_json(self.path(alias.name), asdict(alias))

    def forget(self, name: str) -> None:
        """Delete an alias."""
        self.path(name).unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Where the alias of that name lies."""
        return self.folder / f"{quote(name, safe='')}.json"
