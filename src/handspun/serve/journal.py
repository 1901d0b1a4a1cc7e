"""The log of a server: one JSON object per line, with what was asked of it and never what was said to it."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handspun.serve.meter import Meter

LOGGERS = ("handspun.serve", "uvicorn.error")
LONGEST_PATH = 200
log = logging.getLogger(__name__)


class Lines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return json.dumps(facts)


def open_journal(stream: TextIO) -> None:
    """Let the server's loggers write to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if name.startswith("handspun") else logging.ERROR)


class Journal:
    """Notes each request once it is answered: who, what, how it went, how long and how much."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app, self.meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = Answer(send)
        began = time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        finally:
            self.note(scope, answer, time.perf_counter() - began)

    def note(self, scope: Scope, answer: "Answer", seconds: float) -> None:
        """Write a request down and count it."""
        route = getattr(scope.get("route"), "path", "other")
        self.meter.answered(scope["method"] if route != "other" else "other", route, answer.status, seconds)
        facts = {
            "id": answer.id,
            "client": (scope.get("client") or ["?"])[0],
            "method": scope["method"],
            "path": scope["path"][:LONGEST_PATH],
            "status": answer.status,
            "seconds": round(seconds, 4),
            "bytes": answer.n_bytes,
        }
        log.info("request", extra={"facts": facts})


class Answer:
    """What was sent of an answer."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status, self.n_bytes, self.id = 500, 0, ""

    async def __call__(self, message: Message) -> None:
        await self.send(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.id = next((value.decode() for name, value in message["headers"] if name.lower() == b"x-request-id"), "")
        elif message["type"] == "http.response.body":
            self.n_bytes += len(message.get("body", b""))
