import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.tokens.bulk import SLICE_CHARS, well_formed


def all_characters() -> list[str]:
    """Every code point of the planes that hold any character (the rest is unassigned or private)."""
    return [chr(code) for code in (*range(0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE0200))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_fast_encoder_gives_the_ids_of_the_tokenizers_library(patterned, odd_text, data):
    text = data.draw(odd_text)
    assert patterned.encode(text) == patterned.blueprint.assemble().encode(text).ids


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


def test_both_libraries_cut_every_character_of_unicode_alike(patterned):
    """A letter, digit or space more in one Unicode table than in the other would give other ids for the same text."""
    slow = patterned.blueprint.assemble()
    characters = all_characters()
    for frame in ("the%sthe", " 1%s1", "'%ss", "  %s the"):
        texts = [" ".join(frame % character for character in characters[i : i + 64]) for i in range(0, len(characters), 64)]
        fast = [ids.tolist() for ids in patterned.encode_batch(texts)]
        assert fast == [encoding.ids for encoding in slow.encode_batch_fast(texts)]


@pytest.mark.parametrize("unit", [" ", "\n", "a", "^", "\u3000", " \n", "the", "9", "👩‍🚀"])
def test_a_long_run_of_anything_takes_no_time(patterned, unit):
    text = unit * (400_000 // len(unit))
    began = time.perf_counter()
    ids = patterned.encode(text + "x")
    assert time.perf_counter() - began < 5
    assert patterned.decode(ids) == text + "x"


def test_a_lone_surrogate_is_read_as_the_replacement_character(tokenizer, uncased):
    assert well_formed("a\ud800b") == "a\ufffdb"
    assert well_formed("a\U0001f680b") == "a\U0001f680b"
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"
    assert uncased.encode("a\ud800b") == uncased.encode("a\ufffdb")
