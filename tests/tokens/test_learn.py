import time

import pytest

from handspun.errors import TokenizerError
from handspun.tokens.config import TokensConfig
from handspun.tokens.control import CONTROL_TOKENS, UNKNOWN
from handspun.tokens.learn import learn


def test_control_tokens_take_the_first_ids(texts):
    assert list(learn(texts, TokensConfig(vocab_size=300)).control.items()) == [
        (name, i) for i, name in enumerate(CONTROL_TOKENS)
    ]
    uncased = learn(texts, TokensConfig(vocab_size=300, profile="uncased"))
    assert uncased.control[UNKNOWN] == len(CONTROL_TOKENS)


@pytest.mark.parametrize("profile", ["bytes", "uncased"])
def test_the_same_texts_give_the_same_vocabulary(texts, profile):
    config = TokensConfig(vocab_size=600, profile=profile)
    assert learn(iter(texts), config) == learn(texts, config)


def test_other_texts_give_another_vocabulary(texts):
    config = TokensConfig(vocab_size=600)
    assert learn(texts[:40], config) != learn(texts[40:], config)


def test_a_vocabulary_larger_than_the_corpus_supports_is_refused_with_the_size_that_was_reached():
    with pytest.raises(TokenizerError, match=r"tokens\.vocab_size=8192 .* set tokens\.vocab_size=2\d\d or less, or add text"):
        learn(["a few words, a few words"], TokensConfig())


def test_the_size_that_the_refusal_names_is_possible(texts):
    with pytest.raises(TokenizerError) as refusal:
        learn(texts[:1], TokensConfig())
    reached = int(str(refusal.value).split("set tokens.vocab_size=")[1].split()[0])
    assert len(learn(texts[:1], TokensConfig(vocab_size=reached)).vocab) == reached


def test_a_vocabulary_smaller_than_its_alphabet_is_refused():
    alphabet = "".join(map(chr, range(0x4E00, 0x4E40)))
    with pytest.raises(TokenizerError, match=r"tokens\.vocab_size=16 does not hold the 72 characters"):
        learn([alphabet * 30], TokensConfig(vocab_size=16, profile="uncased"))


@pytest.mark.parametrize("empty", [[], [""], ["", ""]])
def test_an_empty_corpus_is_refused(empty):
    with pytest.raises(TokenizerError, match="corpus is empty"):
        learn(empty, TokensConfig())


def test_a_character_below_the_count_is_dropped_and_one_at_the_count_is_kept():
    texts = ["q" * 3 + "z" * 2 + " abab" * 20]
    vocab = learn(texts, TokensConfig(vocab_size=16, profile="uncased", min_char_count=3)).vocab
    assert "q" in vocab
    assert "z" not in vocab


def test_characters_that_are_all_too_rare_are_refused():
    with pytest.raises(TokenizerError, match=r"tokens\.min_char_count=20 is more often"):
        learn(["abc"], TokensConfig(vocab_size=16, profile="uncased"))


def test_reading_stops_at_the_sample_and_progress_counts_its_bytes():
    seen = []
    texts = iter(["é" * 2**18, "many more words " * 2**15, "never read"])
    with pytest.raises(TokenizerError, match="more than the corpus supports"):
        learn(texts, TokensConfig(sample_mib=1), lambda done, total: seen.append((done, total)))
    assert seen == [(2**19, None), (2**20, None)]
    assert list(texts) == ["never read"]


def test_a_word_without_end_is_learnt_from_in_pieces(texts):
    began = time.perf_counter()
    vocab = learn([*texts, "ab" * 2**18], TokensConfig(vocab_size=600)).vocab
    assert time.perf_counter() - began < 10
    assert "abab" in vocab


def test_a_lone_surrogate_in_the_corpus_does_no_harm(texts):
    assert len(learn([*texts, "\ud800"], TokensConfig(vocab_size=300)).vocab) == 300
