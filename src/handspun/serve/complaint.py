"""What is wrong with the body of a request, in a sentence."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

OURS = ("refused", "unknown_key", "missing_model")
"""complaints of our own, which say all there is to say"""
SHOULD = "Input should be "
"""how pydantic begins what it has to say"""


def complaint(error: RequestValidationError) -> tuple[str | None, str]:
    """The parameter that is wrong, and a sentence about it."""
    first, body = error.errors()[0], error.body
    if first["type"] == "json_invalid":
        return None, f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]:,}"
    if body is None or body == b"":
        return None, "missing request body"
    if isinstance(body, bytes):
        return None, "the body was not sent as JSON; set the header Content-Type: application/json"
    errors = [one for one in error.errors() if one["type"] in OURS] or error.errors()
    return about_body(errors, body)


def about_body(errors: Sequence[Any], body: Any) -> tuple[str | None, str]:
    """The same for a body that is JSON. Several complaints about one value are one sentence."""
    first = errors[0]
    name, value = place(first["loc"], body)
    if first["type"] == "missing":
        name = dotted(name, first["loc"][-1])
        return name, f"{name} is missing"
    if first["type"] in ("unknown_key", "missing_model"):
        return dotted(name, first["ctx"]["key"]), first["msg"]
    reasons = dict.fromkeys(one["msg"].removeprefix(SHOULD) for one in errors if place(one["loc"], body)[0] == name)
    said = ("should be " if first["msg"].startswith(SHOULD) else "") + " or ".join(reasons)
    return name or None, f"{name or 'the body'}={brief(value)}: {said}"


def place(loc: Sequence[int | str], body: Any) -> tuple[str, Any]:
    """The dotted name of the value that a complaint is about, and the value. Parts that name a type are passed over."""
    name = ""
    for part in loc[1:]:
        if part in keys_of(body):
            name, body = dotted(name, part), body[part]
    return name, body


def dotted(name: str, part: int | str) -> str:
    """The name of a value inside another."""
    return f"{name}.{part}" if name else str(part)


def keys_of(value: Any) -> Collection[int | str]:
    """What leads to the values inside a value."""
    return value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()


def brief(value: Any) -> str:
    """A value as it was sent, or its beginning."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
