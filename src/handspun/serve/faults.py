"""What goes wrong, as each protocol says it: a status, and an object of its shape."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from handspun.errors import BusyError, HandspunError, ModelNotFoundError, PromptError, RefusedError

STATUS: dict[type[HandspunError], int] = {
    PromptError: 400,
    RefusedError: 400,
    ModelNotFoundError: 404,
    BusyError: 503,
}
"""of an error and its children; every other one is the server's own fault"""

RETRY_AFTER_S = 1
TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
"""how OpenAI calls the kind of an error"""
SHOULD = "Input should be "
"""how pydantic begins what it has to say"""
CODES = {401: "invalid_api_key", 404: "model_not_found"}


def status_of(error: HandspunError) -> int:
    """The HTTP status for an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def fault_body(path: str, status: int, message: str, param: str | None = None) -> dict[str, Any]:
    """The object that tells of an error to who asked for `path`."""
    message = message.encode(errors="replace").decode()  # what was sent may be quoted, and half a surrogate pair is no UTF-8
    if not path.startswith("/v1"):
        return {"error": message}
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": CODES.get(status)}}


def fault(
    path: str, status: int, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The response that tells of an error to who asked for `path`."""
    headers = {**({"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}), **(headers or {})}
    return JSONResponse(fault_body(path, status, message, param), status, headers=headers)


def add_faults(app: FastAPI) -> None:
    """Have every error of the application answered in the shape of the protocol that was spoken."""

    @app.exception_handler(HandspunError)
    async def failed(request: Request, error: HandspunError) -> JSONResponse:
        return fault(request.url.path, status_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        param, message = complaint(error)
        return fault(request.url.path, 400, message, param=param)

    @app.exception_handler(Exception)
    async def broken(request: Request, _: Exception) -> JSONResponse:
        return fault(request.url.path, 500, "something is broken in the server; its log says what")

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        says = {404: f"{request.url.path} is no address here", 405: f"{request.url.path} does not take {request.method}"}
        return fault(request.url.path, error.status_code, says.get(error.status_code, str(error.detail)), headers=error.headers)


def complaint(error: RequestValidationError) -> tuple[str | None, str]:
    """The parameter that is wrong and a sentence about it; several complaints about one value are one sentence."""
    first, *others = error.errors()
    if first["type"] == "json_invalid":
        return None, f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]:,}"
    if error.body is None or error.body == b"":
        return None, "missing request body"
    if isinstance(error.body, bytes):
        return None, "the body was not sent as JSON; set the header Content-Type: application/json"
    name, value = place(first["loc"], error.body)
    if first["type"] == "missing":
        name = ".".join(filter(None, [name, str(first["loc"][-1])]))
        return name, f"{name} is missing"
    reasons = [one["msg"] for one in (first, *others) if place(one["loc"], error.body)[0] == name]
    said = " or ".join(dict.fromkeys(reason.removeprefix(SHOULD) for reason in reasons))
    said = f"should be {said}" if first["msg"].startswith(SHOULD) else said
    return name or None, f"{name}={brief(value)}: {said}" if name else said


def place(loc: tuple[int | str, ...], body: Any) -> tuple[str, Any]:
    """The dotted name of the value that a complaint is about, and the value. Parts that name a type are passed over."""
    names: list[str] = []
    for part in loc[1:]:
        if part in keys_of(body):
            body = body[part]
            names.append(str(part))
    return ".".join(names), body


def keys_of(value: Any) -> Collection[int | str]:
    """What leads to the values inside a value."""
    return value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()


def brief(value: Any) -> str:
    """A value as it was sent, or its beginning."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
