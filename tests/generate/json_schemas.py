"""Schemas of every shape, and a judge of what was written under them."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["name", "age", "tags", "x y", 'a"b', "größe", "🧶"])
LEAVES = st.one_of(
    st.builds(lambda longest: {"type": "string", "maxLength": longest}, st.integers(0, 6)),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span}, st.integers(-50, 50), st.integers(0, 99)
    ),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["red", "Grün", 3, None]}, {"const": "\n"}]),
)


def lists(items: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Arrays of a few of them."""
    return st.builds(lambda item, most: {"type": "array", "items": item, "maxItems": most}, items, st.integers(0, 3))


def objects(values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose properties are all required, and no others allowed."""
    return st.dictionaries(NAMES, values, max_size=3).map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    )


SCHEMAS = objects(st.recursive(LEAVES, lambda inner: lists(inner) | objects(inner), max_leaves=5))


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is what the schema describes; it knows no more keys than are made above."""
    match schema:
        case {"enum": values}:
            return value in values and not isinstance(value, bool)
        case {"const": only}:
            return value == only
        case {"type": "string", "maxLength": longest}:
            return isinstance(value, str) and len(value) <= longest
        case {"type": "integer", "minimum": low, "maximum": high}:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        case {"type": "boolean"}:
            return isinstance(value, bool)
        case {"type": "null"}:
            return value is None
        case {"type": "array", "items": item, "maxItems": most}:
            return isinstance(value, list) and len(value) <= most and all(fits(part, item) for part in value)
        case {"type": "object", "properties": properties}:
            is_whole = isinstance(value, dict) and value.keys() == properties.keys()
            return is_whole and all(fits(value[name], properties[name]) for name in properties)
    raise AssertionError(f"the judge does not know {schema}")
