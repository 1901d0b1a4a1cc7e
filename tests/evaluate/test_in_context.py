"""Passages stand before a text, every token of it is paid for once in every arm, and no arm reads more than another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from handspun.corpus.document import Document
from handspun.evaluate.arms import INDEX_ARMS, Arm
from handspun.evaluate.config import EvaluateConfig
from handspun.evaluate.in_context import STRETCH_TOKENS, Window, front, in_context_bits, stretches, window_nats, windows_of
from handspun.evaluate.librarian import Librarian
from handspun.model.transformer import Transformer
from handspun.retrieve.chunk import Chunk, Hit
from handspun.train.loss import next_token_loss
from tiny_run import byte_tokenizer, documents, tiny_model

TOKENIZER = byte_tokenizer()
SEQ_LEN = 48
CONFIG = EvaluateConfig(stride=5, query_tokens=8, scored_tokens=300)
FOUND = Chunk("found", 0, 30, "the owl sleeps on the barn. 77")
OTHER = Chunk("other", 0, 30, "a page about ships in a harbor")


def noisy_model(**shape: Any) -> Transformer:
    """A model that has learnt nothing, and expects something else after every token."""
    model = tiny_model(**shape)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def model() -> Transformer:
    return noisy_model()


def librarian(*found: Chunk, asked: list[str] | None = None) -> Librarian:
    """One who finds the same whatever is asked."""

    def search(query: str, k: int) -> Sequence[Hit]:
        if asked is not None:
            asked.append(query)
        return [Hit(chunk, 1.0) for chunk in found]

    return Librarian(search, [OTHER], 1)


def windows(arm: Arm, *found: Chunk, asked: list[str] | None = None) -> list[Window]:
    drawn = stretches(documents(), TOKENIZER, CONFIG.scored_tokens)
    return [
        window for window in windows_of(drawn, TOKENIZER, librarian(*found, asked=asked), CONFIG, SEQ_LEN) if window.arm == arm
    ]


@pytest.mark.parametrize("arm", INDEX_ARMS)
def test_every_token_of_every_stretch_is_paid_for_once_in_every_arm(arm: Arm) -> None:
    drawn, paid = stretches(documents(), TOKENIZER, CONFIG.scored_tokens), {}
    for window in windows(arm, FOUND):
        paid.setdefault(window.stretch, []).extend(window.ids[-window.n_scored :])
    assert paid == {number: stretch.ids[stretch.start :] for number, stretch in enumerate(drawn)}


def test_stretches_are_as_long_as_asked_in_all_and_out_of_many_documents() -> None:
    drawn = stretches(documents(), TOKENIZER, 300)
    assert sum(len(stretch.ids) - stretch.start for stretch in drawn) == 300
    assert len({stretch.document.id for stretch in drawn}) == len(drawn) > 1
    assert drawn == stretches(documents()[::-1], TOKENIZER, 300)


def test_of_a_long_document_one_stretch_is_drawn_and_what_stands_before_it_is_read() -> None:
    (drawn,) = stretches([Document("to be or not to be " * 200, "the seventh", "book")], TOKENIZER, 10**6)
    assert drawn.start > 0 and len(drawn.ids) == drawn.start + STRETCH_TOKENS


def test_a_passage_stands_before_the_text_as_a_document_of_its_own_and_takes_half_a_window_at_most() -> None:
    end_of_text = TOKENIZER.end_of_text
    for window in windows("retrieved", FOUND)[1:4]:
        assert window.ids[1 : SEQ_LEN // 2 - 1] == TOKENIZER.encode(FOUND.text)[: SEQ_LEN // 2 - 2]
        assert window.ids[0] == window.ids[SEQ_LEN // 2 - 1] == end_of_text
    assert front([FOUND, OTHER], TOKENIZER, 100)[-1] == end_of_text
    assert TOKENIZER.decode(front([FOUND, OTHER], TOKENIZER, 100)) == OTHER.text + FOUND.text


@pytest.mark.parametrize("arm", INDEX_ARMS)
def test_no_window_is_longer_than_the_model_was_trained_on(arm: Arm) -> None:
    longest = max(len(window.ids) for window in windows(arm, FOUND))
    assert longest == SEQ_LEN + 1


def test_the_query_is_what_stands_just_before_and_nothing_that_comes_after() -> None:
    asked: list[str] = []
    reading = windows("closed_book", FOUND, asked=asked)
    assert all(len(TOKENIZER.encode(query)) <= CONFIG.query_tokens for query in asked)
    queries = iter(asked)
    for window in reading:
        before = TOKENIZER.decode(window.ids[: -window.n_scored])
        if before:
            assert before.endswith(next(queries))
    assert next(queries, None) is None


@torch.no_grad()
@pytest.mark.parametrize("copy_head", [True, False])
def test_the_nats_are_the_loss_of_each_window_alone(copy_head: bool) -> None:
    model, some = noisy_model(copy_head=copy_head), windows("retrieved", FOUND)[:5]
    assert len({len(window.ids) for window in some}) > 1
    for window, nats in zip(some, window_nats(model, some).tolist()):
        ids = torch.tensor([window.ids])
        counts = torch.arange(1, ids.shape[1])[None] >= ids.shape[1] - window.n_scored
        assert nats == pytest.approx(float(next_token_loss(model, ids[:, :-1], ids[:, 1:], counts)), rel=1e-5)


def test_where_nothing_is_found_every_arm_costs_the_same(model: Transformer) -> None:
    measured = in_context_bits(model, TOKENIZER, documents(), librarian(), CONFIG, seq_len=SEQ_LEN)
    for arm in INDEX_ARMS:
        np.testing.assert_array_equal(measured.bits[arm], measured.bits["closed_book"])
    assert measured.gain("closed_book").mean == 0
    assert measured.n_bytes.sum() >= 300


def test_an_index_that_holds_the_scored_text_itself_gives_nothing_of_it_away() -> None:
    """It is found under other names, whole and in part; each window then is what it is without any passage."""
    for stretch in stretches(documents(), TOKENIZER, CONFIG.scored_tokens):
        text = stretch.document.text
        copies = (Chunk("copy", 0, len(text), text), Chunk("part", 9, len(text), text[9:]))
        read = list(windows_of([stretch], TOKENIZER, librarian(*copies), CONFIG, SEQ_LEN))
        assert [window.ids for window in read[2::3]] == [window.ids for window in read[::3]]


def test_progress_ends_where_everything_is_scored(model: Transformer) -> None:
    seen: list[tuple[int, int | None]] = []
    in_context_bits(
        model,
        TOKENIZER,
        documents(),
        librarian(FOUND),
        CONFIG,
        seq_len=SEQ_LEN,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1][0] == seen[-1][1] == 3 * len(windows("retrieved", FOUND))


def test_a_stride_is_a_quarter_of_a_window_at_most() -> None:
    wide = EvaluateConfig(stride=1000, scored_tokens=300)
    drawn = stretches(documents(), TOKENIZER, 300)
    assert {w.n_scored for w in windows_of(drawn, TOKENIZER, librarian(FOUND), wide, SEQ_LEN)} <= set(range(1, 13))
