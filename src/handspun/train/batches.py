"""Batches as a pure function of (seed, step): nothing to save, nothing to restore, the same for any number of workers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from handspun.errors import CorpusError
from handspun.tokens.packing import pack
from handspun.tokens.shards import ShardSet
from handspun.train.config import TrainConfig


@dataclass(frozen=True)
class Batch:
    """Sequences to learn from. `segments` numbers the documents in a row where they must not see each other.

    Under token superposition a third dimension holds the tokens of a bag.
    """

    ids: Int[Tensor, "B T *R"]
    targets: Int[Tensor, "B T *S"]
    loss_mask: Bool[Tensor, "B T *S"]
    segments: Int[Tensor, "B T"] | None = None

    @property
    def bag(self) -> int:
        """Tokens that one position predicts."""
        return self.targets.shape[2] if self.targets.ndim == 3 else 1

    @property
    def n_counted(self) -> int:
        """Positions whose prediction counts."""
        mask = self.loss_mask.any(-1) if self.loss_mask.ndim == 3 else self.loss_mask
        return int(mask.sum())

    def to(self, device: str) -> "Batch":
        """The same batch on another device."""
        segments = None if self.segments is None else self.segments.to(device)
        return Batch(self.ids.to(device), self.targets.to(device), self.loss_mask.to(device), segments)


@dataclass(frozen=True)
class Row:
    """One sequence of seq_len + 1 tokens, or bags of tokens: each but the last predicts its successor."""

    ids: Int[np.ndarray, " T1 *S"]
    loss_mask: Bool[np.ndarray, " T1 *S"]
    segments: Int[np.ndarray, " T1"]
    is_lookahead: bool = False
    """Whether a bag is a token with those that follow it: only the first is read, and bags overlap."""

    @property
    def inputs(self) -> Int[np.ndarray, " T *S"]:
        """What the model reads."""
        return self.ids[:-1, 0] if self.is_lookahead else self.ids[:-1]

    def flat(self) -> tuple[Int[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
        """The tokens one after the other, and which of them count."""
        if self.is_lookahead:
            return self.ids[:, 0], self.loss_mask[:, 0]
        return self.ids.reshape(-1), self.loss_mask.reshape(-1)


def shuffled(index: int, n: int, seed: int) -> int:
    """Where a seeded permutation of range(n) sends `index`, in constant memory.

    A four-round Feistel network over the next even power of two, walked until it lands below n (Black and Rogaway 2002).
    """
    half_bits = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
    mask = (1 << half_bits) - 1
    while True:
        left, right = index >> half_bits, index & mask
        for turn in range(4):
            mixed = (right * 0x9E3779B97F4A7C15 + (seed + 1) * 0xBF58476D1CE4E5B9 + turn * 0x94D049BB133111EB) & (2**64 - 1)
            mixed ^= mixed >> 29
            mixed = (mixed * 0xD6E8FEB86659FD93) & (2**64 - 1)
            left, right = right, left ^ ((mixed >> 32) & mask)
        index = left << half_bits | right
        if index < n:
            return index


@runtime_checkable
class Rows(Protocol):
    """Rows that are known by their number, counted from the beginning of the run."""

    def row(self, index: int) -> Row:
        """The row with this number."""
        ...


class TextRows:
    """Windows over a stream of documents, in another order and from another offset in each epoch.

    With a `separator` the documents in a window are numbered apart.
    """

    def __init__(self, shards: ShardSet, seq_len: int, seed: int, *, separator: int | None = None) -> None:
        if shards.n_tokens < 2 * seq_len + 1:
            raise CorpusError(
                f"{shards.folder} holds {shards.n_tokens:,} tokens, fewer than two sequences of train.seq_len={seq_len}; "
                f"add text, or lower train.seq_len."
            )
        self.shards, self.seq_len, self.seed, self.separator = shards, seq_len, seed, separator

    def __len__(self) -> int:
        return (self.shards.n_tokens - 1) // self.seq_len - 1

    def row(self, index: int) -> Row:
        """The row with this number, counted from the beginning of the run."""
        start = self.start(index)
        ids = self.shards.tokens(start, start + self.seq_len + 1).astype(np.int64)
        documents = np.cumsum(ids == self.separator) if self.separator is not None else np.zeros_like(ids)
        return Row(ids, np.ones(len(ids), dtype=bool), documents)

    def start(self, index: int) -> int:
        """The first token of the row with this number."""
        epoch, index = divmod(index, len(self))
        offset = shuffled(epoch % self.seq_len, self.seq_len, self.seed)
        return offset + self.seq_len * shuffled(index, len(self), self.seed + 1_000_003 * (epoch + 1))


class ChatRows:
    """Whole conversations packed into rows; none is cut, and those longer than a row are left out."""

    def __init__(self, shards: ShardSet, seq_len: int, seed: int, *, padding: int, mask_prompt: bool) -> None:
        self.shards, self.width, self.seed = shards, seq_len + 1, seed
        self.padding, self.mask_prompt = padding, mask_prompt
        if not self.packed:
            raise CorpusError(
                f"{shards.folder} holds no conversation of at most train.seq_len={seq_len} tokens; raise train.seq_len, "
                f"or add shorter conversations."
            )

    def __len__(self) -> int:
        return len(self.packed)

    @cached_property
    def packed(self) -> list[np.ndarray]:
        """The conversations of each row."""
        order = np.random.Generator(np.random.Philox(key=self.seed)).permutation(len(self.shards))
        return pack(self.shards.lengths, self.width, order)

    @property
    def n_left_out(self) -> int:
        """Conversations that are longer than a row."""
        return int((self.shards.lengths > self.width).sum())

    def row(self, index: int) -> Row:
        """The row with this number, counted from the beginning of the run."""
        epoch, index = divmod(index, len(self))
        members = self.packed[shuffled(index, len(self), self.seed + 1_000_003 * (epoch + 1))]
        ids = np.full(self.width, self.padding, dtype=np.int64)
        loss_mask = np.zeros(self.width, dtype=bool)
        segments = np.full(self.width, len(members), dtype=np.int64)
        end = 0
        for segment, member in enumerate(members):
            conversation = self.shards.document(int(member))
            start, end = end, end + len(conversation)
            ids[start:end], segments[start:end] = conversation, segment
            loss_mask[start + 1 : end] = self.shards.loss_mask(int(member))[1:] if self.mask_prompt else True
        return Row(ids, loss_mask, segments)


class Batches:
    """The sequences of every step, text and conversations evenly interleaved."""

    def __init__(self, config: TrainConfig, text: Rows | None, chats: ChatRows | None) -> None:
        self.config, self.text, self.chats = config, text, chats
        self.chat_share = 0.0 if chats is None else 1.0 if text is None else config.chat_share

    def row(self, index: int) -> Row:
        """The row with this number; of the first n, the share that is conversations is exact to one."""
        n_chats = int(index * self.chat_share)
        if int((index + 1) * self.chat_share) > n_chats:
            assert self.chats is not None
            return self.chats.row(n_chats)
        assert self.text is not None
        return self.text.row(index - n_chats)

    def micro_batches(self, step: int) -> list[Batch]:
        """The forwards of one optimizer step."""
        first = step * self.config.batch_rows
        rows = [self.row(index) for index in range(first, first + self.config.batch_rows)]
        size = self.config.micro_batch
        return [self.joined(rows[start : start + size]) for start in range(0, len(rows), size)]

    def joined(self, rows: list[Row]) -> Batch:
        """Rows side by side, inputs and targets one token apart."""
        return Batch(
            torch.from_numpy(np.stack([row.inputs for row in rows])),
            torch.from_numpy(np.stack([row.ids[1:] for row in rows])),
            torch.from_numpy(np.stack([row.loss_mask[1:] for row in rows])),
            torch.from_numpy(np.stack([row.segments[:-1] for row in rows])) if self.separates else None,
        )

    @property
    def separates(self) -> bool:
        """Whether any row holds parts that must not see each other."""
        return self.chats is not None or self.config.document_mask
