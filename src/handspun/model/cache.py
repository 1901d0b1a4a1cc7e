"""What a transformer remembers of the tokens it has read: keys and values per layer, ids, and the copy head's own keys."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.model.config import ModelConfig


class KVCache:
    """Numbered places, each for one token of whichever row. Who stands where is for the caller to know."""

    def __init__(self, config: ModelConfig, n_places: int, *, dtype: torch.dtype, device: torch.device) -> None:
        shape = (1, n_places, config.kv_heads, config.head_dim)
        self.keys = [torch.empty(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.values = [torch.empty(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.copy_keys = torch.empty((n_places, config.copy_dim if config.copy_head else 0), device=device)
        self.ids = torch.zeros(n_places, dtype=torch.long, device=device)

    @property
    def n_places(self) -> int:
        """Tokens there is room for."""
        return len(self.ids)

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self.ids.device

    def grow(self, n_places: int) -> None:
        """Make room for more, one tensor at a time; what is remembered keeps its place."""
        for tensors in (self.keys, self.values):
            for layer in range(len(tensors)):
                tensors[layer] = grown(tensors[layer], 1, n_places)
        self.copy_keys, self.ids = grown(self.copy_keys, 0, n_places), grown(self.ids, 0, n_places)

    def write(
        self, layer: int, places: Int[Tensor, " T"], keys: Float[Tensor, "1 K T Dh"], values: Float[Tensor, "1 K T Dh"]
    ) -> None:
        """Remember one layer's keys and values of some tokens."""
        self.keys[layer].index_copy_(1, places, keys.transpose(1, 2))
        self.values[layer].index_copy_(1, places, values.transpose(1, 2))

    def read(self, layer: int, runs: Sequence[range]) -> tuple[Float[Tensor, "1 K S Dh"], Float[Tensor, "1 K S Dh"]]:
        """What one layer remembers of the tokens in some runs of places: without a copy where there is one run."""
        return joined(self.keys[layer], runs), joined(self.values[layer], runs)


def joined(tensor: Float[Tensor, "1 N K Dh"], runs: Sequence[range]) -> Float[Tensor, "1 K S Dh"]:
    """The places of all runs, one after another."""
    parts = [tensor.narrow(1, run.start, len(run)) for run in runs]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).transpose(1, 2)


def grown(tensor: Tensor, dim: int, size: int) -> Tensor:
    """The same beginning in a tensor that is longer in one dimension."""
    shape = list(tensor.shape)
    shape[dim] = size
    larger = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device) if dim == 0 else tensor.new_empty(shape)
    larger.narrow(dim, 0, tensor.shape[dim]).copy_(tensor)
    return larger
