"""The reference of every key: its type, its default and the string literal below its field, read from the configs.

The help pages and the docs are generated from this, so a fact about a key is written once, where the key is.
"""

import ast
import inspect
import textwrap
from dataclasses import MISSING, Field
from typing import NamedTuple, get_type_hints

from handspun.settings import dotted, is_required, settings_fields, table_type_of, to_tree, toml_text, type_text


class DocumentedField(NamedTuple):
    """One line of the reference: everything a reader needs to set a key."""

    key: str
    type: str
    default: str
    doc: str


def documented_fields(cls: type, table: str = "") -> list[DocumentedField]:
    """Every key below `cls` with its type, its default and the string literal below its field."""
    docs, hints, lines = docs_below_fields(cls), get_type_hints(cls), []
    for field in settings_fields(cls):
        key, hint = dotted(table, field.name), hints[field.name]
        if table_type := table_type_of(hint):
            lines += documented_fields(table_type, key)
        else:
            lines.append(DocumentedField(key, type_text(hint), default_text(field), docs.get(field.name, "")))
    return lines


def docs_below_fields(cls: type) -> dict[str, str]:
    """The string literal that follows each field in the source of `cls`."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for field, below in zip(definition.body, definition.body[1:]):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                docs[name] = " ".join(doc.split())
    return docs


def default_text(field: Field) -> str:
    """A field's default as it would be written in TOML."""
    if is_required(field):
        return "required"
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return "off" if default is None else toml_text(to_tree(default))
