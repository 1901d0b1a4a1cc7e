"""superseded/: what stages have made under other keys, each in a folder of its own, never deleted and taken back when wanted.

    superseded/train-9e8beb80/
    ├── stage.json                      the record of the stage, as it stood in stages.json
    └── checkpoints/ metrics.jsonl      what it had made, finished or not

The record is written before anything moves here and goes after everything has moved back, so a crash between two moves leaves
nothing that is not found again.
"""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.errors import DamagedFileError
from handspun.files import read_json, sync_folder, write_json

RECORD = "stage.json"


@dataclass(frozen=True, slots=True)
class Superseded:
    """What lies in superseded/ of the run folder `home`."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "superseded"

    def keep(self, stage: str, record: Mapping[str, Any], names: Iterable[str]) -> Path | None:
        """Move what stands in the run folder under `names` here, with the record of the stage that made it.

        Nothing that lies here already is touched. Returns the folder; None where nothing stands.
        """
        names = list(names)
        if not any((self.home / name).exists() for name in names):
            return None
        key = record["key"]
        kept = self.find(stage, key) or unused_path(self.folder / f"{stage}-{key[:8]}")
        if not (kept / RECORD).is_file():
            write_json(kept / RECORD, {"stage": stage, "record": dict(record), "names": names})
        for name in names:
            if (standing := self.home / name).exists():
                move(standing, unused_path(kept / name))
        return kept

    def find(self, stage: str, key: str) -> Path | None:
        """The folder of what a stage has made under this very key; None where there is none."""
        for path in sorted(self.folder.glob(f"{stage}-{key[:8]}*/{RECORD}")):
            with suppress(DamagedFileError):
                found = read_json(path)
                if (found["stage"], found["record"]["key"]) == (stage, key):
                    return path.parent
        return None

    def record_in(self, kept: Path) -> tuple[str, dict[str, Any]]:
        """Which stage made what lies in a folder, and its record. Raises DamagedFileError."""
        found = read_json(kept / RECORD)
        return found["stage"], found["record"]

    def take_back(self, kept: Path) -> None:
        """Move what lies in a folder back to where it stood, unless something stands there now."""
        for name in read_json(kept / RECORD)["names"]:
            if (kept / name).exists() and not (self.home / name).exists():
                move(kept / name, self.home / name)

    def forget(self, kept: Path) -> None:
        """Let go of a folder whose content was taken back; what has stayed in it stays."""
        (kept / RECORD).unlink()
        if not any(path.is_file() for path in kept.rglob("*")):
            shutil.rmtree(kept)
        with suppress(OSError):
            self.folder.rmdir()


def move(path: Path, destination: Path) -> None:
    """Move a file or folder, and make that survive a power cut."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    path.rename(destination)
    sync_folder(destination.parent)
    sync_folder(path.parent)


def unused_path(path: Path) -> Path:
    """`path`, or the first of PATH-2, PATH-3, ... that is not taken."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate = path.with_name(f"{path.name}-{number}")
        number += 1
    return candidate
