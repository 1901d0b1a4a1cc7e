import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import TokenizerError
from handspun.tokens import untrusted
from handspun.tokens.untrusted import read_blueprint

ENDLESS_REGEX = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}


@pytest.fixture(scope="module")
def good(tokenizer) -> dict[str, Any]:
    return json.loads(tokenizer.json)


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree[parent]
    tree[last] = value


def read(tree: Any, folder) -> Any:
    path = folder / "tokenizer.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return read_blueprint(path)


def test_our_own_file_is_taken_as_it_is(good, tokenizer, tmp_path):
    assert read(good, tmp_path) == tokenizer.blueprint


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("pre_tokenizer", ENDLESS_REGEX, "none of those that handspun knows"),
        ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [ENDLESS_REGEX]}, "none of those"),
        ("normalizer", {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}, "none of those"),
        ("post_processor", {"type": "TemplateProcessing"}, "none of those"),
        ("decoder", None, "none of those"),
        ("truncation", {"max_length": 3}, "none of those"),
        ("model.type", "Unigram", "none of those"),
        ("model.dropout", 0.5, "none of those"),
        ("model.ignore_merges", True, "none of those"),
        ("model", [], "no table named model"),
        ("model.vocab", [], "not a table of tokens"),
        ("model.vocab", {}, "not a table of tokens"),
        ("model.vocab", {"a": 0, "b": 2**70}, "not 0, 1, 2"),
        ("model.vocab", {"a": 0, "b": 0}, "not 0, 1, 2"),
        ("model.vocab", {"a": 0, "b": True}, "not a whole number"),
        ("model.vocab", {"a": 0, "b": 1.0}, "not a whole number"),
        ("model.vocab", {"a" * 5000: 0}, "5,000 characters"),
        ("model.vocab", {"\ud800": 0}, "surrogates not allowed"),
        ("model.vocab", {"a": 0}, "lacks a control token"),
        ("model.merges", {}, "not a list"),
        ("model.merges", ["a b"], "not a pair of tokens"),
        ("model.merges", [["a", "b", "c"]], "not a pair of tokens"),
        ("model.merges", [["a", 1]], "not a pair of tokens"),
        ("model.merges", [["a", "nowhere"]], "unknown token"),
        ("model.merges", [], "alphabet is not the 256 bytes"),
        ("added_tokens", [], "not the control tokens"),
        ("added_tokens", [{"id": 2**40, "content": "x"}], "not the control tokens"),
    ],
)
def test_a_file_with_a_part_that_is_not_ours_is_refused(good, tmp_path, path, value, complaint):
    tree = copy.deepcopy(good)
    put(tree, path, value)
    with pytest.raises(TokenizerError, match=complaint) as refusal:
        read(tree, tmp_path)
    assert str(refusal.value).endswith("learn one with handspun tokenize.")


def test_merges_out_of_order_are_refused(good, tmp_path):
    tree = copy.deepcopy(good)
    tree["model"]["merges"].reverse()
    with pytest.raises(TokenizerError, match="not in the order of their ids"):
        read(tree, tmp_path)


def test_merges_that_spell_a_control_token_are_refused(uncased, tmp_path):
    tree = json.loads(uncased.json)
    first_merged = tree["model"]["vocab"]["".join(tree["model"]["merges"][0])]
    control_id = tree["model"]["vocab"]["<|pad|>"]
    tree["model"]["vocab"] |= {"[": first_merged, "<|pad|>": control_id}
    with pytest.raises(TokenizerError):
        read(tree, tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"model": {}}', "[" * 100_000, '{"a":' * 100_000, "1" * 10_000]
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    with pytest.raises(TokenizerError, match="is not a tokenizer of ours"):
        read(text, tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TokenizerError, match="is not a tokenizer of ours"):
        read_blueprint(tmp_path / "tokenizer.json")


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_BYTES", 10)
    with pytest.raises(TokenizerError, match=r"has 11 bytes, more than the 10"):
        read("x" * 11, tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    "pre_tokenizer",
    "normalizer",
    "decoder",
    "added_tokens",
    "version",
    "model.vocab",
    "model.merges",
    "model.unk_token",
    "model",
]


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=json_values)
def test_whatever_stands_in_the_file_the_process_lives(good, tokenizer, tmp_path_factory, place, value):
    tree = copy.deepcopy(good)
    put(tree, place, value)
    try:
        assert read(tree, tmp_path_factory.mktemp("hostile")) == tokenizer.blueprint
    except TokenizerError:
        assert tree != good
