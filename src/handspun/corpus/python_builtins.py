"""Reads the documentation of what Python implements in C, from modules that are safe to import."""

import importlib
import inspect
import re
from collections.abc import Iterator
from types import BuiltinFunctionType, ModuleType
from typing import Any

from handspun.corpus.python_objects import Kind, PythonObject

C_MODULES = (
    "builtins _abc _asyncio _bisect _bz2 _collections _contextvars _csv _datetime _decimal _functools _hashlib _heapq _io "
    "_json _lzma _operator _queue _random _signal _socket _sqlite3 _ssl _struct _warnings _weakref array atexit binascii cmath "
    "errno fcntl gc grp itertools marshal math mmap posix pwd pyexpat resource select sys termios time unicodedata zlib"
)
PUBLIC_NAMES = {"posix": "os"}
SIGNATURE_LINE = re.compile(r"^[\w.]+\((.*)\)(?:\s*-+>\s*\S+(?:\s\S+){0,2})?$")  # not "D.pop(k) -> v, remove the key and ..."
SELF_ARGUMENT = re.compile(r"\$\w+(?:, /)?(?:, )?")


def builtin_objects() -> Iterator[PythonObject]:
    """The documented C functions, classes and methods of this Python, module by module; absent modules are passed over."""
    for name in C_MODULES.split():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield from _module_objects(module)


def _module_objects(module: ModuleType) -> Iterator[PythonObject]:
    """The documented members that the module itself defines, by name; what it shows of `builtins` belongs there."""
    for name, member in sorted(vars(module).items()):
        home = getattr(member, "__module__", None)
        if name.startswith("_") or not isinstance(home, str) or (home == "builtins" and module.__name__ != "builtins"):
            continue
        public_home = PUBLIC_NAMES.get(home, home.lstrip("_"))
        if isinstance(member, type):
            yield from _class_objects(member, public_home)
        elif isinstance(member, BuiltinFunctionType):
            yield from _object(member, public_home, name, "function")


def _class_objects(cls: type, module: str) -> Iterator[PythonObject]:
    """The class, then its own public methods and attributes."""
    yield from _object(cls, module, cls.__qualname__, "class")
    for name, member in sorted(vars(cls).items()):
        if not name.startswith("_") and (callable(member) or inspect.isgetsetdescriptor(member)):
            yield from _object(member, module, f"{cls.__qualname__}.{name}", "method" if callable(member) else "property")


def _object(member: Any, module: str, name: str, kind: Kind) -> Iterator[PythonObject]:
    """The member as an object, if it has a docstring; the signature is taken off the docstring where it stands there."""
    if isinstance(member.__doc__, str):
        arguments, doc = _split_signature(getattr(member, "__text_signature__", None), inspect.cleandoc(member.__doc__).strip())
        if doc:
            identity = name if module == "builtins" else f"{module}.{name}"
            yield PythonObject(identity, module, name, kind, None if kind == "property" else arguments, doc)


def _split_signature(text_signature: str | None, doc: str) -> tuple[str | None, str]:
    """(arguments, rest of the docstring). C signatures mark self as $self or $module; readers do not need it."""
    if text_signature:
        return SELF_ARGUMENT.sub("", text_signature[1:-1]), doc
    arguments: str | None = None
    first_line, _, rest = doc.partition("\n")
    while match := SIGNATURE_LINE.match(first_line.strip()):
        arguments = match.group(1).strip() if arguments is None else arguments
        doc = rest.strip()
        first_line, _, rest = doc.partition("\n")
    return arguments, doc
