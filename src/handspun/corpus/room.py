"""Room on the disk for a corpus: estimated from the text there is to read, and asked for before any of it is read."""

from dataclasses import dataclass
from pathlib import Path

from handspun.errors import DiskFullError
from handspun.machine import disk_free_bytes

COMPRESSED = 0.4
"""What a byte of text takes among what is kept of the hub (zstd, level 3: 0.38 of English)."""
CURATED = 2.2
"""The same in the run folder at its highest: as JSON once among the candidates and once among those that stay."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a folder has to take, and those that are free there."""

    folder: Path
    needed_bytes: int

    @property
    def free_bytes(self) -> int:
        """What is free where the folder lies, or will lie."""
        return disk_free_bytes(self.folder.expanduser())

    def __str__(self) -> str:
        return f"{size_text(self.needed_bytes)} in {self.folder} ({size_text(self.free_bytes)} free)"

    def check(self) -> None:
        """Raise DiskFullError where it will not fit."""
        if self.needed_bytes > self.free_bytes:
            raise DiskFullError(f"the corpus takes about {self}: free some space there, or lower corpus.max_bytes.")


def room_to_fetch(folder: Path, n_bytes: int) -> Room:
    """For so much text of the hub that is not kept yet."""
    return Room(folder, round(COMPRESSED * n_bytes))


def room_to_curate(folder: Path, n_bytes: int) -> Room:
    """For so much text in the corpus folder; its tokens take less than the candidates, which are gone by then."""
    return Room(folder, round(CURATED * n_bytes))


def size_text(n_bytes: int) -> str:
    """A size as disks are sold: 4.0 kB, 31.0 GB."""
    unit, size = next(((unit, size) for unit, size in (("GB", 1e9), ("MB", 1e6)) if n_bytes >= size), ("kB", 1e3))
    return f"{n_bytes / size:,.1f} {unit}"
