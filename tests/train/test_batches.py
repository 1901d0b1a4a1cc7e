"""Batches: what each step reads."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import CorpusError
from handspun.tokens.chat import render
from handspun.tokens.shards import ShardSet
from handspun.train.batches import Batches, ChatRows, Row, TextRows, shuffled
from tiny_run import byte_tokenizer, conversations, tiny_batches, tiny_chats, tiny_config, tiny_model, tiny_text

SEEDS = st.integers(0, 2**32)


class CountedTokens(ShardSet):
    """Shards whose every token is its own place."""

    def __init__(self, n_tokens: int) -> None:
        self.folder = Path("counted")
        self.length = n_tokens

    @property
    def n_tokens(self) -> int:
        return self.length

    def tokens(self, start: int, stop: int) -> np.ndarray:
        assert 0 <= start <= stop <= self.length
        return np.arange(start, stop)


class Recorded:
    """Rows that note which of them are asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def row(self, index: int) -> Row:
        self.asked.append(index)
        return Row(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=bool), np.zeros(3, dtype=np.int64))


def recorded(chat_share: float) -> Any:
    """Batches over recorded rows; Batches.row needs no more of itself than this."""
    return SimpleNamespace(chat_share=chat_share, text=Recorded(), chats=Recorded())


def rows_of(batches: Batches, step: int) -> list[torch.Tensor]:
    """Each row of a step: ids, targets, loss mask and segments, one after the other."""
    return [
        torch.stack([batch.ids[row], batch.targets[row], batch.loss_mask[row].long(), batch.segments[row]])
        for batch in batches.micro_batches(step)
        if batch.segments is not None
        for row in range(len(batch.ids))
    ]


def chat_rows(data: Path, *, mask_prompt: bool, seq_len: int = 160) -> ChatRows:
    return ChatRows(tiny_chats(data), seq_len, 1, padding=byte_tokenizer().pad, mask_prompt=mask_prompt)


@given(st.integers(1, 300), SEEDS)
@settings(max_examples=50)
def test_shuffled_is_a_permutation(n: int, seed: int) -> None:
    assert sorted(shuffled(index, n, seed) for index in range(n)) == list(range(n))


def test_shuffled_differs_from_seed_to_seed() -> None:
    orders = {tuple(shuffled(index, 50, seed) for index in range(50)) for seed in range(20)}
    assert len(orders) == 20


def test_shuffled_leaves_no_order_to_be_seen() -> None:
    order = [shuffled(index, 2000, 3) for index in range(2000)]
    assert abs(np.corrcoef(order, range(2000))[0, 1]) < 0.1


@given(st.integers(1, 20), st.integers(0, 200), SEEDS, st.integers(0, 3))
@settings(max_examples=60)
def test_every_window_of_text_is_read_once_per_epoch(seq_len: int, more: int, seed: int, epoch: int) -> None:
    n_tokens = 2 * seq_len + 1 + more
    rows = TextRows(CountedTokens(n_tokens), seq_len, seed)
    windows = [rows.row(epoch * len(rows) + index).ids for index in range(len(rows))]
    predicted = [int(id) for window in windows for id in window[1:]]
    assert all(len(window) == seq_len + 1 for window in windows)
    assert len(set(predicted)) == len(predicted) == len(rows) * seq_len
    assert len(predicted) > n_tokens - 1 - 2 * seq_len


def test_epochs_differ_in_order_and_offset() -> None:
    rows = TextRows(CountedTokens(1000), 10, 1)
    firsts = [[int(rows.row(epoch * len(rows) + index).ids[0]) for index in range(len(rows))] for epoch in range(3)]
    assert len({first % 10 for epoch in firsts for first in epoch}) == 3
    assert len({tuple(np.argsort(epoch)) for epoch in firsts}) == 3


def test_too_little_text_is_refused() -> None:
    assert len(TextRows(CountedTokens(21), 10, 1)) == 1
    with pytest.raises(CorpusError, match=r"20 tokens, fewer than two sequences of train\.seq_len=10"):
        TextRows(CountedTokens(20), 10, 1)


@pytest.mark.parametrize("epoch", [0, 1])
def test_every_conversation_is_read_once_per_epoch_and_whole(data: Path, epoch: int) -> None:
    rows = chat_rows(data, mask_prompt=False)
    pad, read = byte_tokenizer().pad, []
    for index in range(len(rows)):
        row = rows.row(epoch * len(rows) + index)
        members = np.unique(row.segments[row.ids != pad])
        read += [tuple(row.ids[(row.segments == segment) & (row.ids != pad)]) for segment in members]
    written = [tuple(render(byte_tokenizer(), one.messages).ids) for one in conversations()]
    assert sorted(read) == sorted(written)


def test_conversations_longer_than_a_row_are_left_out_and_none_at_all_is_refused(data: Path) -> None:
    lengths = tiny_chats(data).lengths
    rows = chat_rows(data, mask_prompt=False, seq_len=int(np.median(lengths)))
    assert sum(len(members) for members in rows.packed) == (lengths <= np.median(lengths) + 1).sum() < len(lengths)
    with pytest.raises(CorpusError, match=r"no conversation of at most train\.seq_len=3 tokens"):
        chat_rows(data, mask_prompt=False, seq_len=3)


