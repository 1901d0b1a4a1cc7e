"""Whatever is asked and whenever it leaves: every row is read to its end in turn, within the limits, and nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import BusyError
from handspun.generate.blocks import BLOCK_TOKENS, Blocks
from handspun.generate.limits import Limits
from handspun.generate.scheduler import Chunk, Row, Scheduler


def scheduler(n_blocks: int = 100, **limits: int) -> Scheduler:
    return Scheduler(Limits(**{"max_rows": 4, "chunk_tokens": 40, **limits}), Blocks(n_blocks))


def row(n_prompt: int, n_reply: int = 8, first: int = 0) -> Row:
    return Row(list(range(first, first + n_prompt)), n_prompt + n_reply)


def advance(plan: Scheduler) -> list[Chunk]:
    """One step: what was planned is read, each row that is read to its end says a token, and one that is full leaves."""
    chunks = plan.plan()
    speaking = [chunk.row for chunk in chunks if chunk.is_last]
    for chunk in chunks:
        plan.done(chunk)
    for row in speaking:
        row.ids.append(len(row.ids))
        if len(row.ids) == row.max_ids:
            plan.remove(row)
    return chunks


def read(chunks: list[Chunk]) -> list[tuple[Row, int]]:
    return [(chunk.row, chunk.n_new) for chunk in chunks]


def test_a_long_prompt_is_read_in_chunks_while_replies_go_on() -> None:
    plan, short, long = scheduler(), row(5), row(90, first=1000)
    plan.add(short)
    assert read(advance(plan)) == [(short, 5)]
    plan.add(long)
    assert [read(advance(plan)) for _ in range(4)] == [
        [(short, 1), (long, 40)],
        [(short, 1), (long, 40)],
        [(short, 1), (long, 10)],
        [(short, 1), (long, 1)],
    ]


def test_no_more_rows_are_admitted_than_may_be_and_the_next_comes_when_one_leaves() -> None:
    plan, rows = scheduler(), [row(5, first=100 * number) for number in range(6)]
    for each in rows:
        plan.add(each)
    advance(plan)
    assert (plan.running, list(plan.waiting)) == (rows[:4], rows[4:])
    plan.remove(rows[1])
    advance(plan)
    assert plan.running == [rows[0], rows[2], rows[3], rows[4]]


def test_a_later_row_shares_the_whole_blocks_it_begins_with_even_of_a_row_that_has_left() -> None:
    plan, first, second = scheduler(), row(40), row(40, first=0)
    second.ids[35] = 77
    plan.add(first)
    advance(plan)
    plan.remove(first)
    plan.add(second)
    ((_, n_new),) = read(advance(plan))
    assert (second.n_shared, n_new) == (2 * BLOCK_TOKENS, 40 - 2 * BLOCK_TOKENS)
    assert second.runs == [range(second.blocks[0] * BLOCK_TOKENS, (second.blocks[0] + 3) * BLOCK_TOKENS)]


def test_a_whole_prompt_that_is_known_is_read_from_its_last_block_on_because_a_token_is_to_be_said() -> None:
    plan, first, second = scheduler(), row(2 * BLOCK_TOKENS), row(2 * BLOCK_TOKENS)
    plan.add(first)
    advance(plan)
    plan.add(second)
    assert read(advance(plan)) == [(first, 1), (second, BLOCK_TOKENS)]
    assert second.n_shared == BLOCK_TOKENS
    assert second.blocks[0] == first.blocks[0] and second.blocks[1] != first.blocks[1]


def test_a_row_waits_for_what_another_is_reading_for_it() -> None:
    plan, first, second = scheduler(chunk_tokens=100), row(40), row(40)
    plan.add(first)
    plan.add(second)
    assert read(advance(plan)) == [(first, 40)]
    assert read(advance(plan)) == [(first, 1), (second, 8)]
    assert (first.n_shared, second.n_shared) == (0, 32)


def test_where_blocks_run_out_the_youngest_row_gives_its_own_back_and_comes_first_when_there_is_room() -> None:
    plan = scheduler(n_blocks=4)
    old, young, later = row(16, 40), row(30, 10, first=500), row(16, 10, first=900)
    for each in (old, young, later):
        plan.add(each)
    advance(plan)
    assert (plan.running, list(plan.waiting)) == ([old, young], [later])
    while young in plan.running:
        advance(plan)
    assert (young.n_read, young.blocks, young.runs) == (0, [], [])
    assert list(plan.waiting) == [young, later]
    said = list(young.ids)
    while young not in plan.running:
        assert young.ids == said
        advance(plan)
    assert old not in plan.running and young.ids[:-1] == said


def test_more_than_may_wait_are_refused() -> None:
    plan = scheduler(max_waiting=2)
    plan.add(row(5))
    plan.add(row(5))
    with pytest.raises(BusyError, match="2 requests are waiting already"):
        plan.add(row(5))
    advance(plan)
    plan.add(row(5))


def test_a_row_that_is_removed_frees_what_it_held_and_one_that_was_never_added_holds_nothing() -> None:
    plan, running, waiting = scheduler(max_rows=1), row(20), row(20)
    plan.add(running)
    plan.add(waiting)
    advance(plan)
    plan.remove(waiting)
    plan.remove(running)
    plan.remove(row(5))
    assert plan.is_idle and plan.blocks.n_open == 100


ASKED = st.lists(
    st.tuples(
        st.integers(1, 60),  # prompt
        st.integers(1, 40),  # reply
        st.integers(0, 2),  # which beginning it shares
        st.integers(0, 30),  # when it is asked
        st.none() | st.integers(0, 60),  # when it is given up
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(asked=ASKED, n_blocks=st.integers(7, 20), max_rows=st.integers(1, 5), chunk_tokens=st.integers(1, 50))
def test_every_row_is_read_to_its_end_within_the_limits(asked, n_blocks, max_rows, chunk_tokens):
    plan = scheduler(n_blocks, max_rows=max_rows, chunk_tokens=chunk_tokens)
    rows = [
        Row([7 + kind] * (n_prompt - 1) + [number], n_prompt + n_reply)
        for number, (n_prompt, n_reply, kind, *_) in enumerate(asked)
    ]
    content: dict[int, tuple[list[int], int]] = {}
    for step in range(3000):
        for each, (*_, asked_at, left_at) in zip(rows, asked):
            if asked_at == step:
                plan.add(each)
            if left_at == step and asked_at <= step:
                plan.remove(each)
        chunks = plan.plan()
        check(plan, chunks, content)
        speaking = [chunk.row for chunk in chunks if chunk.is_last]
        for chunk in chunks:
            plan.done(chunk)
        for each in speaking:
            each.ids.append(1000 + len(each.ids))
            if len(each.ids) == each.max_ids:
                plan.remove(each)
        if step > 60 and plan.is_idle:
            break
    assert plan.is_idle
    assert all(len(each.ids) == each.max_ids for each, (*_, left_at) in zip(rows, asked) if left_at is None)
    assert plan.blocks.n_open == n_blocks and plan.blocks.n_held == 0


def check(plan: Scheduler, chunks: list[Chunk], content: dict[int, tuple[list[int], int]]) -> None:
    """A plan is within the limits, begins with the oldest row, and writes no block that another row reads."""
    limits = plan.limits
    assert chunks or plan.is_idle, "something moves in every step"
    assert sum(chunk.n_new for chunk in chunks if chunk.n_new > 1) <= limits.chunk_tokens
    assert len(plan.running) <= limits.max_rows
    if chunks:
        assert chunks[0].row is plan.running[0], "the oldest row never waits"
    for chunk in chunks:
        row, end = chunk.row, chunk.row.n_read + chunk.n_new
        places = [place for run in row.runs for place in run]
        assert places == [block * BLOCK_TOKENS + offset for block in row.blocks for offset in range(BLOCK_TOKENS)]
        assert row.n_read < end <= min(len(places), len(row.ids))
        for position in range(row.n_read):
            assert content[places[position]] == (row.ids[: position + 1], position), "what is shared is its own beginning"
        for position in range(row.n_read, end):
            assert plan.blocks.n_holders[places[position] // BLOCK_TOKENS] == 1, "what others hold is not written"
            content[places[position]] = (row.ids[: position + 1], position)
