"""The official openai client finds in our server what it asks of OpenAI."""

import base64
import json
import struct
from collections.abc import Iterator
from math import exp

import openai
import pytest
from live import Live

LONG = [{"role": "user", "content": "x " * 400}]
QUESTION = [{"role": "user", "content": "What is a shard?"}]


@pytest.fixture
def client(live: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_chat_is_answered_and_counted(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=QUESTION, temperature=0)
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "length", "assistant")
    assert choice.message.content and choice.logprobs is None
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (15, 12, 27)
    assert answer.id.startswith("chatcmpl-") and answer.object == "chat.completion" and answer.system_fingerprint


def test_the_chunks_of_a_stream_join_to_the_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="tiny", messages=QUESTION, temperature=0)
    chunks = list(client.chat.completions.create(model="tiny", messages=QUESTION, temperature=0, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [delta.role for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["length"]
    assert deltas[-1].content is None and len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_last_where_it_is_asked_for(client: openai.OpenAI) -> None:
    *others, last = client.chat.completions.create(
        model="tiny", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert last.choices == [] and last.usage and last.usage.total_tokens == 27
    assert all(chunk.usage is None and chunk.choices for chunk in others)


def test_several_replies_have_seeds_that_follow_one_another(client: openai.OpenAI) -> None:
    def said(seed: int, n: int, stream: bool = False) -> list[str]:
        asked = {"model": "tiny", "messages": QUESTION, "temperature": 2, "seed": seed, "n": n}
        if not stream:
            return [choice.message.content or "" for choice in client.chat.completions.create(**asked).choices]
        texts = [""] * n
        for chunk in client.chat.completions.create(**asked, stream=True):
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        return texts

    together = said(5, 3)
    assert together == [said(seed, 1)[0] for seed in (5, 6, 7)] == said(5, 3, stream=True)
    assert len(set(together)) == 3


def test_log_probabilities_come_with_the_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=QUESTION, logprobs=True, top_logprobs=2, temperature=0)
    found = answer.choices[0].logprobs
    assert found and found.content and len(found.content) == 12
    for token in found.content:
        assert bytes(token.bytes or []).decode() == token.token and 0 < exp(token.logprob) <= 1
        assert [one.logprob for one in token.top_logprobs] == sorted((one.logprob for one in token.top_logprobs), reverse=True)
        assert len(token.top_logprobs) == 2 and token.top_logprobs[0].token == token.token, "greedy takes the likeliest"


def test_a_reply_fits_the_schema_that_is_sent_as_its_format(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    named = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema, "strict": True}}
    asked = {"model": "tiny", "messages": QUESTION, "temperature": 2, "max_tokens": 100}
    for _ in range(3):
        said = client.chat.completions.create(**asked, response_format=named).choices[0]
        assert said.finish_reason == "stop" and json.loads(said.message.content or "") in ({"n": 1}, {"n": 2})
    said = client.chat.completions.create(**asked, response_format={"type": "json_object"}).choices[0]
    assert (said.message.content or "").startswith("{")


def test_a_text_is_gone_on_with(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt="A shard", max_tokens=4, logprobs=1, temperature=0)
    (choice,) = answer.choices
    assert choice.logprobs and choice.logprobs.tokens and choice.logprobs.text_offset
    assert "".join(choice.logprobs.tokens) == choice.text
    for offset, token in zip(choice.logprobs.text_offset, choice.logprobs.tokens, strict=True):
        assert choice.text[offset:].startswith(token)
    chunks = list(client.completions.create(model="tiny", prompt="A shard", max_tokens=4, temperature=0, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "length"]


def test_several_texts_are_gone_on_with_each_several_times(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt=["A shard", "A token"], n=2, max_tokens=3, temperature=0)
    asked = {"model": "tiny", "max_tokens": 3, "temperature": 0}
    alone = [client.completions.create(**asked, prompt=text) for text in ("A shard", "A token")]
    assert [choice.text for choice in answer.choices] == [one.choices[0].text for one in alone for _ in range(2)]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]


def test_a_stop_text_ends_a_reply_and_is_not_part_of_it(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="tiny", messages=QUESTION, temperature=0).choices[0].message.content or ""
    for stop in (whole[5:7], ["never said", whole[5:7]]):
        choice = client.chat.completions.create(model="tiny", messages=QUESTION, temperature=0, stop=stop).choices[0]
        assert (choice.message.content, choice.finish_reason) == (whole[: whole.index(whole[5:7])], "stop")


def test_newer_words_mean_the_same(client: openai.OpenAI) -> None:
    old = client.chat.completions.create(
        model="tiny", messages=[{"role": "system", "content": "Be brief."}, *QUESTION], max_tokens=3, temperature=0
    )
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "a shard?"}]
    new = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}],
        max_completion_tokens=3,
        temperature=0,
        store=False,
        metadata={"who": "me"},
    )
    assert new.choices[0].message.content == old.choices[0].message.content
    assert new.usage == old.usage


