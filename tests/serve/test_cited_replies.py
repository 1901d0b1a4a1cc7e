"""Both official clients are answered through an index: with citations that hold, what was sent, or that it is not known."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import ollama
import openai
import pytest
from bookshelf import SENTENCE, SHARDS, write_index
from live import Live

from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.searcher import Searcher

QUESTION = [{"role": "user", "content": "What is a shard?"}]
NOBODY_KNOWS = [{"role": "user", "content": "Zebras?"}]
CITED: dict[str, Any] = {"const": SENTENCE}
"""What a reply must be: JSON that says this sentence of the index."""
MADE_UP: dict[str, Any] = {"const": "Gold is heavy."}
LONG_ENOUGH = {"num_predict": 40}


@pytest.fixture
def client(reader: Live) -> Iterator[httpx.Client]:
    with reader.client as client:
        yield client


@pytest.fixture
def talker(reader: Live) -> Iterator[ollama.Client]:
    with ollama.Client(reader.url) as client:
        yield client


@pytest.fixture
def asker(reader: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{reader.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def chat(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """The one object that /api/chat answers."""
    asked = {"model": "tiny", "messages": QUESTION, "stream": False, **body}
    answer = client.post("/api/chat", json={**asked, "options": {**LONG_ENOUGH, **body.get("options", {})}})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: httpx.Client, path: str, **body: Any) -> tuple[int, str]:
    """How a request is refused: its status, and what is said."""
    answer = client.post(path, json={"model": "tiny", **body})
    error = answer.json()["error"]
    return answer.status_code, error if isinstance(error, str) else error["message"]


def test_a_reply_says_what_it_cites_and_what_was_read_for_it(client: httpx.Client) -> None:
    answer = chat(client, model="tiny+docs", format=CITED)
    said = answer["message"]["content"]
    (citation,) = answer["citations"]
    assert (answer["kind"], answer["supported"], answer["searched"], "nearest" in answer) == ("model", True, "docs", False)
    assert (citation["source"], citation["heading"], citation["page"]) == ("shards.md", "Words 📚 > Shards", None)
    assert citation["verified"] and citation["quote"] == SHARDS[citation["start"] : citation["end"]]
    assert SENTENCE.startswith(said[citation["answer_start"] : citation["answer_end"]])
    (sent,) = answer["sent"]
    assert sent["chunk_id"] == citation["chunk_id"]
    assert sent["text"] == SHARDS[sent["start"] : sent["end"]] and SENTENCE in sent["text"]
    assert not sent["is_cut"] and answer["n_left_out"] == 0
    assert answer["prompt_eval_count"] > sent["n_tokens"] > 0 and answer["eval_count"] > 0


def test_what_stands_in_no_passage_is_not_cited_and_said_to_be_unsupported(client: httpx.Client) -> None:
    answer = chat(client, index="docs", format=MADE_UP)
    assert (answer["kind"], answer["supported"], answer["citations"]) == ("model", False, [])
    assert answer["sent"]


@pytest.mark.parametrize("way", [{"model": "tiny:latest+docs"}, {"index": "docs"}, {"options": {"index": "docs"}}])
def test_every_way_to_name_the_index_asks_it(way: dict[str, Any], client: httpx.Client) -> None:
    answer = chat(client, **way, format=CITED)
    assert answer["citations"]
    assert answer["model"] == way.get("model", "tiny")


def test_a_plain_name_asks_no_index(client: httpx.Client) -> None:
    assert not {"citations", "supported", "kind", "sent", "searched"} & chat(client).keys()


def test_what_is_asked_of_the_model_itself_is_not_looked_up(client: httpx.Client) -> None:
    answer = chat(client, index="docs", messages=[{"role": "user", "content": "Who are you?"}])
    assert answer["eval_count"] > 0 and "kind" not in answer


def test_below_the_score_nobody_is_asked_and_nothing_is_counted(client: httpx.Client, reader: Live) -> None:
    answer = chat(client, index="docs", messages=NOBODY_KNOWS)
    assert answer["message"]["content"] == "I do not know."
    assert (answer["kind"], answer["supported"], answer["sent"], answer["citations"]) == ("unknown", False, [], [])
    assert (answer["prompt_eval_count"], answer["eval_count"], answer["done_reason"]) == (0, 0, "stop")
    assert isinstance(answer["nearest"], list)


def test_a_question_as_long_as_a_book_is_looked_up_by_its_end(client: httpx.Client) -> None:
    answer = chat(client, index="docs", messages=[{"role": "user", "content": "shard " * 1000 + "zebra " * 1000}])
    assert answer["kind"] == "unknown"


def test_the_official_ollama_client_streams_it(talker: ollama.Client) -> None:
    *parts, last = talker.chat("tiny+docs", QUESTION, stream=True, format=CITED, options=LONG_ENOUGH)
    assert "".join(part.message.content or "" for part in parts) == f'"{SENTENCE}"'
    assert last.done and last.eval_count and not last.message.content
    whole = talker.chat("tiny", QUESTION, options={"index": "docs", **LONG_ENOUGH}, format=CITED)
    assert (whole.message.content, whole.prompt_eval_count) == (f'"{SENTENCE}"', last.prompt_eval_count)
    unknown = list(talker.chat("tiny+docs", NOBODY_KNOWS, stream=True))
    assert "".join(part.message.content or "" for part in unknown) == "I do not know."


def test_a_prompt_is_answered_like_a_message(talker: ollama.Client, client: httpx.Client) -> None:
    assert talker.generate("tiny+docs", "What is a shard?", format=CITED, options=LONG_ENOUGH).response == f'"{SENTENCE}"'
    body = {
        "model": "tiny",
        "index": "docs",
        "prompt": "What is a shard?",
        "stream": False,
        "format": CITED,
        "options": LONG_ENOUGH,
    }
    assert client.post("/api/generate", json=body).json()["citations"][0]["source"] == "shards.md"


def test_the_official_openai_client_finds_it_beside_the_message(asker: openai.OpenAI) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "cited", "schema": CITED}}
    asked: Any = {"messages": QUESTION, "response_format": wanted, "max_tokens": 40}
    answer = asker.chat.completions.create(model="tiny", n=2, extra_body={"index": "docs"}, **asked)
    assert [choice.message.content for choice in answer.choices] == [f'"{SENTENCE}"'] * 2
    for choice in answer.choices:
        assert choice.model_extra and choice.model_extra["citations"][0]["source"] == "shards.md"
        assert choice.model_extra["supported"] is True
    *_, said, last = asker.chat.completions.create(
        model="tiny+docs", stream=True, stream_options={"include_usage": True}, **asked
    )
    assert said.choices[0].finish_reason == "stop"
    extra = said.choices[0].model_extra
    assert extra and extra["citations"] == answer.choices[0].model_extra["citations"] and extra["sent"]
    assert last.usage and answer.usage and last.usage.prompt_tokens == answer.usage.prompt_tokens
    assert answer.usage.completion_tokens == 2 * last.usage.completion_tokens


def test_an_openai_client_is_told_that_it_is_not_known(asker: openai.OpenAI) -> None:
    unknown: Any = {"model": "tiny+docs", "messages": NOBODY_KNOWS}
    answer = asker.chat.completions.create(n=2, **unknown)
    assert [(choice.message.content, choice.finish_reason) for choice in answer.choices] == [("I do not know.", "stop")] * 2
    assert answer.usage and answer.usage.total_tokens == 0
    chunks = list(asker.chat.completions.create(stream=True, **unknown))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "I do not know."
    assert (chunks[-1].choices[0].model_extra or {})["kind"] == "unknown"


def test_what_was_said_before_is_read_too_as_far_as_there_is_room(client: httpx.Client) -> None:
    before = [{"role": "user", "content": "What is a step?"}, {"role": "assistant", "content": "It is read in order."}]
    alone, after = chat(client, index="docs"), chat(client, index="docs", messages=[*before, *QUESTION])
    assert after["prompt_eval_count"] > alone["prompt_eval_count"]
    too_much = [*before * 8, *QUESTION]
    status, says = refused(client, "/api/chat", index="docs", messages=too_much)
    assert status == 400 and 'send "truncate": true' in says
    cut = chat(client, index="docs", messages=too_much, truncate=True)
    assert cut["truncated_tokens"] > 0 and cut["prompt_eval_count"] < 128


def test_every_model_is_listed_with_every_index(talker: ollama.Client, asker: openai.OpenAI) -> None:
    names = ["tiny:latest", "tiny+docs"]
    assert [model.model for model in talker.list().models] == names
    assert [model.id for model in asker.models.list()] == names
    assert asker.models.retrieve("tiny+docs").id == "tiny+docs"
    shown = talker.show("tiny+docs")
    assert 'PARAMETER index "docs"' in (shown.modelfile or "") and (shown.modelfile or "").startswith("FROM tiny:latest")


def test_an_index_that_is_not_there_is_refused_in_both_shapes(client: httpx.Client, asker: openai.OpenAI) -> None:
    says = 'index "doc" not found; served here: docs.'
    for body in ({"model": "tiny+doc"}, {"index": "doc"}, {"options": {"index": "doc"}}):
        assert refused(client, "/api/chat", messages=QUESTION, **body) == (404, says)
    with pytest.raises(openai.NotFoundError, match=says) as error:
        asker.chat.completions.create(model="tiny", messages=QUESTION, extra_body={"index": "doc"})  # pyright: ignore
    assert error.value.code == "index_not_found"


@pytest.mark.parametrize("name", ["../docs", "..", "/etc/passwd", "docs/../docs", "docs\\..", "%2e%2e", "docs\0"])
def test_a_name_is_never_a_path(name: str, client: httpx.Client) -> None:
    status, says = refused(client, "/api/chat", messages=QUESTION, index=name)
    assert status == 404 and says.endswith("not found; served here: docs.")
    status, says = refused(client, "/api/chat", messages=QUESTION, model=f"tiny+{name}")
    assert status == 404


def test_no_path_of_the_routes_leads_out_of_an_index(reader: Live, docs: Path) -> None:
    host, port = reader.url.removeprefix("http://").split(":")
    for way in ("..%2f..%2fdocs", "../docs", f"%2f{str(docs)[1:]}", "docs/../docs", "%2e%2e%2fdocs"):
        with socket.create_connection((host, int(port))) as connection:
            path = f"/api/indexes/{way}/passages/{'0' * 32}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert connection.makefile("rb").readline().split()[1] == b"404"


def test_a_passage_is_shown_in_its_document(client: httpx.Client) -> None:
    assert client.get("/api/indexes").json() == {"indexes": [{"name": "docs"}]}
    (citation,) = chat(client, index="docs", format=CITED)["citations"]
    passage = client.get(f"/api/indexes/docs/passages/{citation['chunk_id']}").json()
    assert passage["before"] + passage["text"] + passage["after"] == SHARDS
    assert (passage["start"], passage["source"]) == (len(passage["before"]), "shards.md")
    gone = client.get(f"/api/indexes/docs/passages/{'0' * 32}")
    assert gone.status_code == 404 and "its source may have changed since" in gone.json()["error"]
    assert client.get("/api/indexes/docs/passages/1").status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/api/chat", {"messages": [*QUESTION, {"role": "assistant", "content": "It"}]}, "of the assistant; ask something"),
        ("/api/chat", {"messages": [{"role": "user", "content": "shard " * 200}]}, "the question has"),
        ("/api/generate", {"prompt": "A shard", "raw": True}, "an index answers messages"),
        ("/api/embed", {"input": "A shard"}, "vectors come from a model alone"),
        ("/api/embeddings", {"prompt": "A shard"}, "vectors come from a model alone"),
        ("/v1/completions", {"prompt": "A shard"}, "an index answers messages"),
        ("/v1/embeddings", {"input": "A shard"}, "vectors come from a model alone"),
    ],
)
def test_what_an_index_does_not_answer_is_refused(path: str, body: dict[str, Any], says: str, client: httpx.Client) -> None:
    status, said = refused(client, path, **{"model": "tiny+docs", **body})
    assert status == 400 and says in said


def test_searches_are_counted_and_the_memory_of_an_index_is_told(client: httpx.Client) -> None:
    chat(client, model="tiny+docs")
    metrics = client.get("/metrics").text
    assert 'handspun_reply_tokens_total{model="tiny:latest"}' in metrics and "tiny+docs" not in metrics
    assert 'handspun_search_seconds_count{index="docs"}' in metrics
    assert 'handspun_index_bytes{index="docs"}' in metrics


def test_the_server_answers_while_an_index_is_searched(
    serve: Callable[..., Live], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_go_on, search = threading.Event(), threading.Event(), Searcher.search

    def search_slowly(*asked: Any) -> Any:
        is_asked.set()
        assert may_go_on.wait(30)
        return search(*asked)

    monkeypatch.setattr(Searcher, "search", search_slowly)
    with serve(indexes=[docs]).client as client, ThreadPoolExecutor() as threads:
        slow = threads.submit(chat, client, index="docs")
        assert is_asked.wait(30)
        assert client.get("/healthz").status_code == 200 and "kind" not in chat(client)
        may_go_on.set()
        assert slow.result()["kind"] == "model"


def test_what_is_synced_while_it_is_served_is_found(serve: Callable[..., Live], tmp_path: Path) -> None:
    folder = write_index(tmp_path)
    with serve(indexes=[folder]).client as client:
        assert chat(client, index="docs", messages=NOBODY_KNOWS)["kind"] == "unknown"
        (tmp_path / "texts" / "zebra.txt").write_text("Zebras have stripes.")
        index = Index.open(folder)
        sync(index)
        index.close()
        assert chat(client, index="docs", messages=NOBODY_KNOWS)["sent"][0]["text"] == "Zebras have stripes."


def test_an_index_that_is_deleted_while_it_is_served_is_missed(serve: Callable[..., Live], tmp_path: Path) -> None:
    folder = write_index(tmp_path)
    with serve(indexes=[folder]).client as client:
        (folder / "index.toml").unlink()
        status, says = refused(client, "/api/chat", messages=QUESTION, index="docs")
        assert status == 404 and "is gone from" in says
