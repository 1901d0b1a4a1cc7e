"""An engine whose model knows nothing writes JSON of any schema, and notes what else might have come."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schemas import SCHEMAS, fits
from small_models import random_model, reciting_model

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.constraint import Constraint
from handspun.generate.request import Reply, Request
from handspun.generate.torch_engine import TorchEngine
from handspun.tokens.tokenizer import Tokenizer

PROMPT = [20, 30, 40]
COLOR = {
    "type": "object",
    "properties": {"color": {"enum": ["red", "green"]}, "shade": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["color", "shade"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", params=["copy head", "ALiBi"])
def long_engine(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> TorchEngine:
    """An engine with room for any JSON of SCHEMAS."""
    return TorchEngine(random_model(request.param, tokenizer.vocab_size, max_seq_len=1024), tokenizer)


def answer(engine: TorchEngine, schema: dict | None, n_likeliest: int = 0, **config: object) -> Reply:
    """The whole reply under a schema."""
    settings = GenerateConfig(**{"max_new_tokens": 1000, "temperature": 2.0, **config})
    *_, last = engine.stream([Request(PROMPT, settings, Constraint(schema), n_likeliest)])
    return last.reply


@given(SCHEMAS, st.integers(0, 2**16))
@settings(max_examples=6, deadline=None)
def test_whatever_a_random_model_says_parses_and_fits_the_schema(long_engine: TorchEngine, schema: dict, seed: int) -> None:
    reply = answer(long_engine, schema, seed=seed, top_p=0.9)
    assert reply.finish_reason == "end"
    assert fits(json.loads(reply.text), schema)
    assert reply.text == b"".join(token.data for token in reply.tokens).decode()


@pytest.mark.parametrize("config", [{"temperature": None}, {"top_k": 1}, {"min_p": 1.0}, {"repetition_penalty": 5.0}])
def test_every_way_of_choosing_keeps_to_the_schema(long_engine: TorchEngine, config: dict) -> None:
    assert fits(json.loads(answer(long_engine, COLOR, **config).text), COLOR)


def test_a_reply_that_is_cut_short_says_so(long_engine: TorchEngine) -> None:
    reply = answer(long_engine, COLOR, max_new_tokens=3)
    assert (reply.finish_reason, len(reply.tokens)) == ("length", 3)
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.text)


def test_rows_beside_each_other_keep_to_their_own_schemas_or_to_none(long_engine: TorchEngine) -> None:
    config = GenerateConfig(max_new_tokens=300, temperature=2.0)
    schemas = [COLOR, {"type": "boolean"}, None]
    requests = [Request(PROMPT, config, Constraint(schema) if schema else None) for schema in schemas]
    replies = {id(piece.reply.request): piece.reply for piece in long_engine.stream(requests)}
    color, boolean, free = (replies[id(request)] for request in requests)
    assert fits(json.loads(color.text), COLOR) and json.loads(boolean.text) in (True, False)
    (alone,) = long_engine.generate([PROMPT], config)
    assert free.text == alone.text


def test_a_model_that_wants_to_say_something_else_is_held_to_the_schema(tokenizer: Tokenizer) -> None:
    script = tokenizer.encode("Sure! Here is your answer: it is red, I should say")
    engine = TorchEngine(reciting_model(script, tokenizer.vocab_size), tokenizer)
    reply = answer(engine, {"enum": ["red", "green"]}, temperature=None)
    assert json.loads(reply.text) in ("red", "green")


def test_a_schema_that_cannot_be_followed_is_refused_and_the_engine_goes_on(long_engine: TorchEngine) -> None:
    with pytest.raises(PromptError, match="the schema cannot be followed"):
        long_engine.add(Request(PROMPT, GenerateConfig(), Constraint({"type": "strin"})))
    assert long_engine.is_idle


def test_the_likeliest_tokens_are_noted_as_the_model_sees_them(long_engine: TorchEngine) -> None:
    reply = answer(long_engine, COLOR, n_likeliest=5, temperature=0.5)
    free = TorchEngine(long_engine.model, long_engine.tokenizer)
    (first,) = free.generate([PROMPT], GenerateConfig(max_new_tokens=1))
    assert reply.tokens[0].likeliest[0].id == first.tokens[0].id
    assert reply.tokens[0].likeliest[0].log_prob == pytest.approx(first.tokens[0].log_prob, abs=1e-4)
    for token in reply.tokens:
        log_probs = [choice.log_prob for choice in token.likeliest]
        assert log_probs == sorted(log_probs, reverse=True) and len(log_probs) == 5
        assert all(choice.data == long_engine.tokenizer.token_bytes(choice.id) for choice in token.likeliest)
        assert token.log_prob <= log_probs[0] + 1e-5
    assert answer(long_engine, COLOR).tokens[0].likeliest == ()


def test_as_many_are_noted_as_there_are(long_engine: TorchEngine) -> None:
    (token,) = answer(long_engine, None, n_likeliest=10_000, max_new_tokens=1).tokens
    assert len(token.likeliest) == long_engine.tokenizer.vocab_size
    total = torch.tensor([choice.log_prob for choice in token.likeliest]).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-3)
