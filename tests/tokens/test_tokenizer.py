import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from handspun.errors import DamagedFileError, TokenizerError
from handspun.tokens.control import CONTROL_TOKENS
from handspun.tokens.tokenizer import CHECKSUM_FILE, FILE, Tokenizer


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_text_comes_back_exactly(patterned, odd_text, data):
    text = data.draw(odd_text)
    assert patterned.decode(patterned.encode(text)) == text


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_text_yields_a_control_token(patterned, uncased, odd_text, data):
    text = data.draw(odd_text)
    assert not set(patterned.encode(text)) & set(patterned.control.values())
    assert not set(uncased.encode(text)) & {uncased.control[name] for name in CONTROL_TOKENS}


@pytest.mark.parametrize("name", CONTROL_TOKENS)
def test_a_text_that_spells_a_control_token_is_text(tokenizer, name):
    for text in (name, f"a {name}b", name * 3):
        assert tokenizer.control[name] not in tokenizer.encode(text)
        assert tokenizer.control[name] not in tokenizer.encode_batch([text])[0]
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_an_uncased_vocabulary_lowers_letters_and_marks_rare_characters(uncased):
    unknown = uncased.control["[UNK]"]
    assert uncased.decode(uncased.encode("The Class Statement")) == "the class statement"
    assert uncased.encode("東") == [unknown]
    assert uncased.decode([unknown]) == "\ufffd"
    assert unknown not in uncased.encode("the class statement")


def test_the_bytes_of_the_tokens_are_the_bytes_of_the_text(tokenizer):
    ids = tokenizer.encode("naïve 東京")
    assert b"".join(map(tokenizer.token_bytes, ids)) == "naïve 東京".encode()
    assert tokenizer.byte_lengths[ids].sum() == len("naïve 東京".encode())
    assert tokenizer.byte_lengths[list(tokenizer.control.values())].sum() == 0


def test_control_tokens_have_a_name_but_no_text(tokenizer):
    ids = [tokenizer.end_of_text, *tokenizer.encode("hi"), tokenizer.end_of_turn]
    assert tokenizer.decode(ids) == "hi"
    assert tokenizer.spelled(tokenizer.role("user")) == "<|user|>"
    assert tokenizer.spelled(tokenizer.pad) == "<|pad|>"
    assert "".join(map(tokenizer.spelled, tokenizer.encode("hi"))) == "hi"


def test_half_a_character_decodes_to_the_replacement_character(tokenizer):
    assert tokenizer.decode(tokenizer.encode("東")[:1]) == "\ufffd"


def test_a_saved_tokenizer_is_loaded_whole(any_tokenizer, tmp_path, texts):
    ours = any_tokenizer
    ours.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.sha256 == ours.sha256
    assert loaded.control == ours.control
    assert all(map(np.array_equal, loaded.encode_batch(texts[:50]), ours.encode_batch(texts[:50])))


def test_transformers_loads_it_with_the_same_ids(any_tokenizer, tmp_path, texts):
    ours = any_tokenizer
    ours.save(tmp_path)
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    for text in [*texts[:50], "naïve 東京 👩‍🚀\r\n  x", ""]:
        ids = ours.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids, skip_special_tokens=True) == ours.decode(ids).replace("\ufffd", "")
    assert len(theirs) == ours.vocab_size
    assert [theirs.convert_tokens_to_ids(name) for name in ours.control] == list(ours.control.values())
    assert (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id) == (ours.pad, ours.end_of_text, ours.end_of_turn)


def test_a_flipped_byte_is_noticed(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"tokenizer\.json is damaged"):
        Tokenizer.load(tmp_path)


def test_a_file_without_a_checksum_is_read_with_care(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    (tmp_path / CHECKSUM_FILE).unlink()
    assert Tokenizer.load(tmp_path).sha256 == tokenizer.sha256


def test_saving_over_an_old_tokenizer_leaves_the_new_one(tokenizer, uncased, tmp_path):
    tokenizer.save(tmp_path)
    uncased.save(tmp_path)
    assert Tokenizer.load(tmp_path).sha256 == uncased.sha256


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(TokenizerError, match=r"tokenizer.json is missing: run handspun tokenize"):
        Tokenizer.load(tmp_path)


def test_the_file_says_which_tokens_are_control_tokens(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    added = json.loads((tmp_path / FILE).read_text())["added_tokens"]
    assert [token["content"] for token in added] == list(CONTROL_TOKENS)
    assert all(token["special"] for token in added)
