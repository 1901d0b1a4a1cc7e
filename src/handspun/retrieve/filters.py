"""Filters of a search as a condition in SQL, over the table `documents`."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from handspun.errors import RetrieveError
from handspun.retrieve.store import Filters

GLOB_SIGNS = "*?["
FIELD_IS = """EXISTS (SELECT 1 FROM json_each(documents.metadata) AS field WHERE field.key = ? AND (
    field.value IN (SELECT value FROM json_each(?)) OR field.type = 'array'
    AND EXISTS (SELECT 1 FROM json_each(field.value) AS item WHERE item.value IN (SELECT value FROM json_each(?)))))"""


def condition(filters: Filters | None) -> tuple[str, list[Any]]:
    """The SQL condition and its parameters. Raises RetrieveError for a value that nothing could equal."""
    parts: list[str] = []
    parameters: list[Any] = []
    for name, value in (filters or {}).items():
        sql, values = source_is(value) if name == "source" else field_is(name, value)
        parts.append(sql)
        parameters += values
    return " AND ".join(parts) or "1", parameters


def passing(connection: sqlite3.Connection, filters: Filters) -> Iterator[int]:
    """The numbers of the chunks that pass."""
    where, parameters = condition(filters)
    sql = f"SELECT chunks.id FROM chunks JOIN documents ON documents.id = document WHERE {where}"
    return (number for (number,) in connection.execute(sql, parameters))


def source_is(value: Any) -> tuple[str, list[Any]]:
    """A prefix of the source, or a glob over all of it."""
    if not isinstance(value, str):
        raise RetrieveError(f"filter source={value!r}: must be a prefix or a glob, such as guide/ or guide/*.md.")
    if any(sign in value for sign in GLOB_SIGNS):
        return "documents.source GLOB ?", [value]
    return "substr(documents.source, 1, ?) = ?", [len(value), value]


def field_is(name: str, value: Any) -> tuple[str, list[Any]]:
    """A field that is the value, or one of the values; where the field is a list, has it."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, str | int | float | bool) for one in values):
        raise RetrieveError(f"filter {name}={value!r}: must be a text, a number, true or false, or a list of those.")
    wanted = json.dumps(values)
    return FIELD_IS, [name, wanted, wanted]
