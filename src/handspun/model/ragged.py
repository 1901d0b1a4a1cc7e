"""Rows of unlike length in one forward: their new tokens one after another, and each row's keys wherever the cache has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.model.cache import KVCache
from handspun.model.view import Biases, View


@dataclass(frozen=True, slots=True)
class Part:
    """One row: its new ids, and the places of all its tokens in the cache, those of the new ones last."""

    ids: Sequence[int]
    runs: Sequence[range]

    @property
    def n_keys(self) -> int:
        """Tokens of the row with the new ones."""
        return sum(map(len, self.runs))

    @property
    def positions(self) -> range:
        """Where in the row the new tokens stand."""
        return range(self.n_keys - len(self.ids), self.n_keys)

    @property
    def places(self) -> list[int]:
        """Where in the cache the new tokens stand."""
        last = self.runs[-1]
        if len(last) >= len(self.ids):
            return list(last[len(last) - len(self.ids) :])
        return [place for run in self.runs for place in run][-len(self.ids) :]


@dataclass(frozen=True, slots=True)
class Context:
    """What was read by some rows, which all begin in the first column. Behind its end a row repeats its first token."""

    ids: Int[Tensor, "R S"]
    n_tokens: Int[Tensor, "R 1"]
    copy_keys: Float[Tensor, "R S C"]

    def latest(self, window: int | None) -> Int[Tensor, "R S"]:
        """The ids of each row's last `window` tokens, or of all; in every other column its newest."""
        columns = torch.arange(self.ids.shape[1], device=self.ids.device)
        is_meant = columns < self.n_tokens
        if window is not None:
            is_meant = is_meant & (columns >= self.n_tokens - window)
        return self.ids.where(is_meant, self.ids.gather(1, self.n_tokens - 1))


class Ragged:
    """The rows of one forward: `model(ragged.ids, ragged=ragged)` reads what is new to them and remembers it in the cache.

    What a row is computed to be does not depend on the others: linear layers see one token at a time, attention one row.
    """

    def __init__(self, cache: KVCache, parts: Sequence[Part], dtype: torch.dtype) -> None:
        self.cache, self.parts = cache, parts
        self.sizes = [len(part.ids) for part in parts]
        ids = [id for part in parts for id in part.ids]
        positions = [position for part in parts for position in part.positions]
        places = [place for part in parts for place in part.places]
        table = torch.tensor([ids, positions, places], device=cache.device)
        self.ids: Int[Tensor, "1 T"] = table[:1]
        self.positions: Int[Tensor, "1 T"] = table[1:2]
        self.places: Int[Tensor, " T"] = table[2]
        cache.ids.index_copy_(0, self.places, table[0])
        views = [View(len(part.ids), part.n_keys, cache.device) for part in parts]
        longest = None
        if cache.device.type == "cpu":  # kernels of other devices want a bias that begins at a round address
            longest = Biases(View(1, max(view.n_keys for view in views), cache.device), dtype)
        self.biases = [Biases(view, dtype, longest if view.n_queries == 1 else None) for view in views]

    @cached_property
    def ends(self) -> list[int]:
        """The column of each row's last new token."""
        return [sum(self.sizes[: number + 1]) - 1 for number in range(len(self.sizes))]

    def context(self, rows: Sequence[int]) -> Context:
        """All that some of the rows have read with this forward."""
        parts = [self.parts[row] for row in rows]
        n_tokens = torch.tensor([[part.n_keys] for part in parts], device=self.cache.device)
        places = self.places_of(parts, n_tokens)
        return Context(self.cache.ids[places], n_tokens, self.cache.copy_keys[places])

    def places_of(self, parts: Sequence[Part], n_tokens: Int[Tensor, "R 1"]) -> Int[Tensor, "R S"]:
        """The place of each token of some rows; behind a row's end that of its first token."""
        columns = torch.arange(max(part.n_keys for part in parts), device=self.cache.device)
        places = columns.expand(len(parts), -1)
        for number in range(max(len(part.runs) for part in parts)):
            runs = [(sum(map(len, part.runs[:number])), part.runs[min(number, len(part.runs) - 1)].start) for part in parts]
            firsts, starts = torch.tensor(runs, device=self.cache.device).unsqueeze(-1).unbind(1)
            places = torch.where(columns >= firsts, starts + columns - firsts, places)
        return places.where(columns < n_tokens, places[:, :1])
