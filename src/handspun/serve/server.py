"""The server around the application: one process that ends in peace when it is told to."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from handspun.serve.config import ServeConfig
from handspun.serve.models import Models

TO_SAY_SO_S = 2.0
"""After its time to end, a reply has so long to tell its client why it is cut off."""
LONGEST_HEAD = 1 << 16
"""Bytes of the head of a request."""


class Server(uvicorn.Server):
    """Serves until it is told to stop; then takes nothing more, and gives what is under way `drain_s` to end in."""

    def __init__(
        self,
        app: FastAPI,
        models: Models,
        config: ServeConfig,
        on_ready: Callable[[], object],
        on_stopping: Callable[[int], object],
    ) -> None:
        """`on_stopping` is told how many requests are under way."""
        super().__init__(
            uvicorn.Config(
                app,
                http=Patient,
                loop="asyncio",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=min(config.max_connections, 4096),
                limit_concurrency=config.max_connections,
                timeout_keep_alive=max(1, int(config.idle_s)),
                timeout_graceful_shutdown=int(config.drain_s + TO_SAY_SO_S),
                h11_max_incomplete_event_size=LONGEST_HEAD,
            )
        )
        self.models, self.drain_s = models, config.drain_s
        self.on_ready, self.on_stopping = on_ready, on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing more, wait for what is under way, end what takes too long."""
        self.on_stopping(len(self.server_state.tasks))
        ending = asyncio.get_running_loop().call_later(self.drain_s, self.models.stop)
        await super().shutdown(sockets)
        ending.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT tell it to stop, which is no failure; a second SIGINT does not wait."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop; at a second Ctrl-C on the spot."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(0)
        self.should_exit = True


class Patient(H11Protocol):
    """HTTP/1.1 that waits for the head of a request only as long as for the next request."""

    def connection_made(self, transport: Any) -> None:
        """A client is there: its request should begin."""
        super().connection_made(transport)
        self.wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Some of a request came: the rest of its head should, too."""
        deadline = self.timeout_keep_alive_task.when() if self.timeout_keep_alive_task else None
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.wait_for_head(deadline)

    def wait_for_head(self, deadline: float | None = None) -> None:
        """Close the connection if the head is not whole by then; what drips in does not put it off."""
        if self.timeout_keep_alive_task is None:
            when = deadline or self.loop.time() + self.timeout_keep_alive
            self.timeout_keep_alive_task = self.loop.call_at(when, self.timeout_keep_alive_handler)
