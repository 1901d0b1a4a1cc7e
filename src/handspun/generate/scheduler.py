"""Which rows are read in the next step, and how much of each. It plans; what it plans is computed elsewhere."""

from collections import deque
from dataclasses import dataclass, field

from handspun.errors import BusyError
from handspun.generate.blocks import BLOCK_TOKENS, Blocks, block_key, n_blocks
from handspun.generate.limits import Limits

USUAL_REPLY = 256
"""Tokens of a reply for which a row is given room in one run; a longer one goes on elsewhere where it must."""


@dataclass(eq=False, slots=True)
class Row:
    """A text that grows, and the part of it whose keys and values are in the cache."""

    ids: list[int]
    """the prompt and the reply so far"""
    max_ids: int
    """as many as there may ever be"""
    n_read: int = 0
    n_shared: int | None = None
    """ids that had been read for others when this row was first admitted; None before"""
    blocks: list[int] = field(default_factory=list)
    runs: list[range] = field(default_factory=list)
    """the places of its blocks' tokens, joined where blocks lie side by side"""
    keys: list[bytes] = field(default_factory=list)
    """names of its whole blocks' contents"""

    @property
    def n_unread(self) -> int:
        """Ids that are still to be read."""
        return len(self.ids) - self.n_read

    @property
    def room(self) -> int:
        """Blocks that it may usually come to need beyond those it has."""
        return n_blocks(min(self.max_ids, len(self.ids) + USUAL_REPLY)) - len(self.blocks)

    def add(self, blocks: list[int]) -> None:
        """Go on into more blocks."""
        for block in blocks:
            start = block * BLOCK_TOKENS
            if self.runs and self.runs[-1].stop == start:
                start = self.runs.pop().start
            self.runs.append(range(start, (block + 1) * BLOCK_TOKENS))
        self.blocks += blocks

    def clear(self) -> None:
        """Have nothing in the cache."""
        self.blocks, self.runs, self.n_read = [], [], 0

    def key(self, number: int) -> bytes:
        """The name of the content of a whole block."""
        while len(self.keys) <= number:
            start = len(self.keys) * BLOCK_TOKENS
            self.keys.append(block_key(self.keys[-1] if self.keys else b"", self.ids[start : start + BLOCK_TOKENS]))
        return self.keys[number]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The part of a row that is read in one step."""

    row: Row
    n_new: int

    @property
    def is_last(self) -> bool:
        """Whether the row is read to its end with it, so that its next token can be said."""
        return self.n_new == self.row.n_unread


class Scheduler:
    """Rows come and go in the order in which they were asked for; the oldest never waits for a younger one.

    Where the blocks run out, the youngest row gives its own back and is read again later: what it has said stays as it is.
    """

    def __init__(self, limits: Limits, blocks: Blocks) -> None:
        self.limits, self.blocks = limits, blocks
        self.waiting: deque[Row] = deque()
        self.running: list[Row] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to read."""
        return not self.running and not self.waiting

    def add(self, row: Row) -> None:
        """Take a row. Raises BusyError where too many wait."""
        if len(self.waiting) >= self.limits.max_waiting:
            raise BusyError(f"{len(self.waiting):,} requests are waiting already, the most that may; ask again later.")
        self.waiting.append(row)

    def remove(self, row: Row) -> None:
        """Forget a row, and free what it held."""
        if row in self.running:
            self.running.remove(row)
            self.blocks.release(row.blocks)
            row.clear()
        elif row in self.waiting:
            self.waiting.remove(row)

    def plan(self) -> list[Chunk]:
        """What to read next: one token of each reply on its way, then of prompts, the oldest first, as much as fits."""
        budget = self.limits.chunk_tokens
        chunks: list[Chunk] = []
        for row in list(self.running):
            n_new = 1 if row.n_unread == 1 else min(row.n_unread, budget)
            if n_new and self.make_room(row, n_new):
                chunks.append(Chunk(row, n_new))
                budget -= n_new if row.n_unread > 1 else 0
        while budget and (row := self.admitted()):
            chunks.append(Chunk(row, min(row.n_unread, budget)))
            self.extend(row, chunks[-1].n_new)
            budget -= chunks[-1].n_new
        return chunks

    def done(self, chunk: Chunk) -> None:
        """Note that a chunk was read; whole blocks can be shared from now on."""
        row = chunk.row
        first = row.n_read // BLOCK_TOKENS
        row.n_read += chunk.n_new
        for number in range(first, row.n_read // BLOCK_TOKENS):
            self.blocks.publish(row.blocks[number], row.key(number))

    def make_room(self, row: Row, n_new: int) -> bool:
        """Give a row the blocks for so many more tokens, if need be those of the youngest; False where that is itself."""
        while self.n_missing(row, n_new) > self.blocks.n_open and row in self.running:
            self.preempt(self.running[-1])
        if row not in self.running:
            return False
        self.extend(row, n_new)
        return True

    def extend(self, row: Row, n_new: int) -> None:
        """Give a row the blocks for so many more tokens, which are open."""
        row.add(self.blocks.take(self.n_missing(row, n_new), after=row.blocks[-1] if row.blocks else None, room=row.room))

    def n_missing(self, row: Row, n_new: int) -> int:
        """Blocks that a row lacks for so many more tokens."""
        return max(0, n_blocks(row.n_read + n_new) - len(row.blocks))

    def preempt(self, row: Row) -> None:
        """Take everything from a row, which then waits before all that have not begun."""
        self.running.remove(row)
        self.blocks.release(row.blocks)
        row.clear()
        self.waiting.appendleft(row)

    def admitted(self) -> Row | None:
        """The next row that waits, with what it shares of others in its hands; None where there is no room for it yet."""
        if not self.waiting or len(self.running) >= self.limits.max_rows:
            return None
        row = self.waiting[0]
        n_sharable = (len(row.ids) - 1) // BLOCK_TOKENS  # the last token is read in any case, to say the next
        shared = self.blocks.find([row.key(number) for number in range(n_sharable)])
        if len(shared) < n_sharable and self.is_being_read(row.key(len(shared)), len(shared)):
            return None
        self.blocks.hold(shared)
        if n_blocks(len(row.ids)) - len(shared) > self.blocks.n_open:
            self.blocks.release(shared)
            return None
        row.add(shared)
        row.n_read = len(shared) * BLOCK_TOKENS
        row.n_shared = row.n_read if row.n_shared is None else row.n_shared
        self.running.append(self.waiting.popleft())
        return row

    def is_being_read(self, key: bytes, number: int) -> bool:
        """Whether a row on its way will soon have read the block with this content, which is worth waiting for."""
        return any(row.n_read < (number + 1) * BLOCK_TOKENS <= len(row.ids) and row.key(number) == key for row in self.running)
