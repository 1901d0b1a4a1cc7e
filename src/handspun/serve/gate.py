"""What every request passes before it reaches a route: who may ask, how much, and how slowly; and what every answer carries."""

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handspun.serve.allowed import Allowed
from handspun.serve.config import ServeConfig
from handspun.serve.faults import fault

OPEN_PATHS = ("/", "/healthz")
"""What needs no key: that somebody answers, and the page, which asks for the key; its files lie below PAGE."""
PAGE = "/page/"
MOST_DRAINED_BYTES = 64 << 20
LONGEST_DRAINED_S = 5.0
"""How much of a body that is refused is taken all the same, and for how long."""
log = logging.getLogger(__name__)
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What an answer says where its route does not say otherwise, as that of the page does."""


class Gate:
    """The rules of a server around its application."""

    def __init__(self, app: ASGIApp, allowed: Allowed, config: ServeConfig) -> None:
        self.app, self.allowed, self.config = app, allowed, config
        self.max_body_bytes = int(config.max_body_mib * 2**20)
        self.too_large = f"the body is larger than {config.max_body_mib:g} MiB (serve.max_body_mib)"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        extra = {**SECURITY_HEADERS, **self.cors(headers), "X-Request-Id": uuid.uuid4().hex}
        answer = self.refusal(scope, headers)
        if answer is None and is_preflight(scope, headers):
            answer = Response(status_code=204, headers=leave(headers))
        sending = Sending(send, extra, self.config.idle_s)
        if answer is not None:
            if answer.status_code == 413 and headers.get("expect", "").lower() != "100-continue":
                await drain(receive)
            await answer(scope, receive, sending)
            return
        try:
            await self.app(scope, Receiving(receive, self), sending)
        except StalledError:
            log.warning("a client did not read its answer for %g s: it is cut off", self.config.idle_s)

    def refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request that may not pass."""
        path, host, origin = scope["path"], headers.get("host", ""), headers.get("origin")
        if not self.allowed.knows(host):
            return fault(path, 403, f'this server is not called "{host}"; name it in serve.hosts, or ask for it as localhost')
        if origin is not None and not self.allowed.trusts(origin, host):
            return fault(path, 403, f'pages of "{origin}" may not ask here; name the host in serve.hosts if they should')
        is_open = path in OPEN_PATHS or path.startswith(PAGE) or is_preflight(scope, headers)
        if not is_open and not self.allowed.admits(headers.get("authorization", "")):
            says = "an API key is needed: send the header Authorization: Bearer KEY"
            return fault(path, 401, says, headers={"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.max_body_bytes:
            return fault(path, 413, self.too_large, headers={"Connection": "close"})
        return None

    def cors(self, headers: Headers) -> Mapping[str, str]:
        """Leave for pages of this machine to read the answer."""
        origin = headers.get("origin")
        if origin is None or not self.allowed.trusts(origin, headers.get("host", "")):
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "X-Request-Id"}


class StalledError(Exception):
    """A client does not read what it asked for."""


class Receiving:
    """The body of a request as far as it may go."""

    def __init__(self, receive: Receive, gate: Gate) -> None:
        self.receive, self.gate = receive, gate
        self.n_bytes, self.is_whole = 0, False

    async def __call__(self) -> Message:
        if self.is_whole:  # what comes now is that the client has left
            return await self.receive()
        idle_s = self.gate.config.idle_s
        try:
            async with asyncio.timeout(idle_s):
                message = await self.receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not go on for {idle_s:g} s") from None
        self.n_bytes += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self.n_bytes > self.gate.max_body_bytes:
            if not self.is_whole:
                await drain(self.receive)
            raise HTTPException(413, self.gate.too_large, headers={"Connection": "close"})
        return message


async def drain(receive: Receive) -> None:
    """Take what a client still sends, within limits: a connection that is closed before loses the answer on its way to it."""
    n_bytes = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_DRAINED_S):
            while n_bytes < MOST_DRAINED_BYTES:
                message = await receive()
                n_bytes += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


class Sending:
    """An answer with the headers that each one carries, to a client that goes on reading."""

    def __init__(self, send: Send, extra: Mapping[str, str], idle_s: float) -> None:
        self.send, self.extra, self.idle_s = send, extra, idle_s

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in self.extra.items():
                headers.setdefault(name, value)
        try:
            async with asyncio.timeout(self.idle_s):
                await self.send(message)
        except TimeoutError:
            raise StalledError from None


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks whether a page may ask."""
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def leave(headers: Headers) -> dict[str, str]:
    """What a page that may ask is told beforehand."""
    return {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
        "Access-Control-Max-Age": "600",
    }
