"""The packages that only some sources need; they come with the extras `handspun[data]` and `handspun[hub]`."""

import importlib
from pathlib import Path
from types import ModuleType

from handspun.errors import CorpusError


def needed(package: str, source: Path | str, extra: str = "data") -> ModuleType:
    """The imported package, which reading `source` needs. Raises CorpusError where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise CorpusError(f'reading {source} needs {name}, which is not installed: pip install "handspun[{extra}]".') from error
