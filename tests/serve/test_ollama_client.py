"""The official ollama client finds in our server all that it asks of Ollama."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import exp

import ollama
import pytest
from live import Live

QUESTION = [{"role": "user", "content": "What is a shard?"}]
LONG = [{"role": "user", "content": "x " * 400}]
GREEDY = {"temperature": 0}


@pytest.fixture
def client(live: Live) -> Iterator[ollama.Client]:
    with ollama.Client(live.url) as client:
        yield client


def test_a_chat_is_answered_with_the_time_it_took(client: ollama.Client) -> None:
    answer = client.chat("tiny", QUESTION)
    assert (answer.message.role, answer.done, answer.done_reason) == ("assistant", True, "length")
    assert answer.message.content
    assert (answer.prompt_eval_count, answer.eval_count) == (15, 12)
    assert answer.created_at is not None
    assert abs(datetime.fromisoformat(answer.created_at) - datetime.now(UTC)) < timedelta(minutes=5)
    parts = (answer.load_duration, answer.prompt_eval_duration, answer.eval_duration)
    assert all(parts) and 0 < sum(part or 0 for part in parts) <= (answer.total_duration or 0)


def test_the_parts_of_a_stream_join_to_the_answer(client: ollama.Client) -> None:
    whole = client.chat("tiny", QUESTION, options=GREEDY)
    *parts, last = client.chat("tiny", QUESTION, options=GREEDY, stream=True)
    assert len(parts) > 3
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert not any(part.done or part.eval_count for part in parts)
    assert (last.done, last.done_reason, last.eval_count, last.message.content) == (True, "length", 12, "")


def test_a_prompt_is_replied_to_like_a_message(client: ollama.Client) -> None:
    answer = client.generate("tiny", "What is a shard?", system="Be brief.", options=GREEDY)
    said = client.chat("tiny", [{"role": "system", "content": "Be brief."}, *QUESTION], options=GREEDY)
    assert answer.response == said.message.content
    assert "".join(part.response or "" for part in client.generate("tiny", "What is a shard?", stream=True, options=GREEDY))


def test_a_raw_prompt_is_gone_on_with(client: ollama.Client) -> None:
    raw, replied_to = (client.generate("tiny", "A shard holds words", raw=is_raw, options=GREEDY) for is_raw in (True, False))
    assert (replied_to.prompt_eval_count or 0) - (raw.prompt_eval_count or 0) == 3, "<|user|>, <|end|> and <|assistant|>"
    with pytest.raises(ollama.ResponseError, match="raw mode does not support template, system, or context"):
        client.generate("tiny", "A shard", raw=True, system="Be brief.")


def test_options_change_the_reply(client: ollama.Client) -> None:
    def said(**options: object) -> str:
        return client.chat("tiny", QUESTION, options=options).message.content or ""

    assert said(temperature=2.0, seed=1) == said(temperature=2.0, seed=1) != said(temperature=2.0, seed=2)
    assert len({said(temperature=2.0) for _ in range(4)}) > 1, "a seed is drawn where none is given"
    assert said(temperature=2.0, seed=1, top_k=1) == said(temperature=0) == said(temperature=2.0, seed=1, top_p=0)
    whole = said(temperature=0)
    assert said(temperature=0, stop=[whole[5:7]]) == whole[: whole.index(whole[5:7])]
    assert said(temperature=0, repeat_penalty=50) != whole == said(temperature=0, repeat_penalty=50, repeat_last_n=0)


@pytest.mark.parametrize(("n_predict", "n_tokens"), [(1, 1), (5, 5), (-1, 128 - 15), (1000, 128 - 15)])
def test_a_reply_is_as_long_as_it_may_be(client: ollama.Client, n_predict: int, n_tokens: int) -> None:
    answer = client.chat("tiny", QUESTION, options={"num_predict": n_predict, "temperature": 0})
    assert (answer.done_reason, answer.eval_count) == ("length", n_tokens)


def test_num_ctx_bounds_prompt_and_reply_and_loads_nothing_anew(client: ollama.Client, live: Live) -> None:
    client.chat("tiny", QUESTION)
    (before,) = live.models.loaded()
    answer = client.chat("tiny", QUESTION, options={"num_ctx": 20, "num_predict": -1})
    assert (answer.prompt_eval_count, answer.eval_count) == (15, 5)
    assert client.chat("tiny", QUESTION, options={"num_ctx": 99_999}).done
    (after,) = live.models.loaded()
    assert before.worker is after.worker


def test_log_probabilities_come_with_the_tokens(client: ollama.Client) -> None:
    answer = client.chat("tiny", QUESTION, logprobs=True, options=GREEDY)
    assert answer.logprobs and len(answer.logprobs) == 12
    assert "".join(one.token for one in answer.logprobs) == answer.message.content
    assert all(0 < exp(one.logprob) <= 1 for one in answer.logprobs)
    assert client.chat("tiny", QUESTION).logprobs is None


SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["shard", "token"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["kind", "count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_fits_the_schema_that_is_sent_as_its_format(client: ollama.Client, stream: bool) -> None:
    options = {"temperature": 2, "num_predict": -1}
    answer = client.chat("tiny", QUESTION, format=SCHEMA, options=options, stream=stream)
    text = "".join(part.message.content for part in answer) if stream else answer.message.content
    said = json.loads(text)
    assert said.keys() == {"kind", "count"}
    assert said["kind"] in ("shard", "token") and 0 <= said["count"] <= 9


def test_a_format_that_is_no_schema_is_refused(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="the schema cannot be followed") as refused:
        client.chat("tiny", QUESTION, format={"type": "nothing"})
    assert refused.value.status_code == 400
    answer = client._client.post("/api/chat", json={"model": "tiny", "format": "yaml"})  # the client itself refuses it, too
    assert answer.status_code == 400 and "format=" in answer.json()["error"]


def test_json_mode_writes_an_object(client: ollama.Client) -> None:
    answer = client.generate("tiny", "What is a shard?", format="json", options={"temperature": 0, "num_predict": -1})
    assert (answer.response or "").startswith("{")


def test_quotations_are_told_beside_the_reply(client: ollama.Client) -> None:
    messages = [{"role": "passage", "content": "A shard holds words."}, *QUESTION]
    asked = {"model": "tiny", "messages": messages, "stream": False, "options": GREEDY}
    answer = client._client.post("/api/chat", json=asked).json()  # the client's own types leave out what Ollama does not say
    assert answer["copied_from"]
    for quotation in answer["copied_from"]:
        source = messages[quotation["message"]]["content"][quotation["start"] : quotation["end"]]
        assert source == quotation["text"] and source in answer["message"]["content"]


def test_texts_become_vectors_of_length_one(client: ollama.Client) -> None:
    together = client.embed("tiny", ["a shard", "a token"]).embeddings
    alone = client.embed("tiny", "a token").embeddings
    assert [len(vector) for vector in together] == [32, 32]
    assert sum(value**2 for value in together[0]) == pytest.approx(1, abs=1e-5)
    assert together[1] == pytest.approx(alone[0], abs=1e-5)
    (cut,) = client.embed("tiny", "a token", dimensions=4).embeddings
    assert len(cut) == 4 and sum(value**2 for value in cut) == pytest.approx(1, abs=1e-5)
    assert client.embeddings("tiny", "a token").embedding == pytest.approx(alone[0], abs=1e-5)


def test_models_are_listed_and_described(client: ollama.Client) -> None:
    listed = {model.model: model for model in client.list().models}["tiny:latest"]
    shown = client.show("tiny")
    assert listed.details == shown.details
    assert shown.modelinfo and shown.modelinfo["handspun.context_length"] == 128
    assert shown.modelinfo["general.parameter_count"] > 10_000
    assert shown.capabilities and "completion" in shown.capabilities
    assert shown.template and "<|assistant|>" in shown.template
    assert listed.size and listed.digest and listed.modified_at


def test_a_model_is_loaded_kept_and_unloaded_as_asked(serve: Callable[..., Live]) -> None:
    with ollama.Client(serve().url) as client:
        assert client.ps().models == []
        loaded = client.generate("tiny", keep_alive="1h")
        assert (loaded.done_reason, loaded.response) == ("load", "")
        (running,) = client.ps().models
        assert running.expires_at and running.size
        assert (running.model, running.context_length) == ("tiny:latest", 128)
        assert timedelta(minutes=55) < running.expires_at - datetime.now(UTC) < timedelta(minutes=65)
        client.chat("tiny", QUESTION, keep_alive=-1)
        (running,) = client.ps().models
        assert running.expires_at and running.expires_at.year == 9999
        assert client.chat("tiny", [], keep_alive=0).done_reason == "unload"
        assert client.ps().models == []


def test_a_name_is_created_copied_and_deleted(serve: Callable[..., Live]) -> None:
    with ollama.Client(serve().url) as client:
        assert client.create("mine", from_="tiny", system="Be brief.", parameters={"num_predict": 1}).status == "success"
        assert client.chat("mine", QUESTION).eval_count == 1
        said = client.chat("mine", QUESTION, options=GREEDY).prompt_eval_count
        assert said == client.chat("tiny", [{"role": "system", "content": "Be brief."}, *QUESTION]).prompt_eval_count
        assert "num_predict" in (client.show("mine").parameters or "")
        assert client.copy("mine", "other").status == "success"
        assert {model.model for model in client.list().models} == {"tiny:latest", "mine:latest", "other:latest"}
        assert client.chat("other", QUESTION).eval_count == 1
        assert client.delete("mine").status == "success"
        with pytest.raises(ollama.ResponseError, match="not found") as refused:
            client.chat("mine", QUESTION)
        assert refused.value.status_code == 404
        assert [step.status for step in client.pull("other", stream=True)][-1] == "success"


def test_a_long_conversation_loses_its_oldest_exchanges_where_its_options_say_so(serve: Callable[..., Live]) -> None:
    talk = [{"role": role, "content": "a shard and a token"} for _ in range(20) for role in ("user", "assistant")]
    long = [{"role": "system", "content": "Be brief."}, *talk, *QUESTION]
    with ollama.Client(serve().url) as client:
        client.create("mine", from_="tiny", parameters={"truncate": True})
        with pytest.raises(ollama.ResponseError, match=r'"options": \{"truncate": true\}'):
            client.chat("tiny", long)
        short = client.chat("tiny", long, options={"truncate": True}).prompt_eval_count
        assert short is not None and short < 128
        assert client.chat("mine", long).prompt_eval_count == short
        text = " ".join(["token"] * 200)
        with pytest.raises(ollama.ResponseError, match=r'"options": \{"truncate": true\}'):
            client.embed("tiny", text, truncate=False)
        assert client.embed("tiny", text, options={"truncate": True}).prompt_eval_count == 128
        assert client.embed("mine", text).prompt_eval_count == 128
        assert len(client.embeddings("mine", text).embedding) > 0
        with pytest.raises(ollama.ResponseError, match="room for 128"):
            client.embed("mine", text, truncate=False)


def test_the_lists_say_what_lies_on_the_disk_and_when_a_name_was_made(serve: Callable[..., Live]) -> None:
    began = datetime.now(UTC)
    with ollama.Client(serve().url) as client:
        client.create("mine", from_="tiny", parameters={"temperature": 0.5})
        made = {model.model: model for model in client.list().models}
        assert made["mine:latest"].modified_at > began > made["tiny:latest"].modified_at
        assert {model.details.quantization_level for model in made.values()} == {"F32"}
        assert "PARAMETER temperature 0.5\n" in client.show("mine").modelfile + "\n"


WRONG = {
    "no such model": (404, 'model "huge" not found', {"model": "huge"}),
    "an impossible option": (400, "options.temperature=-1: should be greater", {"options": {"temperature": -1}}),
    "a mistyped option": (
        400,
        '"options.temperatur" is not known here; did you mean "temperature"',
        {"options": {"temperatur": 1}},
    ),
    "tools": (400, "no model here can call tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    "thinking": (400, "no model here thinks", {"think": True}),
    "an image": (400, "no model here sees images", {"messages": [{"role": "user", "content": "x", "images": ["aaaa"]}]}),
    "a role": (400, "messages.0.role", {"messages": [{"role": "tool", "content": "x"}]}),
    "a prompt too long": (
        400,
        "has 804 tokens and there is room for 128",
        {"messages": [{"role": "user", "content": "x " * 400}]},
    ),
    "a prompt too long for num_ctx": (400, "has 15 tokens and there is room for 10", {"options": {"num_ctx": 10}}),
    "a duration": (400, 'keep_alive="soon": must be a duration such as 5m, 300, -1 or 0', {"keep_alive": "soon"}),
    "an empty stop text": (400, 'options.stop.0="": must not be empty', {"options": {"stop": [""]}}),
    "overlapping alternatives": (400, "write anyOf", {"format": {"oneOf": [{"type": "number"}, {"minimum": 3}]}}),
}


@pytest.mark.parametrize(("status", "sentence", "wrong"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_is_refused_before_the_first_line(
    client: ollama.Client, status: int, sentence: str, wrong: dict, stream: bool
) -> None:
    with pytest.raises(ollama.ResponseError, match=sentence) as refused:
        list(client.chat(**{"model": "tiny", "messages": QUESTION, **wrong, "stream": stream}))
    assert refused.value.status_code == status


def test_trained_models_are_not_deleted_and_nothing_is_pulled(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="is a trained model"):
        client.delete("tiny")
    with pytest.raises(ollama.ResponseError, match='"llama3" not found'):
        client.pull("llama3")


def test_files_are_not_taken(client: ollama.Client, tmp_path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(ollama.ResponseError, match="none is made of uploaded files"):
        client.create_blob(path)
