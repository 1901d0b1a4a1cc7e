"""The baselines are honest: the n-grams are a distribution, computed as defined, and xz sees the training text first."""

import lzma
import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.evaluate.baselines import DISCOUNT, joined, ngram_bpb, ngram_probs, xz_bpb

TEXT = b"a shard holds tokens, and a corpus holds shards; a token is a number.\x00" * 4


def slow_prob(train: bytes, context: bytes, byte: int, order: int) -> float:
    """Interpolated absolute discounting as it is written down: one byte, counted anew."""
    if order == 0:
        return 1 / 256
    padded = b"\x00" * (order - 1) + train
    history = (b"\x00" * order + context)[len(context) + 1 :] if order > 1 else b""
    following = Counter(
        padded[place + order - 1] for place in range(len(train)) if padded[place : place + order - 1] == history
    )
    shorter = slow_prob(train, context, byte, order - 1)
    total = sum(following.values())
    if not total:
        return shorter
    return max(following[byte] - DISCOUNT, 0) / total + DISCOUNT * len(following) / total * shorter


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=12), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_the_probabilities_of_all_bytes_after_any_context_sum_to_one(train: bytes, context: bytes, order: int) -> None:
    probs = [ngram_probs(train, context + bytes([byte]), order)[-1] for byte in range(256)]
    assert sum(probs) == pytest.approx(1)
    assert min(probs) > 0


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_probabilities_are_those_of_the_definition(order: int) -> None:
    held_out = b"a token holds shards, not words"
    probs = ngram_probs(TEXT, held_out, order)
    expected = [slow_prob(TEXT, held_out[:place], held_out[place], order) for place in range(len(held_out))]
    np.testing.assert_allclose(probs, expected)
    bits = -sum(math.log2(prob) for prob in expected)
    assert ngram_bpb(TEXT, held_out, len(held_out), order=order) == pytest.approx(bits / len(held_out))


def test_the_longest_n_gram_still_tells_its_first_byte() -> None:
    train = b"1234567x" * 20 + b"Q234567y" * 20
    assert ngram_probs(train, b"1234567x", 8)[-1] > 0.9
    assert ngram_probs(train, b"Q234567x", 8)[-1] < 0.1


def test_what_was_read_before_costs_next_to_nothing_and_noise_costs_eight_bits() -> None:
    noise = random.Random(0).randbytes(4000)
    assert xz_bpb(TEXT + noise, noise, len(noise)) < 0.1
    assert xz_bpb(TEXT, noise, len(noise)) == pytest.approx(8, rel=0.02)
    assert ngram_bpb(TEXT, noise, len(noise), order=3) > 7.9


def test_xz_is_what_the_growth_of_the_archive_says() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    held_out = b"a number of shards holds a corpus of tokens"
    sizes = [len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)) for data in (TEXT, TEXT + held_out)]
    assert xz_bpb(TEXT, held_out, len(held_out)) == 8 * (sizes[1] - sizes[0]) / len(held_out)


def test_texts_are_joined_by_a_byte_that_is_paid_for_and_of_too_many_the_last_remain() -> None:
    assert joined(["é", "b"]) == b"\xc3\xa9\x00b\x00"
    assert joined((str(number) for number in range(1000)), at_most=8) == b"998\x00999\x00"
    assert joined(["ab"], at_most=100) == b"ab\x00"
