"""Blocks are held by whom they were given to, kept for what they hold, and given so that rows can go on where they are."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from handspun.generate.blocks import BLOCK_TOKENS, Blocks, block_key, n_blocks


def key(number: int) -> bytes:
    return block_key(b"", [number])


def filled(limit: int, n_rows: int, n_each: int) -> Blocks:
    """Blocks of which rows, one after another, have been given some, and have let go of them with their contents known."""
    blocks = Blocks(limit)
    rows = [blocks.take(n_each, after=None, room=n_each) for _ in range(n_rows)]
    for row in rows:
        for block in row:
            blocks.publish(block, key(block))
    for row in rows:
        blocks.release(row)
    return blocks


def test_tokens_fill_blocks() -> None:
    assert [n_blocks(n) for n in (0, 1, BLOCK_TOKENS, BLOCK_TOKENS + 1)] == [0, 1, 1, 2]


def test_a_key_names_all_ids_up_to_the_end_of_the_block() -> None:
    first, second = block_key(b"", [1, 2]), block_key(b"", [1, 3])
    assert first == block_key(b"", [1, 2]) != second
    assert block_key(first, [4]) != block_key(second, [4])
    assert block_key(b"", [70_000]) != block_key(b"", [70_000 - 65_536])


def test_a_row_goes_on_into_the_block_behind_it() -> None:
    blocks = Blocks(100)
    first, second = blocks.take(2, after=None, room=6), blocks.take(1, after=None, room=6)
    assert first == [first[0], first[0] + 1]
    for _ in range(4):
        first += blocks.take(1, after=first[-1], room=1)
        second += blocks.take(1, after=second[-1], room=1)
    assert first == list(range(first[0], first[0] + 6))
    assert second == list(range(second[0], second[0] + 5))


def test_rows_fill_everything_and_go_on_elsewhere_where_they_meet() -> None:
    blocks, rows = Blocks(10), [[], []]
    for turn in range(10):
        row = rows[turn % 2]
        row += blocks.take(1, after=row[-1] if row else None, room=8)
    assert sorted(rows[0] + rows[1]) == list(range(10))
    assert blocks.n_open == 0
    with pytest.raises(AssertionError, match="1 blocks of 0"):
        blocks.take(1, after=rows[0][-1], room=1)


def test_there_are_no_more_blocks_than_were_needed_at_once() -> None:
    blocks = Blocks(1000)
    for _ in range(50):
        blocks.release(blocks.take(3, after=None, room=5))
    assert len(blocks.n_holders) == 5


def test_what_is_known_is_found_from_its_beginning_on_and_held() -> None:
    blocks = filled(8, n_rows=1, n_each=3)
    assert blocks.find([key(0), key(1), key(7), key(2)]) == [0, 1]
    assert blocks.find([key(7), key(0)]) == []
    blocks.hold([0, 1])
    assert blocks.n_open == 6
    assert not {0, 1} & set(blocks.take(6, after=None, room=6))


def test_a_block_is_open_when_the_last_who_held_it_lets_go() -> None:
    blocks = filled(4, n_rows=1, n_each=2)
    blocks.hold([0, 1])
    blocks.hold([0, 1])
    blocks.release([0, 1])
    assert blocks.n_open == 2
    blocks.release([0, 1])
    assert blocks.n_open == 4


def test_the_least_recently_used_is_given_up_first_and_its_end_before_its_beginning() -> None:
    blocks = filled(6, n_rows=3, n_each=2)
    blocks.hold([0, 1])
    blocks.release([0, 1])
    taken = [blocks.take(1, after=None, room=1)[0] for _ in range(5)]
    assert taken == [3, 2, 5, 4, 1]
    assert blocks.find([key(0), key(1)]) == [0]


def test_nothing_is_given_up_while_there_is_free_room() -> None:
    blocks = filled(8, n_rows=2, n_each=2)
    blocks.take(4, after=None, room=4)
    assert blocks.find([key(0), key(1)]) == [0, 1] and blocks.find([key(2), key(3)]) == [2, 3]


def test_there_come_to_be_no_more_blocks_where_enough_are_kept() -> None:
    few, many = (kept_after_rows(limit=1000, most_kept=most_kept) for most_kept in (8, 1000))
    assert len(few.n_holders) <= 16 and len(few.kept) >= 8
    assert len(many.kept) == 4 * 50


def test_what_is_kept_makes_way_even_where_none_may_be_kept() -> None:
    blocks = kept_after_rows(limit=10, most_kept=0)
    assert len(blocks.n_holders) == 4
    assert len(blocks.take(10, after=None, room=10)) == 10


def kept_after_rows(limit: int, most_kept: int) -> Blocks:
    """Blocks after 50 rows of four, one after another, each of another content."""
    blocks = Blocks(limit, most_kept)
    for number in range(50):
        row = blocks.take(4, after=None, room=4)
        for place, block in enumerate(row):
            blocks.publish(block, key(4 * number + place))
        blocks.release(row)
    return blocks


def test_the_same_content_is_known_once() -> None:
    blocks = Blocks(4)
    first, second = blocks.take(1, after=None, room=1), blocks.take(1, after=None, room=1)
    blocks.publish(first[0], key(9))
    blocks.publish(second[0], key(9))
    assert blocks.find([key(9)]) == first
    blocks.release(second)
    assert blocks.find([key(9)]) == first


class AnyUse(RuleBasedStateMachine):
    """Rows that take, share and let go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = Blocks(12, most_kept=4)
        self.rows: list[list[int]] = []
        self.n_published = 0

    @rule(n=st.integers(1, 5), room=st.integers(1, 12))
    def begin(self, n: int, room: int) -> None:
        if n <= self.blocks.n_open:
            self.rows.append(self.blocks.take(n, after=None, room=room))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), n=st.integers(1, 3))
    def go_on(self, data: st.DataObject, n: int) -> None:
        row = data.draw(st.sampled_from(self.rows))
        if n <= self.blocks.n_open:
            taken = self.blocks.take(n, after=row[-1], room=n)
            assert not any(block in other for other in self.rows for block in taken)
            row += taken

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        for block in data.draw(st.sampled_from(self.rows)):
            self.blocks.publish(block, key(self.n_published))
            self.n_published += 1

    @precondition(lambda self: self.blocks.known)
    @rule(data=st.data())
    def share(self, data: st.DataObject) -> None:
        found = self.blocks.find([data.draw(st.sampled_from(sorted(self.blocks.known)))])
        self.blocks.hold(found)
        self.rows.append(found)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        self.blocks.release(self.rows.pop(data.draw(st.integers(0, len(self.rows) - 1))))

    @invariant()
    def books_are_right(self) -> None:
        blocks = self.blocks
        held = [block for row in self.rows for block in row]
        assert blocks.n_holders == [held.count(block) for block in range(len(blocks.n_holders))]
        assert blocks.n_open == blocks.limit - len(set(held))
        assert {block: key for key, block in blocks.known.items()} == blocks.key_of
        assert set(blocks.kept) == set(blocks.key_of) - set(held)


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=30, stateful_step_count=25)
