"""Answers byte for byte, and what becomes of them when something fails or the client leaves."""

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from live import Live

from handspun.generate.worker import Worker

QUESTION = [{"role": "user", "content": "What is a shard?"}]
LONG_CHAT = {"model": "tiny", "messages": QUESTION, "options": {"num_predict": -1}}
LONG_COMPLETION = {"model": "tiny", "messages": QUESTION, "stream": True, "max_tokens": 113}
STEP_S = 0.05
"""How long a step of a slowed engine takes at least; a long reply has 113 of them."""


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    with live.client as client:
        yield client


@pytest.fixture
def slow(serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Live:
    """A server whose model is loaded and takes its time."""
    live = serve()
    with live.client as client:
        client.post("/api/generate", json={"model": "tiny", "keep_alive": -1}).raise_for_status()
    engine = worker_of(live).engine
    step = engine.step

    def slow_step() -> object:
        time.sleep(STEP_S)
        return step()

    monkeypatch.setattr(engine, "step", slow_step)
    return live


def worker_of(live: Live) -> Worker:
    (loaded,) = live.models.loaded()
    return loaded.worker


def wait_until_idle(live: Live) -> float:
    """Wait until no request is open, and say how many seconds that took."""
    began = time.perf_counter()
    while worker_of(live).n_open:
        assert time.perf_counter() - began < 10
        time.sleep(0.005)
    return time.perf_counter() - began


def test_ndjson_is_one_object_per_line(client: httpx.Client) -> None:
    answer = client.post("/api/chat", json={"model": "tiny", "messages": QUESTION})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.endswith(b"}\n") and b"\n\n" not in answer.content
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert all(list(line)[:3] == ["model", "created_at", "done"] and line["model"] == "tiny" for line in lines)
    assert all(line.keys() <= {"model", "created_at", "done", "message", "copied_from"} for line in lines[:-1])
    assert lines[-1].keys() == {
        *("model", "created_at", "done", "message", "done_reason"),
        *("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"),
    }
    assert all(line["message"]["role"] == "assistant" for line in lines)


def test_a_line_is_sent_when_its_text_is_certain_and_not_at_the_end(slow: Live) -> None:
    with slow.client as client, client.stream("POST", "/api/chat", json={"model": "tiny", "messages": QUESTION}) as answer:
        came = [time.perf_counter() for _ in answer.iter_lines()]
    assert came[-1] - came[0] > 5 * STEP_S


def test_server_sent_events_are_what_openai_sends(client: httpx.Client) -> None:
    asked = {"model": "tiny", "messages": QUESTION, "max_tokens": 3, "stream": True, "stream_options": {"include_usage": True}}
    answer = client.post("/v1/chat/completions", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    first, *middle, end, usage = [json.loads(event.removeprefix("data: ")) for event in events]
    assert first["choices"] == [
        {"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": ""}, "logprobs": None}
    ]
    assert all(chunk["choices"][0]["delta"].keys() == {"content"} for chunk in middle)
    assert end["choices"] == [{"index": 0, "finish_reason": "length", "delta": {}, "logprobs": None}]
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 3
    assert all(chunk["usage"] is None for chunk in (first, *middle, end))


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", None])
def test_a_body_is_read_as_json_as_curl_sends_it(client: httpx.Client, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = client.post("/api/generate", content=b'{"model": "tiny"}', headers=headers)
    assert answer.status_code == 200


BROKEN = {
    "no JSON": (b"{model", {}, "the body is not JSON"),
    "nothing": (b"", {}, "missing request body"),
    "another type": (b'{"model": "tiny"}', {"content-type": "text/plain"}, "set the header Content-Type: application/json"),
    "no object": (b"[]", {}, "should be a JSON object"),
    "half a surrogate pair": (b'{"model": "\\ud800"}', {}, "unable to parse raw data as a unicode string"),
    "a key of half a surrogate pair": (b'{"\\ud800": 1}', {}, "is not known here"),
    "no number": (b'{"model": "tiny", "keep_alive": NaN}', {}, "must be a duration"),
    "too deep": (b"[" * 100_000, {}, "nests too deep"),
    "bytes of no text": (b'"\xff"', {}, "is not UTF-8 from byte 1 on"),
}


@pytest.mark.parametrize(("content", "headers", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_body_that_cannot_be_read_is_refused_in_the_shape_of_its_protocol(
    client: httpx.Client, content: bytes, headers: dict[str, str], sentence: str
) -> None:
    for path in ("/api/chat", "/v1/embeddings"):
        answer = client.post(path, content=content, headers=headers)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert sentence in (error if path == "/api/chat" else error["message"])


def test_an_address_that_is_none_is_said_to_be_none(client: httpx.Client) -> None:
    assert client.get("/api/nothing").json() == {"error": "/api/nothing is no address here"}
    assert client.put("/v1/models").json()["error"]["message"] == "/v1/models does not take PUT"


@pytest.mark.parametrize(("path", "asked"), [("/api/chat", LONG_CHAT), ("/v1/chat/completions", LONG_COMPLETION)])
def test_a_client_that_leaves_a_stream_ends_its_reply(slow: Live, path: str, asked: dict) -> None:
    with slow.client as client:
        with client.stream("POST", path, json=asked) as answer:
            next(answer.iter_lines())
            assert worker_of(slow).n_open == 1
        assert wait_until_idle(slow) < 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_first_byte_ends_its_reply(slow: Live, stream: bool) -> None:
    asked = {**LONG_COMPLETION, "stream": stream, "n": 2}
    with slow.client as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=asked, timeout=0.4 * STEP_S if stream else 4 * STEP_S)
    assert wait_until_idle(slow) < 1


def test_what_fails_within_a_stream_is_its_last_line(slow: Live) -> None:
    with (
        slow.client as client,
        client.stream("POST", "/api/chat", json=LONG_CHAT) as answer,
    ):
        lines = answer.iter_lines()
        assert "message" in json.loads(next(lines))
        slow.models.stop()
        *_, last = lines
    assert "ask again" in json.loads(last)["error"]


def test_what_fails_within_events_is_an_event_and_the_end(slow: Live) -> None:
    with slow.client as client, client.stream("POST", "/v1/chat/completions", json=LONG_COMPLETION) as answer:
        lines = answer.iter_lines()
        next(lines)
        slow.models.stop()
        *_, last, _, done, _ = lines
    assert "ask again" in json.loads(last.removeprefix("data: "))["error"]["message"]
    assert done == "data: [DONE]"


def test_what_is_broken_in_the_engine_is_a_500_in_the_shape_of_the_protocol(
    slow: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(worker_of(slow).engine, "step", broken)
    with slow.client as client:
        answer = client.post("/v1/chat/completions", json={"model": "tiny", "messages": QUESTION, "stream": True})
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "api_error" and "bug" not in answer.text
