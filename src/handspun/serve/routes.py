"""How both protocols read bodies, and what the OpenAPI schema says of their answers."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from handspun.serve.wire import Wire

ERRORS = {
    400: "What was asked cannot be done; the sentence says why.",
    401: "An API key is needed.",
    403: "This host or this page may not ask.",
    404: "There is no such model, or no such index.",
    408: "The body did not go on.",
    413: "The body is too large.",
    500: "The server cannot do it; the sentence says why.",
    503: "The server is busy; ask again.",
}
JSON = b"application/json"
FORM = "application/x-www-form-urlencoded"


class JSONRoute(APIRoute):
    """Reads a body as JSON, too, where it is not called anything, or a form: curl calls all it sends a form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            if request.headers.get("content-type", FORM).startswith(FORM):
                others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
                scope = {**request.scope, "headers": [*others, (b"content-type", JSON)]}
                request = Request(scope, request.receive)
            return await handle(request)

        return handled


def described(answer: type[Wire] | None, error: type[Wire], *, stream: str | None = None) -> dict[int | str, dict[str, Any]]:
    """What a route may answer: an object or nothing, a stream of this type, or an error."""
    whole: dict[str, Any] = {"description": "What was asked for."}
    if answer:
        whole["model"] = answer
    if stream:
        whole["content"] = {stream: {}}
    return {200: whole, **{status: {"model": error, "description": says} for status, says in ERRORS.items()}}


def drop_unused_status(app: FastAPI) -> None:
    """Take 422 out of the schema: FastAPI writes it there, and what it stands for is answered with 400 here."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        return schema

    app.openapi = openapi
