import time
from typing import get_args

import numpy as np
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.tokens.blueprint import Blueprint
from handspun.tokens.bulk import FAST_PATTERNS, SLICE_CHARS, well_formed
from handspun.tokens.config import Pattern, TokensConfig
from handspun.tokens.tokenizer import Tokenizer


def all_characters() -> list[str]:
    """Every code point of the scripts, and of the younger blocks of Chinese characters."""
    old_chinese = {*range(0x3400, 0x4D00), *range(0x4F00, 0x9F00), *range(0xAC80, 0xD700), *range(0xD800, 0xF900)}
    scripts = [code for code in range(0x20000) if code not in old_chinese]
    return [chr(code) for code in (*scripts, *range(0x2EB00, 0x2EF00), *range(0x31300, 0x33500), *range(0xE0000, 0xE0200))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_fast_encoder_gives_the_ids_of_the_tokenizers_library(any_tokenizer, odd_text, data):
    text = data.draw(odd_text)
    assert any_tokenizer.encode(text) == any_tokenizer.blueprint.assemble().encode(text).ids


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_batch_gives_the_ids_of_each_text_alone(tokenizer, uncased, odd_text, data):
    texts = data.draw(st.lists(odd_text, max_size=6))
    for one in (tokenizer, uncased):
        assert [ids.tolist() for ids in one.encode_batch(texts)] == [one.encode(text) for text in texts]


def test_a_batch_over_many_threads_keeps_its_order(tokenizer, texts):
    assert sum(map(len, texts)) > SLICE_CHARS
    batch = tokenizer.encode_batch(texts)
    assert all(np.array_equal(ids, tokenizer.encode(text)) for ids, text in zip(batch, texts, strict=True))
    assert batch[0].dtype == np.uint32


def cut(pattern: Pattern, texts: list[str]) -> list[list[str]]:
    """The words into which the fast pattern cuts each text: every substring being a token, a token is a whole word."""
    substrings = {text[i:j].encode() for text in texts for i in range(len(text)) for j in range(i + 1, len(text) + 1)}
    single = {bytes([byte]) for byte in range(256)}
    ranks = {piece: rank for rank, piece in enumerate([*sorted(single), *sorted(substrings - single)])}
    encoding = tiktoken.Encoding("cut", pat_str=FAST_PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={})
    return [[word.decode() for word in encoding.decode_tokens_bytes(encoding.encode_ordinary(text))] for text in texts]


def cut_by_tokenizers(pattern: Pattern, texts: list[str]) -> list[list[str]]:
    """The words into which the pattern of tokenizer.json cuts each text."""
    pre_tokenizer = Blueprint("bytes", pattern).assemble().pre_tokenizer
    assert pre_tokenizer is not None
    return [[text[start:stop] for _, (start, stop) in pre_tokenizer.pre_tokenize_str(text)] for text in texts]


@pytest.mark.parametrize("pattern", get_args(Pattern))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_both_libraries_cut_text_into_the_same_words(odd_text, pattern, data):
    text = data.draw(odd_text)[:40]
    assert cut(pattern, [text]) == cut_by_tokenizers(pattern, [text])


@pytest.mark.parametrize("pattern", get_args(Pattern))
@pytest.mark.parametrize(
    "text", ["a  \n  ", "a \r\n\n x", "\n \n", "a   b", "it's 'LL'", "1234567", "x!\n\ny", "\u3000 \u3000"]
)
def test_both_libraries_cut_white_space_alike(pattern, text):
    assert cut(pattern, [text]) == cut_by_tokenizers(pattern, [text])


@pytest.mark.parametrize("pattern", get_args(Pattern))
@pytest.mark.parametrize("frame", ["a%sa", "1%s", "!%s!", "\t%s\t", "'%sa"])
def test_both_libraries_know_the_same_letters_digits_and_spaces(pattern, frame):
    """A letter, digit or space more in one Unicode table than in the other would give other ids for the same text."""
    texts = [frame % character for character in all_characters()]
    assert cut(pattern, texts) == cut_by_tokenizers(pattern, texts)


def test_every_character_is_lowered_or_unknown_alike(uncased):
    characters = all_characters()
    texts = [" ".join(characters[start : start + 64]) for start in range(0, len(characters), 64)]
    slow = uncased.blueprint.assemble().encode_batch_fast(texts)
    assert [ids.tolist() for ids in uncased.encode_batch(texts)] == [encoding.ids for encoding in slow]


@pytest.mark.parametrize("unit", [" ", "\n", "a", "^", "\u3000", " \n", "the", "9", "👩‍🚀"])
def test_a_long_run_of_anything_takes_no_time(patterned, unit):
    text = unit * (400_000 // len(unit))
    began = time.perf_counter()
    ids = patterned.encode(text + "x")
    assert time.perf_counter() - began < 5
    assert patterned.decode(ids) == text + "x"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_known_and_unknown_characters_that_share_bytes_are_told_apart(data):
    """The bytes of an unknown character must neither merge with a known one nor add ids of their own."""
    near = st.sampled_from("éèêëàœ東京ｅａ👩👨🚀\U0001f47ea b")
    known = data.draw(st.lists(near, min_size=1, max_size=6).map("".join))
    ours = Tokenizer.train([f"{known} abab cdcd efef {known}" * 30], TokensConfig(vocab_size=22, profile="uncased"))
    text = data.draw(st.lists(near, max_size=30).map("".join))
    assert ours.encode(text) == ours.blueprint.assemble().encode(text).ids


def test_a_lone_surrogate_is_read_as_the_replacement_character(tokenizer, uncased):
    assert well_formed("a\ud800b") == "a\ufffdb"
    assert well_formed("a\U0001f680b") == "a\U0001f680b"
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"
    assert uncased.encode("a\ud800b") == uncased.encode("a\ufffdb")
