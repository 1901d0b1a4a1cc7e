import pytest

from handspun.tokens.config import TokensConfig


def test_the_defaults_are_possible():
    assert TokensConfig().vocab_size == 8192


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vocab_size", 263),
        ("vocab_size", 2**20 + 1),
        ("profile", "words"),
        ("pattern", "mine"),
        ("min_char_count", 0),
        ("sample_mib", 0),
    ],
)
def test_an_impossible_value_is_named_with_its_key(key, value):
    with pytest.raises(ValueError, match=f"{key}=.*{value}.*choose"):
        TokensConfig(**{key: value})


def test_an_uncased_vocabulary_may_be_smaller_than_the_bytes():
    assert TokensConfig(vocab_size=100, profile="uncased").vocab_size == 100


def test_the_vocabulary_of_gpt2_comes_with_its_size_and_its_pattern():
    assert TokensConfig(gpt2_folder="~/gpt2", vocab_size=50_263).gpt2_folder == "~/gpt2"
    for others in ({}, {"vocab_size": 50_257}, {"vocab_size": 50_263, "profile": "uncased"}):
        with pytest.raises(
            ValueError, match=r'^gpt2_folder="~/gpt2" holds 50263 tokens, .* set vocab_size=50263, profile="bytes"'
        ):
            TokensConfig(gpt2_folder="~/gpt2", **others)
