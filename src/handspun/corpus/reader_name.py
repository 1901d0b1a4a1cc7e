"""How a recipe names a file to learn reading from: "reader:" and its path."""

from pathlib import Path

PREFIX = "reader:"


def is_reader_name(source: str) -> bool:
    """Whether a source, or a place of conversations, is passages with questions."""
    return source.startswith(PREFIX)


def reader_path(source: str) -> Path:
    """The file or folder behind such a name, or behind a plain one."""
    return Path(source.removeprefix(PREFIX)).expanduser()
