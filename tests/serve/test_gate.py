"""What every request passes: hosts, pages, the key, and limits of size and time; and what every answer carries."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from live import Live, start

from handspun.runs import Run
from handspun.serve.allowed import Allowed
from handspun.serve.config import ServeConfig
from handspun.serve.library import Library
from handspun.serve.models import Models

KEY = "a key that is long enough"
SHAPES = {"/api/chat": lambda body: body["error"], "/v1/chat/completions": lambda body: body["error"]["message"]}
"""Where each protocol says what is wrong."""
IDLE_S = 0.4


@pytest.fixture
def locked(finished_run: Path, tmp_path: Path) -> Iterator[Live]:
    """A server that asks for a key."""
    config = ServeConfig()
    models = Models(Library([Run(finished_run)], created=tmp_path), config)
    running, stop = start(models, config, Allowed("127.0.0.1", api_key=KEY))
    yield running
    stop()


def raw(live: Live, data: bytes, *, pauses: list[float] | None = None) -> bytes:
    """What comes back for bytes sent as they are, with pauses and a byte after each; until the server closes."""
    address = urlsplit(live.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(data)
        try:
            for pause in pauses or []:
                time.sleep(pause)
                connection.sendall(b"x")
        except OSError:
            return b""
        received = b""
        try:
            while more := connection.recv(65_536):
                received += more
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("path", SHAPES)
def test_a_host_that_is_not_ours_is_refused_in_the_shape_of_the_protocol(live: Live, path: str) -> None:
    with live.client as client:
        answer = client.post(path, json={}, headers={"Host": "evil.example"})
        assert answer.status_code == 403
        assert 'this server is not called "evil.example"' in SHAPES[path](answer.json())
        assert client.get("/healthz", headers={"Host": "localhost:1"}).status_code == 200


@pytest.mark.parametrize("path", SHAPES)
def test_a_page_of_a_stranger_is_refused_and_may_not_read_why(live: Live, path: str) -> None:
    with live.client as client:
        answer = client.post(path, json={}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert 'pages of "https://evil.example" may not ask here' in SHAPES[path](answer.json())
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_this_machine_may_ask_and_read(live: Live) -> None:
    asks = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    with live.client as client:
        before = client.options("/api/chat", headers=asks)
        answer = client.get("/healthz", headers={"Origin": "http://localhost:3000"})
    assert (before.status_code, before.headers["access-control-allow-headers"]) == (204, "x-a")
    assert "POST" in before.headers["access-control-allow-methods"]
    for got in (before, answer):
        assert got.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert got.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", SHAPES)
def test_without_the_key_there_is_an_answer_to_one_question_only(locked: Live, path: str) -> None:
    with locked.client as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = client.post(path, json={}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "an API key is needed" in SHAPES[path](answer.json())
        for one in ("/metrics", "/api/indexes", f"/api/indexes/docs/passages/{'0' * 32}"):
            assert client.get(one).status_code == 401
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_a_browser_may_ask_beforehand_without_the_key(locked: Live) -> None:
    with locked.client as client:
        asks = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        assert client.options("/api/chat", headers=asks).status_code == 204
        assert client.options("/api/chat", headers={**asks, "Origin": "http://evil.example"}).status_code == 403


def test_every_answer_carries_what_browsers_need_to_be_safe_and_a_number_of_its_own(live: Live) -> None:
    with live.client as client:
        answers = [client.get("/healthz"), client.get("/nowhere"), client.get("/healthz", headers={"Host": "evil.example"})]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


@pytest.mark.parametrize("path", SHAPES)
def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(serve: Callable[..., Live], path: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 4096

    with serve(max_body_mib=0.01).client as client:
        for content in (b"x" * 20_000, parts()):
            answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert "the body is larger than 0.01 MiB (serve.max_body_mib)" in SHAPES[path](answer.json())
        assert client.post(path, content=b"x" * 100).status_code != 413


def test_who_sends_on_after_a_refusal_still_reads_it(serve: Callable[..., Live]) -> None:
    live = serve(max_body_mib=0.01)
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64 + b"0\r\n\r\n"
    whole = head + b"Content-Length: 4194304\r\n\r\n" + b"x" * 4_194_304
    for sent in (chunked, whole):
        assert raw(live, sent).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTT", b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_does_not_come_closes_the_connection(serve: Callable[..., Live], sent: bytes) -> None:
    live = serve(idle_s=1)
    began = time.monotonic()
    assert raw(live, sent) == b""
    assert 0.8 < time.monotonic() - began < 5


def test_a_head_that_drips_in_does_not_put_the_end_off(serve: Callable[..., Live]) -> None:
    began = time.monotonic()
    raw(serve(idle_s=1), b"GET /healthz HTTP/1.1\r\nX: ", pauses=[0.3] * 20)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("path", SHAPES)
def test_a_body_that_does_not_come_is_answered_with_408(serve: Callable[..., Live], path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    answer = raw(serve(idle_s=IDLE_S), head.encode())
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not go on for 0.4 s" in answer


def test_more_connections_than_may_be_are_told_to_come_back(serve: Callable[..., Live]) -> None:
    live = serve(max_connections=3)
    address = urlsplit(live.url)
    held = [socket.create_connection((address.hostname, address.port)) for _ in range(3)]
    try:
        assert httpx.get(f"{live.url}/healthz").status_code == 503
    finally:
        for connection in held:
            connection.close()
    time.sleep(0.2)
    assert httpx.get(f"{live.url}/healthz").status_code == 200
