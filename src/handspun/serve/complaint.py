"""What is wrong with the body of a request, in a sentence."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

OURS = ("refused", "unknown_key", "missing_model")
"""complaints of our own, which say all there is to say"""
SHOULD = "Input should be "
"""how pydantic begins what it has to say"""
OBJECT = f"{SHOULD}a JSON object"
WORDS = {
    "model_attributes_type": OBJECT,
    "model_type": OBJECT,
    "dict_type": OBJECT,
    "string_too_short": "must not be empty",
    "too_short": "is empty; give at least one",
}
"""what to say instead of pydantic's sentence about the kinds of Python"""


def complaint(error: RequestValidationError) -> tuple[str | None, str]:
    """The parameter that is wrong, and a sentence about it."""
    first, body = error.errors()[0], error.body
    if first["type"] == "json_invalid":
        return None, f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]:,}"
    if first["loc"][0] == "path":
        return None, f"{first['loc'][-1]}={brief(first['input'])}: {first['msg']}"
    if body is None or body == b"":
        return None, "missing request body"
    if isinstance(body, bytes):
        return None, "the body was not sent as JSON; set the header Content-Type: application/json"
    errors = [one for one in error.errors() if one["type"] in OURS] or telling(error.errors())
    return about_body(errors, body)


def unreadable(cause: BaseException | None) -> str | None:
    """Why no JSON could be read from a body, where it is not its grammar."""
    match cause:
        case UnicodeDecodeError():
            return f"the body is not UTF-8 from byte {cause.start:,} on; send JSON in UTF-8"
        case RecursionError():
            return "the body nests too deep; send flatter JSON"
    return None


def telling(errors: Sequence[Any]) -> Sequence[Any]:
    """Of complaints about one of several kinds, those about the kind that was sent; all where it is none of them."""
    return [one for one in errors if one["type"] != "literal_error" and not one["type"].endswith("_type")] or errors


def about_body(errors: Sequence[Any], body: Any) -> tuple[str | None, str]:
    """The same for a body that is JSON. Several complaints about one value are one sentence."""
    first = errors[0]
    name, value = place(first["loc"], body)
    if first["type"] == "missing":
        name = dotted(name, first["loc"][-1])
        return name, f"{name} is missing"
    if first["type"] == "missing_model":
        return first["ctx"]["key"], first["msg"]
    if first["type"] == "unknown_key":
        name = dotted(name, first["ctx"]["key"])
        return name, f'"{name}" is not known here; {first["ctx"]["hint"]}'
    said_of_it = [WORDS.get(one["type"]) or one["msg"] for one in errors if place(one["loc"], body)[0] == name]
    reasons = dict.fromkeys(words.removeprefix(SHOULD) for words in said_of_it)
    said = ("should be " if said_of_it[0].startswith(SHOULD) else "") + " or ".join(reasons)
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
