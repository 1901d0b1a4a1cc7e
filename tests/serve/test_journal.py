"""The log says what was asked and how it went, never what was said."""

import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
from live import Live

from handspun.serve.journal import LOGGERS, open_journal


@pytest.fixture
def journal() -> Iterator[io.StringIO]:
    """What is logged while a test runs; the loggers are as before afterwards."""
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).level) for name in LOGGERS}
    stream = io.StringIO()
    open_journal(stream)
    yield stream
    for name, (handlers, level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, True
        logger.setLevel(level)


def lines(journal: io.StringIO) -> list[dict]:
    """What was logged, after the server had the time to: it answers first."""
    deadline = time.monotonic() + 5
    while not journal.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    return [json.loads(line) for line in journal.getvalue().splitlines()]


def test_a_request_is_one_line_of_json_without_its_query_and_body(live: Live, journal: io.StringIO) -> None:
    with live.client as client:
        answer = client.post("/nowhere?secret=in-the-query", json={"prompt": "secret in the body"}, headers={"X-A": "secret"})
    (line,) = lines(journal)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/nowhere", 404)
    assert (line["client"], line["id"]) == ("127.0.0.1", answer.headers["x-request-id"])
    assert line["bytes"] == len(answer.content)
    assert line["seconds"] >= 0 and line["time"].endswith("+00:00")
    assert "secret" not in journal.getvalue()


def test_a_path_cannot_forge_a_line_nor_fill_the_log(live: Live, journal: io.StringIO) -> None:
    with live.client as client:
        client.get("/a%0A%7B%22event%22%3A1%7D" + "x" * 5000)
    (line,) = lines(journal)
    assert line["path"].startswith('/a\n{"event":1}x') and len(line["path"]) == 200


def test_an_error_of_ours_has_its_traceback_in_one_line(journal: io.StringIO) -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    (line,) = lines(journal)
    assert (line["level"], line["event"]) == ("error", "Exception in ASGI application")
    assert line["traceback"].endswith("ValueError: a bug")
