"""Answers in chunks: JSON in one, NDJSON in lines, or server-sent events."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from starlette.types import Send

from handspun.errors import HandspunError
from handspun.serve.faults import fault_body, status_of
from handspun.serve.wire import Wire

NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
JSON = "application/json"

DONE = b"data: [DONE]\n\n"

Chunks = AsyncGenerator[bytes, None]
Objects = AsyncGenerator[Wire, None]


class Answer(StreamingResponse):
    """A body in chunks. Its status waits for the first one: what fails before has a status of its own.

    A client that leaves, however early, ends the making of chunks, and with it what they wait for.
    """

    def __init__(self, chunks: Chunks, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(chunks, media_type=media_type, headers=headers)
        self.chunks = chunks

    async def stream_response(self, send: Send) -> None:
        is_started = False
        async with aclosing(self.chunks) as chunks:
            async for chunk in chunks:
                if not is_started:
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                    is_started = True
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def lines(objects: Objects, path: str) -> Answer:
    """One object per line; what fails between two of them is a line, too."""
    return Answer(framed(objects, path, b"", b"\n"), NDJSON)


def events(objects: Objects, path: str) -> Answer:
    """One event per object, and [DONE]; what fails between two of them is an event, too."""

    async def closed() -> Chunks:
        async with aclosing(framed(objects, path, b"data: ", b"\n\n")) as frames:
            async for frame in frames:
                yield frame
        yield DONE

    return Answer(closed(), EVENTS, {"Cache-Control": "no-cache"})


def whole(objects: Objects) -> Answer:
    """The one object there is."""

    async def only() -> Chunks:
        async with aclosing(objects) as made:
            async for one in made:
                yield as_json(one)

    return Answer(only(), JSON)


async def framed(objects: Objects, path: str, before: bytes, after: bytes) -> Chunks:
    """Each object between two marks; once there was one, an error is such an object and the last."""
    is_started = False
    async with aclosing(objects) as made:
        try:
            async for one in made:
                yield before + as_json(one) + after
                is_started = True
        except HandspunError as error:
            if not is_started:
                raise
            yield before + json.dumps(fault_body(path, status_of(error), str(error))).encode() + after


def as_json(one: Wire) -> bytes:
    """An object without the keys that nobody has set."""
    return one.model_dump_json(exclude_unset=True, by_alias=True).encode()