def test_with_mask_prompt_only_replies_and_their_end_are_learnt(data: Path) -> None:
    rows, learnt = chat_rows(data, mask_prompt=True), []
    for index in range(len(rows)):
        row = rows.row(index)
        learnt += row.ids[row.loss_mask].tolist()
    tokenizer = byte_tokenizer()
    replies = [message.content for one in conversations() for message in one.messages if message.role == "assistant"]
    pieces = bytes(byte for id in learnt for byte in tokenizer.token_bytes(id) or b"\n").decode().split("\n")
    assert sorted(pieces) == sorted([*replies, ""])
    assert set(learnt) & set(tokenizer.control.values()) == {tokenizer.end_of_turn}


def test_without_mask_prompt_all_is_learnt_but_padding_and_first_tokens(data: Path) -> None:
    rows, tokenizer = chat_rows(data, mask_prompt=False), byte_tokenizer()
    for index in range(len(rows)):
        row = rows.row(index)
        opens = (row.ids == tokenizer.end_of_text) | (row.ids == tokenizer.pad)
        assert (row.loss_mask == ~opens).all()


def test_in_text_every_token_is_learnt(data: Path) -> None:
    assert TextRows(tiny_text(data), 96, 1).row(0).loss_mask.all()


def test_no_conversation_sees_another(data: Path) -> None:
    rows = chat_rows(data, mask_prompt=False)
    row = next(rows.row(index) for index in range(len(rows)) if rows.row(index).segments.max() >= 2)
    ids, segments = torch.from_numpy(row.ids)[None], torch.from_numpy(row.segments)[None]
    changed = torch.where(segments == 0, 100, ids)
    model = tiny_model(max_seq_len=200)
    torch.nn.init.normal_(model.blocks[0].attention.out.weight)  # type: ignore[union-attr]
    others = segments[0] > 0
    with torch.inference_mode():
        assert torch.equal(model(ids, segments=segments)[0, others], model(changed, segments=segments)[0, others])
        assert not torch.allclose(model(ids)[0, others], model(changed)[0, others])


def test_documents_are_numbered_apart_where_the_recipe_asks(data: Path) -> None:
    text, separator = tiny_text(data), byte_tokenizer().end_of_text
    apart = TextRows(text, 96, 1, separator=separator).row(0)
    assert (np.diff(apart.segments) == (apart.ids[1:] == separator)).all()
    assert apart.segments.max() > 0
    assert not TextRows(text, 96, 1).row(0).segments.any()


@given(st.floats(0, 1), st.integers(1, 400))
@settings(max_examples=60)
def test_the_share_of_conversations_is_exact_to_one_row_and_none_is_skipped(chat_share: float, n: int) -> None:
    batches = recorded(chat_share)
    for index in range(n):
        Batches.row(batches, index)
    assert abs(len(batches.chats.asked) - n * chat_share) < 1
    assert batches.chats.asked == list(range(len(batches.chats.asked)))
    assert batches.text.asked == list(range(n - len(batches.chats.asked)))


def test_a_batch_is_a_function_of_seed_and_step_alone(data: Path) -> None:
    config = tiny_config()
    later = rows_of(tiny_batches(config, data), 5)
    batches = tiny_batches(config, data)
    for step in (7, 2):
        batches.micro_batches(step)
    assert all(torch.equal(one, other) for one, other in zip(rows_of(batches, 5), later, strict=True))
    assert not torch.equal(rows_of(batches, 6)[0], later[0])


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_the_rows_of_a_step_are_the_same_whatever_the_micro_batch(data: Path, micro_batch: int) -> None:
    whole = rows_of(tiny_batches(tiny_config(micro_batch=4), data), 3)
    parts = tiny_batches(tiny_config(micro_batch=micro_batch), data)
    assert len(parts.micro_batches(3)) == 4 // micro_batch
    assert all(torch.equal(one, other) for one, other in zip(rows_of(parts, 3), whole, strict=True))


def test_targets_are_the_inputs_one_token_on(data: Path) -> None:
    for batch in tiny_batches(tiny_config(), data).micro_batches(0):
        assert torch.equal(batch.targets[:, :-1], batch.ids[:, 1:])
        assert batch.ids.shape == batch.targets.shape == batch.loss_mask.shape == (2, 96)


def test_plain_text_needs_no_segments(data: Path) -> None:
    assert tiny_batches(tiny_config(chat_share=0.0), data).micro_batches(0)[0].segments is None
    assert tiny_batches(tiny_config(chat_share=0.5), data).micro_batches(0)[0].segments is not None


def test_conversations_alone_make_a_batch(data: Path) -> None:
    batches = tiny_batches(tiny_config(chat_share=1.0), data)
    assert batches.text is None
    assert {int(row[0, 0]) for row in rows_of(batches, 0)} == {byte_tokenizer().end_of_text}
