"""A schema may be anybody's: it is looked at only within bounds."""

import pytest

from handspun.errors import PromptError
from handspun.generate.constraint import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, Constraint


def nested(n: int) -> dict:
    schema: dict = {}
    for _ in range(n - 1):
        schema = {"items": schema}
    return schema


def test_without_a_schema_any_object_will_do() -> None:
    assert Constraint().checked() == '{"type": "object"}'
    assert Constraint({"type": "integer"}).checked() == '{"type": "integer"}'


def test_a_schema_that_nests_too_deeply_is_refused() -> None:
    Constraint(nested(MAX_SCHEMA_DEPTH)).checked()
    for depth in (MAX_SCHEMA_DEPTH + 1, 100_000):
        with pytest.raises(PromptError, match=f"nests deeper than {MAX_SCHEMA_DEPTH} levels; flatten it"):
            Constraint(nested(depth)).checked()


def test_a_schema_that_is_too_large_is_refused_with_both_sizes() -> None:
    Constraint({"description": "x" * (MAX_SCHEMA_BYTES - 19)}).checked()
    with pytest.raises(PromptError, match=r"the schema has 65,537 bytes, and 65,536 are read"):
        Constraint({"description": "x" * (MAX_SCHEMA_BYTES - 18)}).checked()


def test_what_must_be_spelled_is_known() -> None:
    schema = {
        "title": "not spelled",
        "properties": {"color": {"enum": ["red", 3]}, "inner": {"anyOf": [{"const": "x"}, {"properties": {"deep": {}}}]}},
        "required": ["color"],
    }
    assert sorted(set(Constraint(schema).literals)) == ["color", "deep", "inner", "red", "x"]
    assert Constraint().literals == []
