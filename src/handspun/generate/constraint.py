"""What a reply must look like: JSON, or JSON of one schema."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handspun.errors import PromptError

MAX_SCHEMA_BYTES = 1 << 16
MAX_SCHEMA_DEPTH = 32
ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Constraint:
    """JSON that a JSON Schema describes; any JSON object where there is none."""

    schema: dict[str, Any] | None = None

    def checked(self) -> str:
        """The schema as JSON. Raises PromptError for one that is too deep or too large to be looked at: it may be anybody's."""
        schema = ANY_OBJECT if self.schema is None else self.schema
        if any(depth > MAX_SCHEMA_DEPTH for depth, _ in parts(schema)):
            raise PromptError(f"the schema nests deeper than {MAX_SCHEMA_DEPTH} levels; flatten it.")
        text = json.dumps(schema)
        if len(text) > MAX_SCHEMA_BYTES:
            raise PromptError(f"the schema has {len(text):,} bytes, and {MAX_SCHEMA_BYTES:,} are read; shorten it.")
        return text

    @property
    def literals(self) -> list[str]:
        """Every text that a reply may have to hold letter by letter: names of properties, and values of `enum` and `const`."""
        literals: list[str] = []
        for _, part in parts(self.schema or {}):
            if isinstance(part, dict):
                named = [part.get(key) for key in ("properties", "required", "enum", "const")]
                literals += [text for value in named for _, text in parts(value, max_depth=2) if isinstance(text, str)]
        return literals


def parts(value: Any, max_depth: int = MAX_SCHEMA_DEPTH + 1) -> Iterator[tuple[int, Any]]:
    """A value with all that it holds, names included, each with its depth; nothing below `max_depth`."""
    open_parts = [(1, value)]
    while open_parts:
        depth, part = open_parts.pop()
        yield depth, part
        if depth < max_depth and isinstance(part, dict | list):
            inner = [*part, *part.values()] if isinstance(part, dict) else part
            open_parts += [(depth + 1, item) for item in inner]
