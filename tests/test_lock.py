"""A folder is held by one process at a time, on a full disk, too."""

import errno
import os
from pathlib import Path

import pytest

from handspun.lock import locked


class HeldError(Exception):
    """Who holds it."""


def test_who_holds_a_folder_is_written_down(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("1 a-longer-name-of-another-machine\n")
    with locked(tmp_path, HeldError):
        assert (tmp_path / ".lock").read_text().split()[0] == str(os.getpid())


def test_a_folder_on_a_full_disk_is_held_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with locked(tmp_path, HeldError):
        assert (tmp_path / ".lock").read_text() == ""
