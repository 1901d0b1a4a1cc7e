"""A server that answers: as `handspun serve` starts it, on a port of its own, in a thread of the test run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from handspun.serve.allowed import Allowed
from handspun.serve.app import build_app
from handspun.serve.config import ServeConfig
from handspun.serve.doorway import listen, url_of
from handspun.serve.models import Models
from handspun.serve.server import Server

LOCAL = "127.0.0.1"


@dataclass
class Live:
    """A running server."""

    url: str
    models: Models

    @property
    def client(self) -> httpx.Client:
        """A client of it, to be closed by who takes it."""
        return httpx.Client(base_url=self.url, timeout=60)


def start(
    models: Models, config: ServeConfig, allowed: Allowed | None = None, port: int = 0
) -> tuple[Live, Callable[[], None]]:
    """A server over these models that answers, and what stops it."""
    listener = listen(LOCAL, port)
    assert listener is not None
    url, is_ready = url_of(LOCAL, listener.getsockname()[1]), threading.Event()
    server = Server(build_app(models, config, allowed), models, config, is_ready.set, lambda n_replies: None)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="server")
    thread.start()
    assert is_ready.wait(60), "the server did not start"

    def stop() -> None:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"

    return Live(url, models), stop
