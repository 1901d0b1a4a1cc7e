"""Every token of the held-out text is paid for once, and divided by the bytes of the text."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.corpus.document import Document
from handspun.evaluate.bpb import half_overlapping, held_out_loss
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.config import TokensConfig
from handspun.tokens.shards import ShardSet, write_documents
from handspun.tokens.tokenizer import Tokenizer

TEXTS = [
    "A shard holds tokens, and a corpus holds shards. " * 3,
    "Été: naïve 語.",
    "A token is a number; a number is a token. " * 4,
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 3, TokensConfig(vocab_size=280))


@pytest.fixture(scope="module")
def shards(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    documents = [Document(text, str(number), "test") for number, text in enumerate(TEXTS)]
    return write_documents(documents, tokenizer, tmp_path_factory.mktemp("shards") / "val")


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Transformer:
    model = Transformer(ModelConfig(d_model=16, n_layers=2, n_heads=2, max_seq_len=64), tokenizer.vocab_size)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return model.eval()


@given(st.integers(1, 300), st.integers(1, 40))
def test_half_overlapping_windows_score_each_token_but_the_first_once(n_tokens: int, seq_len: int) -> None:
    scored = []
    for start, first, end in half_overlapping(n_tokens, seq_len):
        assert start < first < end <= start + seq_len + 1
        assert start == 0 or first - start > seq_len // 2
        scored += range(first, end)
    assert scored == list(range(1, n_tokens))


@torch.no_grad()
def nats_of(model: Transformer, ids: list[int], seq_len: int) -> float:
    """The nats of every token but the first: one forward per token, over the context its window gives it."""
    nats = 0.0
    for start, first, end in half_overlapping(len(ids), seq_len):
        for place in range(first, end):
            hidden = model(torch.tensor([ids[start:place]]))[0, -1]
            nats -= float(model.logits(hidden).log_softmax(-1)[ids[place]])
    return nats


@pytest.mark.parametrize("seq_len", [1, 7, 16, 1000])
def test_the_loss_is_that_of_each_token_from_its_own_context(
    model: Transformer, shards: ShardSet, tokenizer: Tokenizer, seq_len: int
) -> None:
    n_tokens = min(shards.n_tokens, 40)
    loss = held_out_loss(model, shards, tokenizer, seq_len=seq_len, max_tokens=n_tokens)
    ids = shards.tokens(0, n_tokens).tolist()
    assert loss.n_tokens == n_tokens - 1
    assert loss.nats == pytest.approx(nats_of(model, ids, seq_len), rel=1e-5)
    assert loss.val_loss == pytest.approx(loss.nats / (n_tokens - 1))
    assert loss.val_bpb == pytest.approx(loss.nats / math.log(2) / loss.n_bytes)


def test_bytes_are_those_of_the_text_in_utf_8(model: Transformer, shards: ShardSet, tokenizer: Tokenizer) -> None:
    everything = held_out_loss(model, shards, tokenizer, seq_len=32)
    assert everything.n_bytes == sum(len(text.encode()) for text in TEXTS)
    beginning = held_out_loss(model, shards, tokenizer, seq_len=32, max_tokens=30)
    assert beginning.n_bytes == len(tokenizer.decode(shards.tokens(0, 30)).encode())


def test_more_tokens_than_there_are_is_all_of_them(model: Transformer, shards: ShardSet, tokenizer: Tokenizer) -> None:
    seen: list[tuple[int, int | None]] = []
    limited = held_out_loss(model, shards, tokenizer, seq_len=32, max_tokens=10**9)
    everything = held_out_loss(model, shards, tokenizer, seq_len=32, on_progress=lambda done, total: seen.append((done, total)))
    assert limited == everything
    assert seen[-1] == (shards.n_tokens, shards.n_tokens)


def test_a_model_that_knows_nothing_pays_for_the_size_of_its_vocabulary(
    shards: ShardSet, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = Transformer(ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=64), tokenizer.vocab_size).initialize(0)
    with torch.no_grad():
        model.embedding.weight.zero_()
    loss = held_out_loss(model, shards, tokenizer, seq_len=32)
    assert loss.val_loss == pytest.approx(math.log(tokenizer.vocab_size), rel=1e-5)