def test_options_of_ollama_are_taken_beside_those_of_openai(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=QUESTION, extra_body={"num_ctx": 20, "top_k": 1})
    assert answer.usage and answer.usage.total_tokens == 20
    long = [{"role": role, "content": f"{n}?"} for n in range(30) for role in ("user", "assistant")][:-1]
    answer = client.chat.completions.create(model="tiny", messages=long, extra_body={"truncate": True})
    assert answer.usage and answer.usage.prompt_tokens < 128
    assert answer.model_extra and answer.model_extra["truncated_tokens"] > 100


def test_texts_become_vectors_as_numbers_or_as_bytes(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="tiny", input=["a shard", "a token"], encoding_format="float")
    assert [one.index for one in answer.data] == [0, 1] and answer.usage.prompt_tokens > 2
    packed = client.embeddings.create(model="tiny", input="a token", encoding_format="base64").data[0].embedding
    assert isinstance(packed, str)
    assert struct.unpack("<32f", base64.b64decode(packed)) == pytest.approx(answer.data[1].embedding, abs=1e-5)
    assert client.embeddings.create(model="tiny", input="a token").data[0].embedding == pytest.approx(
        answer.data[1].embedding, abs=1e-5
    ), "the client asks for bytes by itself, and unpacks them"
    assert len(client.embeddings.create(model="tiny", input="a token", dimensions=3).data[0].embedding) == 3


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert "tiny:latest" in [model.id for model in client.models.list()]
    assert client.models.retrieve("tiny").id == "tiny:latest"
    with pytest.raises(openai.NotFoundError, match='model "huge" not found'):
        client.models.retrieve("huge")


WRONG = {
    "a penalty": (400, "presence_penalty", "only 0 is supported", {"presence_penalty": 1}),
    "tools": (400, "tools", "no model here can call tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    "an image": (
        400,
        "messages.0.content.0.type",
        "no model here sees images",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
    ),
    "a mistyped parameter": (400, "max_token", 'did you mean "max_tokens"', {"extra_body": {"max_token": 3}}),
    "too many replies": (400, "n", "should be less than or equal to 16", {"n": 1000}),
    "no messages": (400, "messages", "is empty; give at least one", {"messages": []}),
    "a format": (400, "response_format", "yaml", {"response_format": {"type": "yaml"}}),
    "no such model": (404, None, 'model "huge" not found', {"model": "huge"}),
    "a prompt too long": (
        400,
        None,
        "has 804 tokens and there is room for 128",
        {"messages": LONG},
    ),
}


@pytest.mark.parametrize(("status", "param", "sentence", "wrong"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_is_refused_with_an_error_object(
    client: openai.OpenAI, status: int, param: str | None, sentence: str, wrong: dict, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError, match=sentence) as refused:
        client.chat.completions.create(**{"model": "tiny", "messages": QUESTION, **wrong, "stream": stream})
    error = refused.value
    assert (error.status_code, error.param) == (status, param)
    assert error.type == ("invalid_request_error" if status == 400 else "not_found_error")
    assert error.code == (None if status == 400 else "model_not_found")
