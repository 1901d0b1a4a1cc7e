"""The packages that only some files need; they come with the extra `handspun[data]`."""

import importlib
from pathlib import Path
from types import ModuleType

from handspun.errors import CorpusError


def needed(package: str, path: Path) -> ModuleType:
    """The imported package, which reading `path` needs. Raises CorpusError where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise CorpusError(f'reading {path} needs {package}, which is not installed: pip install "handspun[data]".') from error
