"""What goes wrong, as each protocol says it: a status, and an object of its shape."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from handspun.errors import BusyError, HandspunError, IndexNotFoundError, ModelNotFoundError, PromptError, RefusedError
from handspun.serve.complaint import complaint, unreadable

STATUS: dict[type[HandspunError], int] = {
    PromptError: 400,
    RefusedError: 400,
    ModelNotFoundError: 404,
    IndexNotFoundError: 404,
    BusyError: 503,
}
"""of an error and its children; every other one is the server's own fault"""

RETRY_AFTER_S = 1
TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
"""how OpenAI calls the kind of an error"""
CODES: dict[type[HandspunError], str] = {
    ModelNotFoundError: "model_not_found",
    IndexNotFoundError: "index_not_found",
}


def status_of(error: HandspunError) -> int:
    """The HTTP status for an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def fault_body(path: str, status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The object that tells of an error to who asked for `path`."""
    message = message.encode(errors="replace").decode()  # what was sent may be quoted, and half a surrogate pair is no UTF-8
    if not path.startswith("/v1"):
        return {"error": message}
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def fault(
    path: str,
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response that tells of an error to who asked for `path`."""
    headers = {**({"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}), **(headers or {})}
    return JSONResponse(fault_body(path, status, message, param=param, code=code), status, headers=headers)


def add_faults(app: FastAPI) -> None:
    """Have every error of the application answered in the shape of the protocol that was spoken."""

    @app.exception_handler(HandspunError)
    async def failed(request: Request, error: HandspunError) -> JSONResponse:
        return fault(request.url.path, status_of(error), str(error), code=CODES.get(type(error)))

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
        message = unreadable(error.__cause__) or says.get(error.status_code, str(error.detail))
        return fault(request.url.path, error.status_code, message, headers=error.headers)
