import json
import os
from pathlib import Path

import pytest
import tiktoken

from handspun.errors import TokenizerError
from handspun.tokens.blueprint import BYTE_OF_CHARACTER
from handspun.tokens.tokenizer import Tokenizer

PUBLISHED_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@pytest.fixture(scope="module")
def folder() -> Path:
    if "HANDSPUN_DATA" not in os.environ:
        pytest.skip("HANDSPUN_DATA names no folder")
    return Path(os.environ["HANDSPUN_DATA"]) / "gpt2_bpe"


@pytest.mark.data
def test_gpt2_gives_the_ids_that_were_published(folder, texts):
    ours = Tokenizer.from_gpt2(folder)
    vocab = json.loads((folder / "encoder.json").read_text())
    ranks = {bytes(BYTE_OF_CHARACTER[c] for c in token): id_ for token, id_ in vocab.items() if token != "<|endoftext|>"}
    published = tiktoken.Encoding("gpt2", pat_str=PUBLISHED_PATTERN, mergeable_ranks=ranks, special_tokens={})
    for text in [*texts, "naïve 東京 👩‍🚀\r\n  x", "Hello world"]:
        assert ours.encode(text) == published.encode_ordinary(text)
    assert ours.encode("Hello world") == [15496, 995]


@pytest.mark.data
def test_the_control_tokens_that_gpt2_lacks_follow_its_own(folder, tmp_path):
    ours = Tokenizer.from_gpt2(folder)
    assert list(ours.control.values()) == list(range(50256, 50263))
    assert ours.vocab_size == 50263
    ours.save(tmp_path)
    assert Tokenizer.load(tmp_path).sha256 == ours.sha256


def test_a_folder_without_the_two_files_is_refused(tmp_path):
    with pytest.raises(TokenizerError, match=r"needs encoder\.json and vocab\.bpe"):
        Tokenizer.from_gpt2(tmp_path)


@pytest.mark.parametrize("encoder", ["{}", "[]", '{"a": 0}', "nonsense"])
def test_another_vocabulary_is_refused(tmp_path, encoder):
    (tmp_path / "encoder.json").write_text(encoder)
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na b\n")
    with pytest.raises(TokenizerError, match="GPT-2"):
        Tokenizer.from_gpt2(tmp_path)
