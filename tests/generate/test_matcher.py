"""Under a schema only JSON of this schema can be said, whoever chooses among what is allowed."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schemas import SCHEMAS, fits

from handspun.errors import PromptError
from handspun.generate.constraint import Constraint
from handspun.generate.matcher import Matchers
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "maximum": 99, "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
LONGEST = 2000


@pytest.fixture(scope="module")
def matchers(tokenizer: Tokenizer) -> Matchers:
    return Matchers(tokenizer)


def babble(matchers: Matchers, schema: dict[str, Any] | None, seed: int) -> tuple[str, list[int]]:
    """What is said by choosing among the allowed tokens at random, to its end; and the tokens."""
    matcher, dice, ids, data = matchers.begin(Constraint(schema)), random.Random(seed), [], b""
    while not matcher.is_complete and len(ids) < LONGEST:
        allowed = matcher.allowed.nonzero().flatten().tolist()
        ids.append(dice.choice(allowed))
        matcher.accept(ids[-1])
        assert not matcher.is_stuck
        data += matchers.tokenizer.token_bytes(ids[-1])
    assert matcher.is_complete
    return data.decode(), ids


@given(SCHEMAS, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_whatever_is_chosen_the_reply_parses_and_fits_its_schema(matchers: Matchers, schema: dict, seed: int) -> None:
    text, ids = babble(matchers, schema, seed)
    assert fits(json.loads(text), schema)
    assert not set(ids) & set(matchers.tokenizer.control.values()) - {matchers.tokenizer.end_of_turn}


def test_the_judge_of_these_tests_can_say_no() -> None:
    assert fits({"name": "Ada", "age": 36}, {**PERSON, "additionalProperties": False})
    for wrong in ({"name": "Ada"}, {"name": "Augusta", "age": 36}, {"name": "Ada", "age": 100}, {"name": 1, "age": 1}, []):
        assert not fits(wrong, PERSON)


def test_without_a_schema_any_object_may_be_said_and_nothing_else(matchers: Matchers) -> None:
    matcher, tokenizer = matchers.begin(Constraint()), matchers.tokenizer
    first = {tokenizer.token_bytes(id) for id in matcher.allowed.nonzero().flatten().tolist()}
    assert all(data.lstrip().startswith(b"{") for data in first)
    for id in tokenizer.encode('{"a": [1, {"b": null}]'):
        assert not matcher.is_complete
        matcher.accept(id)
    assert not matcher.allowed[tokenizer.encode("x")[0]]
    matcher.accept(tokenizer.encode("}")[0])
    assert matcher.is_complete


def test_a_number_may_go_on_or_end_with_the_turn(matchers: Matchers) -> None:
    matcher, tokenizer = matchers.begin(Constraint({"type": "integer"})), matchers.tokenizer
    assert not matcher.allowed[tokenizer.end_of_turn]
    matcher.accept(tokenizer.encode("7")[0])
    assert matcher.allowed[tokenizer.end_of_turn] and matcher.allowed[tokenizer.encode("3")[0]]
    matcher.accept(tokenizer.end_of_turn)
    assert matcher.is_complete


def test_spaces_do_not_go_on_for_ever(matchers: Matchers) -> None:
    matcher, space = matchers.begin(Constraint(PERSON)), matchers.tokenizer.encode(" ")[0]
    matcher.accept(matchers.tokenizer.encode("{")[0])
    n_spaces = 0
    while matcher.allowed[space]:
        matcher.accept(space)
        n_spaces += 1
    assert n_spaces <= 1


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"type": "strin"}, "the schema cannot be followed: Invalid type: strin"),
        ({"not": {"type": "string"}}, 'the schema cannot be followed: Unimplemented keys: .*"not"'),
        ({"enum": []}, "the schema cannot be followed: Unsatisfiable schema"),
        ({"$ref": "http://example.com/schema"}, "the schema cannot be followed: .*does not fetch"),
        ({"$ref": "#"}, "the schema describes nothing that could be written"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused_in_one_sentence(matchers: Matchers, schema: dict, complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint) as refused:
        matchers.begin(Constraint(schema))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def uncased(text: str) -> Matchers:
    """Matchers over a vocabulary that holds the characters of a text and no others."""
    return Matchers(Tokenizer.train([text] * 40, TokensConfig(vocab_size=80, profile="uncased")))


def test_an_uncased_vocabulary_says_json_of_what_it_can_spell() -> None:
    matchers = uncased('abcdefghijklmnopqrstuvwxyz 0123456789 {}[]":,-.\n')
    schema = {"type": "object", "properties": {"is_red": {"type": "boolean"}}, "required": ["is_red"]}
    with pytest.raises(PromptError, match=r'cannot write "is_red": its vocabulary has no _'):
        matchers.begin(Constraint(schema))
    with pytest.raises(PromptError, match=r'cannot write "Red": its vocabulary has no R'):
        matchers.begin(Constraint({"enum": ["Red"]}))
    lower = {**PERSON, "properties": {**PERSON["properties"], "color": {"enum": ["red", "blue"]}}, "required": ["color"]}
    text, _ = babble(matchers, lower, seed=1)
    assert json.loads(text)["color"] in ("red", "blue")


def test_a_reply_that_no_token_can_go_on_with_is_stuck_and_not_complete() -> None:
    matchers = uncased('abcdefghijklmnopqrstuvwxyz 0123456789 {}[]":,-.\n')
    matcher = matchers.begin(Constraint({"type": "string", "pattern": "^aX$"}))
    for character in '"a':
        assert not matcher.is_stuck
        matcher.accept(matchers.tokenizer.encode(character)[0])
    assert matcher.is_stuck and not matcher.is_complete


def test_a_vocabulary_without_braces_says_that_it_cannot_write_json() -> None:
    with pytest.raises(PromptError, match=r"this model cannot write JSON: its vocabulary has no \{; ask for plain text"):
        uncased('abcdefghijklmnopqrstuvwxyz 0123456789 ":,-').begin(Constraint())
