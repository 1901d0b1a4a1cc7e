"""The key of a stage: what it is a hash of decides whether the stage is done again."""

import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from handspun.files import sha256_of_json


def stage_key(stage: str, *, settings: Mapping[str, Any], inputs: Mapping[str, str], code: Mapping[str, str]) -> str:
    """The hex SHA-256 under which a stage is fresh: its keys of the recipe, its inputs' hashes and its rooms' code versions."""
    return sha256_of_json({"stage": stage, "settings": dict(settings), "inputs": dict(inputs), "code": dict(code)})


def code_version(room: str) -> str:
    """The hex SHA-256 over the Python files of one room (`tokens`, or `checkpoint` for checkpoint.py)."""
    package = resources.files("handspun")
    module = package / f"{room}.py"
    files = {module.name: module} if module.is_file() else dict(python_files(package / room))
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def python_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every .py file below a folder, by its name relative to it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from python_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry
