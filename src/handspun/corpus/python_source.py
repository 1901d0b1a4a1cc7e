"""Reads the standard library's own files for what they document. Nothing is imported: the files are only parsed."""

import ast
import inspect
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from handspun.corpus.python_comments import comment_blocks
from handspun.corpus.python_objects import Kind, PythonObject

SKIPPED_FOLDERS = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "ensurepip",
    "encodings",
}  # and no package: site-packages
FIRST_ARGUMENT = re.compile(r"^\w+(?:, /)?(?:, )?")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def library_files(root: Path | None = None) -> list[tuple[str, Path]]:
    """The (module name, file) of every module of the running standard library, or of one in `root`, sorted by name."""
    root = root or Path(sysconfig.get_path("stdlib"))
    modules = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name.isidentifier() and name not in SKIPPED_FOLDERS]
        package = Path(folder).relative_to(root).parts
        for stem, suffix in map(os.path.splitext, names):
            if suffix == ".py" and stem.isidentifier():
                module = ".".join(package if stem == "__init__" else (*package, stem))
                modules.append((module, Path(folder, f"{stem}.py")))
    return sorted(modules)


def read_module(module: str, path: Path) -> list[PythonObject]:
    """Everything one file documents, in source order; a file that does not parse documents nothing."""
    try:
        source = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's own invalid escapes are not the user's business
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    comments = (
        (line, PythonObject(f"{module}#{line}", module, f"line {line}", "comment", None, text))
        for line, text in comment_blocks(source)
    )
    return [item for _, item in sorted([*_documented(tree, module), *comments], key=lambda numbered: numbered[0])]


def _documented(tree: ast.Module, module: str) -> Iterator[tuple[int, PythonObject]]:
    """(line, object) of the module itself and of its functions, classes and methods that have a docstring."""
    if doc := _docstring(tree):
        yield 0, PythonObject(module, module, module, "module", None, doc)
    for name, node, owner in _definitions(tree.body, "", None):
        if doc := _docstring(node):
            kind = _kind(node, owner)
            arguments = None if kind == "property" else _arguments(node, owner)
            yield node.lineno, PythonObject(f"{module}.{name}", module, name, kind, arguments, doc)


def _docstring(node: ast.Module | Definition) -> str:
    """The docstring with its indentation taken off and lone surrogates gone, or nothing."""
    doc = ast.get_docstring(node, clean=False) or ""
    return inspect.cleandoc(doc.encode("utf-8", "ignore").decode()).strip()


def _definitions(
    body: list[ast.stmt], prefix: str, owner: ast.ClassDef | None
) -> Iterator[tuple[str, Definition, ast.ClassDef | None]]:
    """(qualified name, node, class it is in) of each definition, looking into classes, `if` and `try`."""
    for node in body:
        if isinstance(node, Definition):
            yield f"{prefix}{node.name}", node, owner
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{prefix}{node.name}.", node)
        elif isinstance(node, ast.If):
            yield from _definitions([*node.body, *node.orelse], prefix, owner)
        elif isinstance(node, ast.Try):
            handled = [statement for handler in node.handlers for statement in handler.body]
            yield from _definitions([*node.body, *handled, *node.orelse], prefix, owner)


def _decorators(node: Definition) -> set[str]:
    return {ast.unparse(decorator).split("(")[0] for decorator in node.decorator_list}


def _kind(node: Definition, owner: ast.ClassDef | None) -> Kind:
    if isinstance(node, ast.ClassDef):
        return "class"
    if _decorators(node) & {"property", "cached_property", "functools.cached_property"}:
        return "property"
    return "method" if owner else "function"


def _arguments(node: Definition, owner: ast.ClassDef | None) -> str | None:
    """The signature inside the parentheses, without self or cls; None for a class that has no __init__ of its own."""
    if isinstance(node, ast.ClassDef):
        initializers = [child for child in node.body if isinstance(child, ast.FunctionDef) and child.name == "__init__"]
        return _arguments(initializers[0], node) if initializers else None
    arguments = ast.unparse(node.args)
    return FIRST_ARGUMENT.sub("", arguments) if owner and "staticmethod" not in _decorators(node) else arguments
