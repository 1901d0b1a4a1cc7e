"""A port is listened on, or said to be whose it is."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest
from live import Live

from handspun.errors import PortError
from handspun.serve.doorway import Neighbor, find_neighbor, listen, listen_nearby, taken_by, url_of

LOCAL = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has who answers nothing."""
    with socket.create_server((LOCAL, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of a web server that is not handspun."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[1, 2]" if self.path == "/healthz" else b"Ollama is running")

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer((LOCAL, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_free_port_is_listened_on_at_once_and_a_taken_one_is_not(taken: int) -> None:
    listener = listen(LOCAL, 0)
    assert listener is not None
    with listener, socket.create_connection(listener.getsockname()):
        assert listen(LOCAL, listener.getsockname()[1]) is None
    assert listen(LOCAL, taken) is None


def test_the_next_free_port_is_found(taken: int) -> None:
    with listen_nearby(LOCAL, taken) as listener:
        assert taken < listener.getsockname()[1] <= taken + 100
    with pytest.raises(PortError, match="the ports from 65535 on are all taken; take any that is free with --port 0"):
        listen_nearby(LOCAL, 65_535)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who owns a socket")
def test_the_owner_is_named_with_its_command(taken: int) -> None:
    assert taken_by(LOCAL, taken).startswith(f"port {taken} of 127.0.0.1 is taken by process {os.getpid()} (")


@pytest.mark.parametrize("host", ["203.0.113.7", "nowhere.invalid"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(PortError, match=r"take (--host )?127\.0\.0\.1"):
        listen(host, 0)


def test_a_server_of_ours_is_recognized(live: Live) -> None:
    port = urlsplit(live.url).port
    assert port is not None
    neighbor = find_neighbor(LOCAL, port)
    assert neighbor is not None and neighbor.url == live.url
    assert neighbor.serves(["tiny:latest"])


def test_strangers_and_the_dead_are_not(stranger: int, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr("handspun.serve.doorway.PROBE_S", 0.2)
    assert find_neighbor(LOCAL, stranger) is None
    assert find_neighbor(LOCAL, taken) is None
    assert find_neighbor(LOCAL, 1) is None


def test_a_neighbor_without_some_of_the_models_does_not_serve_them() -> None:
    assert Neighbor("http://x", "1", ("a:latest", "b:latest")).serves(["b:latest"])
    assert not Neighbor("http://x", "1", ("a:latest",)).serves(["a:latest", "b:latest"])
    assert Neighbor("http://x", "1", None).serves(["b:latest"])


@pytest.mark.parametrize(
    ("host", "url"),
    [(LOCAL, "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("box", "http://box:80")],
)
def test_the_url_is_one_that_clients_here_can_open(host: str, url: str) -> None:
    assert url_of(host, 80) == url
