"""Rows of token superposition (Peng 2026, arXiv 2605.06546): a run reads and predicts bags of tokens first, then tokens.

A bag holds `bag` tokens in a row of one document. A text is cut into blocks of bag × seq_len tokens, in a seeded order: a run
that reads bags takes whole blocks, each one row, and afterwards only what is left of the text, so that nothing is read twice.
"""

import numpy as np

from handspun.errors import CorpusError
from handspun.tokens.shards import ShardSet
from handspun.train.batches import Row, Rows, TextRows, shuffled
from handspun.train.config import TrainConfig


def text_rows(config: TrainConfig, shards: ShardSet, seed: int, *, end_of_text: int) -> Rows:
    """The rows of a text as this run reads them: tokens throughout, or superposed first. Raises CorpusError for too little."""
    separator = end_of_text if config.document_mask else None
    text = TextRows(shards, config.seq_len, seed, separator=separator)
    if config.superposition is None:
        return text
    bag, n_first, n_rows = config.superposition.bag, config.bag_steps * config.batch_rows, config.steps * config.batch_rows
    if config.superposition.kind == "output":
        return Phases(LookaheadRows(text, bag, separator=end_of_text), n_first, text)
    bags = BagRows(shards, config.seq_len, bag, seed, separator=end_of_text)
    return Phases(bags, n_first, RowsAfterBags(bags, n_first, n_rows - n_first, document_mask=config.document_mask))


class Phases:
    """The first `n_first` rows of a run from one place, the later ones from another."""

    def __init__(self, first: Rows, n_first: int, then: Rows) -> None:
        self.first, self.n_first, self.then = first, n_first, then

    def row(self, index: int) -> Row:
        """The row with this number, counted from the beginning of the run."""
        return (self.first if index < self.n_first else self.then).row(index)


class BagRows:
    """Blocks of text as rows of seq_len + 1 bags; the tail of a document that fills no bag is left out."""

    def __init__(self, shards: ShardSet, seq_len: int, bag: int, seed: int, *, separator: int) -> None:
        self.shards, self.seq_len, self.bag, self.seed, self.separator = shards, seq_len, bag, seed, separator

    def __len__(self) -> int:
        return n_blocks(self.shards, self.seq_len, self.bag)

    def row(self, index: int) -> Row:
        """The row with this number; where documents end inside it, bags that do not count fill it up."""
        n_block = self.seq_len * self.bag
        start = n_block * shuffled(index, len(self), self.seed)
        ids = self.shards.tokens(start, start + n_block + self.bag).astype(np.int64)
        starts = ids == self.separator
        places = bag_places(starts, self.bag)
        places = places[: 1 + np.count_nonzero(places[:, -1] < n_block)]  # what goes beyond the block is predicted only
        n_missing = self.seq_len + 1 - len(places)
        return Row(
            np.concatenate([ids[places], np.full((n_missing, self.bag), self.separator)]),
            np.arange(self.seq_len + 1)[:, None].repeat(self.bag, 1) < len(places),
            np.concatenate([np.cumsum(starts)[places[:, 0]], np.full(n_missing, -1)]),
        )


class RowsAfterBags:
    """Rows of tokens from the blocks that `n_taken` rows of bags have left over, in an order of their own."""

    def __init__(self, bags: BagRows, n_taken: int, n_needed: int, *, document_mask: bool) -> None:
        """Raises CorpusError where less is left than `n_needed` rows."""
        self.bags, self.n_taken, self.document_mask = bags, n_taken, document_mask
        if n_taken > len(bags) or n_needed > len(self):
            n_tokens = (n_taken * bags.bag + n_needed) * bags.seq_len
            raise CorpusError(
                f"{bags.shards.folder} holds {bags.shards.n_tokens:,} tokens, fewer than the {n_tokens:,} that "
                f'train.superposition reads once; add text, lower train.train_tokens, or set train.superposition.kind="output".'
            )

    def __len__(self) -> int:
        return (len(self.bags) - self.n_taken) * self.bags.bag

    def row(self, index: int) -> Row:
        """The row with this number, the rows of bags included in the count."""
        bags = self.bags
        place = shuffled((index - self.n_taken) % len(self), len(self), bags.seed + 1)
        block, part = divmod(place, bags.bag)
        start = bags.seq_len * (bags.bag * shuffled(self.n_taken + block, len(bags), bags.seed) + part)
        ids = bags.shards.tokens(start, start + bags.seq_len + 1).astype(np.int64)
        documents = np.cumsum(ids == bags.separator) if self.document_mask else np.zeros_like(ids)
        return Row(ids, np.ones(len(ids), dtype=bool), documents)


class LookaheadRows:
    """The rows of a text, each token with the `bag` - 1 after it: tokens are read, bags are predicted."""

    def __init__(self, text: TextRows, bag: int, *, separator: int) -> None:
        self.text, self.bag, self.separator = text, bag, separator

    def __len__(self) -> int:
        return len(self.text)

    def row(self, index: int) -> Row:
        """The row with this number; of what follows a token only its own document counts."""
        start, width = self.text.start(index), self.text.seq_len + self.bag
        ids = self.text.shards.tokens(start, min(start + width, self.text.shards.n_tokens)).astype(np.int64)
        n_missing = width - len(ids)
        documents = np.concatenate([np.cumsum(ids == self.separator), np.full(n_missing, -1)])
        ids = np.concatenate([ids, np.full(n_missing, self.separator)])
        windows, sources = (np.lib.stride_tricks.sliding_window_view(array, self.bag) for array in (ids, documents))
        segments = sources[:, 0] if self.text.separator is not None else np.zeros(len(windows), dtype=np.int64)
        return Row(windows.copy(), sources == sources[:, :1], segments, is_lookahead=True)


def n_blocks(shards: ShardSet, seq_len: int, bag: int) -> int:
    """How many blocks a text is cut into: each is followed by at least one more bag, which its last bag predicts."""
    return max(0, (shards.n_tokens - bag) // (seq_len * bag))


def bag_places(starts: np.ndarray, bag: int) -> np.ndarray:
    """Where the tokens of each bag lie (N × bag), in order and inside their documents; `starts` marks first tokens."""
    documents, places = np.cumsum(starts), np.arange(len(starts))
    first = np.maximum.accumulate(np.where(starts, places, 0))
    lengths = np.bincount(documents)[documents]
    return places[places - first < lengths // bag * bag].reshape(-1, bag)
