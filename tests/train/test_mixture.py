"""A mixture draws each source in its share, as a function of the row's number and of nothing else."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.corpus.document import Document
from handspun.tokens.shards import ShardSet, write_documents
from handspun.train.batches import Batches, Row
from handspun.train.config import SuperpositionConfig
from handspun.train.mixture import MixedRows, Turns, mixed_rows, portions
from tiny_run import byte_tokenizer, tiny_config, tiny_text

WEIGHTS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


class NumberedRows:
    """Rows that hold their own number, and the name of their source."""

    def __init__(self, name: int) -> None:
        self.name = name

    def row(self, index: int) -> Row:
        return Row(np.array([self.name, index]), np.ones(2, dtype=bool), np.zeros(2, dtype=np.int64))


@given(weights=WEIGHTS)
def test_of_any_first_turns_each_source_has_its_share_to_less_than_one(weights: list[int]) -> None:
    turns, had = Turns(weights), Counter()
    for turn in range(2 * sum(weights) + 3):
        for source, weight in enumerate(weights):
            assert abs(had[source] - turn * weight / sum(weights)) < 1
            assert turns.count(source, turn) == had[source]
        source, before = turns.place(turn)
        assert before == had[source]
        had[source] += 1


def test_a_turn_far_away_is_found_without_those_before_it() -> None:
    turns = Turns([7, 2, 1])
    assert [turns.count(source, 10**15) for source in range(3)] == [7 * 10**14, 2 * 10**14, 10**14]
    source, before = turns.place(10**15)
    assert (source, before) == (turns.order[0], turns.weights[source] * 10**14)


def test_each_source_is_read_from_its_beginning_without_a_gap() -> None:
    rows = MixedRows([NumberedRows(0), NumberedRows(1), NumberedRows(2)], Turns([3, 1, 2]))
    drawn = [tuple(rows.row(index).ids) for index in range(600)]
    assert Counter(name for name, _ in drawn) == {0: 300, 1: 100, 2: 200}
    for source in range(3):
        assert [number for name, number in drawn if name == source] == list(range(100 * (3, 1, 2)[source]))


def test_the_largest_shares_do_not_come_in_blocks() -> None:
    order = Turns([1, 1, 1, 3]).order
    assert sorted(order) == [0, 1, 2, 3, 3, 3]
    assert not any(first == second == 3 for first, second in pairwise(order))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[ShardSet]:
    """Two texts that no one would confuse, the second a quarter of the first."""
    folder = tmp_path_factory.mktemp("texts")
    shouted = [Document(f"LOUD {number} " * 12, str(number), "shouts", {}) for number in range(20)]
    write_documents(shouted, byte_tokenizer(), folder / "shouts")
    return [tiny_text(folder), ShardSet(folder / "shouts")]


def is_loud(row: Row) -> bool:
    """Whether a row is of the second text."""
    return "LOUD" in byte_tokenizer().decode(int(id_) for id_ in row.ids.reshape(-1))


def test_a_mixture_of_texts_has_rows_of_both_in_their_shares(texts: list[ShardSet]) -> None:
    config = tiny_config(chat_share=0.0)
    rows = mixed_rows(config, texts, (3, 1), 1, end_of_text=byte_tokenizer().end_of_text)
    for n in (4, 40, 120):
        assert sum(is_loud(rows.row(index)) for index in range(n)) == n // 4


def test_one_text_alone_is_read_as_ever(texts: list[ShardSet]) -> None:
    config, end = tiny_config(chat_share=0.0), byte_tokenizer().end_of_text
    alone = mixed_rows(config, texts[:1], (1,), 1, end_of_text=end)
    assert not isinstance(alone, MixedRows)
    mixed = mixed_rows(config, texts, (1, 1), 1, end_of_text=end)
    places = [Turns((1, 1)).place(index) for index in range(20)]
    for index, (source, place) in enumerate(places):
        if source == 0:
            assert (mixed.row(index).ids == alone.row(place).ids).all()


def test_a_batch_of_a_step_is_the_same_whenever_it_is_asked_for(texts: list[ShardSet]) -> None:
    config = tiny_config(chat_share=0.0)
    first, again = (
        Batches(config, mixed_rows(config, texts, (2, 1), 1, end_of_text=byte_tokenizer().end_of_text), None) for _ in range(2)
    )
    for step in range(5):
        first.micro_batches(step)
    for ours, theirs in zip(first.micro_batches(7), again.micro_batches(7), strict=True):
        assert (ours.ids == theirs.ids).all()


def test_bags_and_tokens_are_mixed_alike(texts: list[ShardSet]) -> None:
    config = tiny_config(
        chat_share=0.0, seq_len=16, batch_tokens=64, train_tokens=20 * 64, superposition=SuperpositionConfig(bag=2, share=0.3)
    )
    rows = mixed_rows(config, texts, (3, 1), 1, end_of_text=byte_tokenizer().end_of_text)
    n_first = config.bag_steps * config.batch_rows
    assert [rows.row(index).ids.ndim for index in (0, n_first - 1, n_first, n_first + 20)] == [2, 2, 1, 1]
    assert sum(is_loud(rows.row(index)) for index in range(n_first)) == n_first // 4


def test_what_a_run_takes_of_each_text_is_counted_bags_included(texts: list[ShardSet]) -> None:
    config = tiny_config(chat_share=0.0)
    first, second = portions(config, texts, (3, 1))
    n_tokens = config.steps * config.batch_tokens
    assert (first.n_drawn, second.n_drawn) == (n_tokens * 3 // 4, n_tokens // 4)
    assert second.readings == pytest.approx(second.n_drawn / texts[1].n_tokens)
    bags = tiny_config(chat_share=0.0, superposition=SuperpositionConfig(bag=6, share=0.4))
    assert sum(portion.n_drawn for portion in portions(bags, texts, (3, 1))) == pytest.approx(3 * n_tokens, rel=0.01)
    chats = tiny_config(chat_share=0.5)
    assert sum(portion.n_drawn for portion in portions(chats, texts, (3, 1))) == n_tokens // 2
