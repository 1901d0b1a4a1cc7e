"""Finds the files of an index: what can be read, under names that stay apart, and what is left for a reason."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handspun.errors import RetrieveError
from handspun.files import reason as reason_of
from handspun.retrieve.loading.formats import SUFFIXES, suffix_of


@dataclass(frozen=True, slots=True)
class Found:
    """The files below some roots, by the names that the index gives them."""

    files: dict[str, Path] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """why a file or folder is not even opened"""
    unread: Counter[str] = field(default_factory=Counter)
    """how many there are of each suffix that is not read"""


def scan(roots: Sequence[Path]) -> Found:
    """The files of these roots; what is hidden stays hidden. Raises RetrieveError where a root is not there or has none."""
    found = Found()
    seen: set[Path] = set()
    for root, label in zip(roots, labels(roots)):
        below, closed = walk(root)
        found.refused.update({readable_name(path, root, label): reason for path, reason in closed.items()})
        found.unread.update(path.suffix.lower() or path.name for path in below if suffix_of(path) is None)
        readable = [path for path in below if suffix_of(path) is not None]
        if not readable:
            raise RetrieveError(f"{root} holds no {', '.join(SUFFIXES)} file: name a file or folder that does.")
        for path in readable:
            name = readable_name(path, root, label)
            if reason := fault(path, root):
                found.refused[name] = reason
            elif path.resolve() not in seen:
                seen.add(path.resolve())
                found.files[name] = path
    return found


def walk(root: Path) -> tuple[list[Path], dict[Path, str]]:
    """The root itself or the files in it, sorted, and why some folders were not entered. Raises RetrieveError."""
    if not root.exists():
        raise RetrieveError(f"{root} does not exist: correct the path, mount what it is on, or leave it out (sources=…).")
    if not root.is_dir():
        return [root], {}
    files: list[Path] = []
    closed: dict[Path, str] = {}
    for folder, folders, names in os.walk(root, onerror=lambda error: closed.update({Path(error.filename): reason_of(error)})):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [path for name in folders if (path := Path(folder, name)).is_symlink()]
        closed.update(dict.fromkeys(links, "a link to a folder, which is not followed: name that folder, too"))
        paths = [Path(folder, name) for name in names if not name.startswith(".")]
        files += filter(is_file_or_link, paths)
        others = [path for path in paths if not is_file_or_link(path) and path.exists()]
        closed.update(dict.fromkeys(others, "a pipe, a socket or a device, which is not opened"))
    return sorted(files), closed


def is_file_or_link(path: Path) -> bool:
    """Whether it is a file or a link, rather than a pipe or a device."""
    return path.is_symlink() or path.is_file()


def fault(path: Path, root: Path) -> str | None:
    """Why a file is not even opened, if it is not."""
    if not path.resolve().is_relative_to((root if root.is_dir() else root.parent).resolve()):
        return "a link that leaves its folder"
    try:
        return None if path.is_file() else "a link that leads to no file"
    except OSError as error:
        return f"a link that cannot be followed: {reason_of(error)}"


def labels(roots: Sequence[Path]) -> list[str]:
    """What the names of each root's files begin with: nothing where there is one, else as much of its path as is its own."""
    if len(roots) == 1:
        return [""]
    n_parts = 1
    while len({root.parts[-n_parts:] for root in roots}) < len(set(roots)):
        n_parts += 1
    return [Path(*root.parts[-n_parts:]).as_posix().lstrip("/") for root in roots]


def readable_name(path: Path, root: Path, label: str) -> str:
    """How the index calls a file; bytes that are no UTF-8 are spelled out."""
    name = Path(label) / (path.relative_to(root) if path != root else "")
    return os.fsencode(name if name.parts else path.name).decode("utf-8", "backslashreplace")
