"""Rows that are read through one cache a little at a time, for the tests of what is remembered."""

from collections.abc import Sequence

import torch
from torch import Tensor

from handspun.model.cache import KVCache
from handspun.model.ragged import Part, Ragged
from handspun.model.transformer import Transformer


def empty_cache(model: Transformer, n_places: int) -> KVCache:
    return KVCache(model.config, n_places, dtype=model.compute_dtype, device=torch.device("cpu"))


class Reader:
    """Some rows, where in the cache their tokens are to stand, and how much of each was read."""

    def __init__(self, model: Transformer, rows: Sequence[Sequence[int]], places: Sequence[Sequence[int]]) -> None:
        self.model, self.rows, self.places = model, rows, places
        self.cache = empty_cache(model, 1 + max(place for row in places for place in row))
        self.n_read = [0] * len(rows)

    def read(self, counts: Sequence[int]) -> list[Tensor]:
        """The states of the next so many tokens of each row that is not yet read to its end, in one forward."""
        ends = [min(read + count, len(row)) for row, read, count in zip(self.rows, self.n_read, counts)]
        going = [row for row in range(len(self.rows)) if ends[row] > self.n_read[row]]
        parts = [Part(self.rows[row][self.n_read[row] : ends[row]], runs(self.places[row][: ends[row]])) for row in going]
        ragged = Ragged(self.cache, parts, self.model.compute_dtype)
        hidden = self.model(ragged.ids, ragged=ragged)[0].split(ragged.sizes)
        self.n_read = ends
        states = iter(hidden)
        return [next(states) if row in going else hidden[0][:0] for row in range(len(self.rows))]

    def read_all(self, counts: Sequence[Sequence[int]]) -> list[Tensor]:
        """The states of every row: read by these counts, one forward each, and then token by token."""
        read: list[list[Tensor]] = [[] for _ in self.rows]
        for step in [*counts, *[[1] * len(self.rows)] * max(map(len, self.rows))]:
            if any(read < len(row) and count for row, read, count in zip(self.rows, self.n_read, step)):
                for row, states in enumerate(self.read(step)):
                    read[row].append(states)
        return [torch.cat(states) for states in read]


def runs(places: Sequence[int]) -> list[range]:
    """The same places, joined where they lie side by side."""
    found: list[range] = []
    for place in places:
        if found and found[-1].stop == place:
            found[-1] = range(found[-1].start, place + 1)
        else:
            found.append(range(place, place + 1))
    return found
