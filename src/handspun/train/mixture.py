"""Rows drawn from several texts in fixed shares: which one a row comes from is a function of its number alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from handspun.tokens.shards import ShardSet
from handspun.train.batches import Row, Rows
from handspun.train.config import TrainConfig
from handspun.train.superposition import text_rows


class Turns:
    """Whose turn it is: of the first n turns each source has its share, n · weight / total, to less than one.

    The turns repeat after as many as the weights add up to. Within, a turn goes to the source that must have one soonest, of
    those whose share allows it one (Tijdeman 1980, "The chairman assignment problem").
    """

    def __init__(self, weights: Sequence[int]) -> None:
        """`weights` are whole numbers above 0, one per source."""
        self.weights, self.period = tuple(weights), sum(weights)

    def place(self, turn: int) -> tuple[int, int]:
        """The source whose turn it is, and how many turns it has had before."""
        period, within = divmod(turn, self.period)
        source = self.order[within]
        return source, period * self.weights[source] + self.before[within][source]

    def count(self, source: int, n_turns: int) -> int:
        """How many of the first `n_turns` are this source's."""
        period, within = divmod(n_turns, self.period)
        return period * self.weights[source] + self.before[within][source]

    @cached_property
    def order(self) -> list[int]:
        """The sources of one period, turn by turn."""
        slack = max(1, 2 * len(self.weights) - 2)  # in 1 / slack of a turn: how far a source may run ahead of its share
        had, order = [0] * len(self.weights), []
        for turn in range(1, self.period + 1):
            allowed = [
                source
                for source, weight in enumerate(self.weights)
                if slack * (weight * turn - had[source] * self.period) >= self.period
            ]
            chosen = min(allowed, key=lambda source: Fraction(slack * (had[source] + 1) - 1, self.weights[source]))
            had[chosen] += 1
            order.append(chosen)
        return order

    @cached_property
    def before(self) -> list[tuple[int, ...]]:
        """How many turns each source has had before each turn of a period, and after the last."""

        def with_turn(had: tuple[int, ...], source: int) -> tuple[int, ...]:
            return tuple(n + (place == source) for place, n in enumerate(had))

        return list(accumulate(self.order, with_turn, initial=(0,) * len(self.weights)))


class MixedRows:
    """Rows of several sources in turn. Each source is read in its own order, from the beginning again when it is through."""

    def __init__(self, sources: Sequence[Rows], turns: Turns) -> None:
        self.sources, self.turns = sources, turns

    def row(self, index: int) -> Row:
        """The row with this number, counted from the beginning of the run."""
        source, place = self.turns.place(index)
        return self.sources[source].row(place)


def mixed_rows(config: TrainConfig, texts: Sequence[ShardSet], weights: Sequence[int], seed: int, *, end_of_text: int) -> Rows:
    """The rows of a run that draws from `texts` by `weights`, each superposed first where the run is."""
    turns = Turns(weights)
    rows = [
        text_rows(config, shards, seed, end_of_text=end_of_text, drawn=lambda n, source=source: turns.count(source, n))
        for source, shards in enumerate(texts)
    ]
    return rows[0] if len(rows) == 1 else MixedRows(rows, turns)


@dataclass(frozen=True, slots=True)
class Portion:
    """What a run takes of one text."""

    n_drawn: int
    """Tokens that are read of it."""
    n_tokens: int
    """Tokens there are."""

    @property
    def readings(self) -> float:
        """How often it is read."""
        return self.n_drawn / self.n_tokens


def portions(config: TrainConfig, texts: Sequence[ShardSet], weights: Sequence[int]) -> list[Portion]:
    """What a run takes of each of `texts`; a row of bags is as many tokens as its bags hold."""
    turns, n_rows = Turns(weights), config.steps * config.batch_rows
    n_text_rows, n_bag_rows = n_rows - int(config.chat_share * n_rows), config.bag_steps * config.batch_rows
    bags = config.superposition
    more = bags.bag - 1 if bags is not None and bags.kind == "both" else 0
    drawn = [turns.count(place, n_text_rows) + more * turns.count(place, n_bag_rows) for place in range(len(texts))]
    return [Portion(config.seq_len * n, shards.n_tokens) for n, shards in zip(drawn, texts)]
