"""The blocks of a cache: which are free, which are held, and which keep the beginning of a text that may be asked for again."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

BLOCK_TOKENS = 16
"""Tokens in a block. What fills a whole block can be shared."""
KEY_BYTES = 16


def n_blocks(n_tokens: int) -> int:
    """Blocks that hold so many tokens."""
    return -(-n_tokens // BLOCK_TOKENS)


def block_key(before: bytes, ids: Sequence[int]) -> bytes:
    """The name of a block's content: all ids up to its end, by the name of the block before it and its own ids."""
    return blake2b(before + b"".join(id.to_bytes(4, "little") for id in ids), digest_size=KEY_BYTES).digest()


class Blocks:
    """Numbered blocks, each held by any number of rows.

    A block that nobody holds is open: free, or still kept for its content. Kept ones are given up least recently used first,
    and where there are more than `most_kept` of them, rather than that there come to be more blocks.
    Rows are placed so that each can go on into the blocks behind it, because attention reads one run of memory without a copy.
    """

    def __init__(self, limit: int, most_kept: int | None = None) -> None:
        self.limit = limit
        self.most_kept = limit if most_kept is None else most_kept
        self.n_holders: list[int] = []
        """of each block there is; the list grows up to the limit"""
        self.n_held = 0
        self.known: dict[bytes, int] = {}
        """content → the block that has it"""
        self.key_of: dict[int, bytes] = {}
        self.kept: dict[int, None] = {}
        """blocks that nobody holds and whose content is known, the least recently used first"""

    @property
    def n_open(self) -> int:
        """Blocks that can be taken."""
        return self.limit - self.n_held

    def find(self, keys: Sequence[bytes]) -> list[int]:
        """The blocks with these contents, from the first on, as far as they are known."""
        found: list[int] = []
        for key in keys:
            if key not in self.known:
                break
            found.append(self.known[key])
        return found

    def hold(self, blocks: Sequence[int]) -> None:
        """Hold blocks that are known, so that they stay."""
        for block in blocks:
            self.kept.pop(block, None)
            self.n_held += self.n_holders[block] == 0
            self.n_holders[block] += 1

    def take(self, n: int, *, after: int | None, room: int) -> list[int]:
        """Hold `n` more blocks, behind block `after` where possible; the row may come to need `room` of them."""
        assert n <= self.n_open, f"{n} blocks of {self.n_open} that are open"
        taken: list[int] = []
        for _ in range(n):
            after = self.behind(after) if after is not None else None
            block = self.place(max(room - len(taken), 1)) if after is None else after
            self.forget(block)
            self.hold([block])
            taken.append(block)
            after = block
        return taken

    def release(self, blocks: Sequence[int]) -> None:
        """Let go of blocks. What is known of them is kept, their last block to be given up first."""
        for block in reversed(blocks):
            self.n_holders[block] -= 1
            if self.n_holders[block] == 0:
                self.n_held -= 1
                if block in self.key_of:
                    self.kept[block] = None

    def publish(self, block: int, key: bytes) -> None:
        """Make the content of a whole block known, unless another block has it already."""
        if key not in self.known and block not in self.key_of:
            self.known[key], self.key_of[block] = block, key

    def forget(self, block: int) -> None:
        """Give up the content of a block that nobody holds."""
        if block in self.kept:
            del self.kept[block], self.known[self.key_of.pop(block)]

    def behind(self, block: int) -> int | None:
        """The next block, where nobody holds it."""
        if block + 1 == len(self.n_holders) < self.limit:
            self.grow(1)
        return block + 1 if block + 1 < len(self.n_holders) and self.n_holders[block + 1] == 0 else None

    def place(self, room: int) -> int:
        """Where a row of up to `room` blocks begins: where it finds that much in one run, or half-way into the longest run.

        The cache grows for it, and where it may not, no more than `room` blocks of what is kept are given up.
        """
        longest = self.longest_free()
        if len(longest) < room and len(self.n_holders) < self.limit and len(self.kept) <= self.most_kept:
            self.grow(room)
            longest = self.longest_free()
        for block in list(self.kept)[:room]:
            if len(longest) < room:
                self.forget(block)
                longest = max(longest, self.free_around(block), key=len)
        return longest[-room] if len(longest) >= room else longest[len(longest) // 2]

    def grow(self, n: int) -> None:
        """Have at least `n` more blocks, and at least a quarter more than before, up to the limit."""
        n_before = len(self.n_holders)
        self.n_holders += [0] * (min(self.limit, n_before + max(n, n_before // 4)) - n_before)

    def is_free(self, block: int) -> bool:
        """Whether there is such a block, and neither a row nor its content needs it."""
        return 0 <= block < len(self.n_holders) and self.n_holders[block] == 0 and block not in self.kept

    def longest_free(self) -> range:
        """The longest run of free blocks."""
        return max(self.free_runs(), key=len, default=range(0))

    def free_runs(self) -> Iterator[range]:
        """Every run of free blocks."""
        start = 0
        for block in range(len(self.n_holders) + 1):
            if not self.is_free(block):
                if start < block:
                    yield range(start, block)
                start = block + 1

    def free_around(self, block: int) -> range:
        """The run of free blocks that one belongs to."""
        start, end = block, block + 1
        while self.is_free(start - 1):
            start -= 1
        while self.is_free(end):
            end += 1
        return range(start, end)
