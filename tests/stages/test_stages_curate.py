"""A source is known by what tells it from the same source changed."""

import os
import platform
from pathlib import Path

import pytest

from handspun.stages.curate import source_hash


def test_a_file_or_a_folder_is_known_by_names_sizes_and_times(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    of_file, of_folder = source_hash(str(folder / "a.txt")), source_hash(str(folder))
    assert source_hash(str(folder)) == of_folder
    os.utime(folder / "a.txt", ns=(0, 0))
    assert source_hash(str(folder / "a.txt")) != of_file
    assert source_hash(str(folder)) != of_folder
    touched = source_hash(str(folder))
    (folder / "b.txt").write_text("two")
    assert source_hash(str(folder)) != touched


def test_a_path_from_home_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = source_hash("~/a.txt")
    (tmp_path / "a.txt").write_text("one")
    assert source_hash("~/a.txt") != before


def test_what_is_built_in_changes_with_python() -> None:
    assert platform.python_version() in source_hash("python")
    assert source_hash("manners") == source_hash("python")
