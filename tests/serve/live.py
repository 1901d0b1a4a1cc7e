"""A server that answers: the application on a port of its own, in a thread of the test run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import uvicorn

from handspun.serve.app import build_app
from handspun.serve.config import ServeConfig
from handspun.serve.models import Models


@dataclass
class Live:
    """A running server."""

    url: str
    models: Models

    @property
    def client(self) -> httpx.Client:
        """A client of it, to be closed by who takes it."""
        return httpx.Client(base_url=self.url, timeout=60)


def start(models: Models, config: ServeConfig) -> tuple[Live, Callable[[], None]]:
    """A server over these models, and what stops it."""
    server = uvicorn.Server(uvicorn.Config(build_app(models, config), port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
    port = server.servers[0].sockets[0].getsockname()[1]

    def stop() -> None:
        server.should_exit = True
        thread.join(20)

    return Live(f"http://127.0.0.1:{port}", models), stop
