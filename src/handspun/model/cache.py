"""What a transformer remembers of the tokens it has read: keys and values per layer, and the copy head's own keys."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from handspun.model.config import ModelConfig


class KVCache:
    """Keys and values of up to `max_tokens` tokens for a batch of rows.

    Rows of unlike length are padded on the left: row b starts at column `starts[b]`. Attention reads only the columns
    written so far, because attending over an empty tail costs 8 to 34 % of a step.
    """

    def __init__(self, config: ModelConfig, *, starts: Int[Tensor, " B"], max_tokens: int, dtype: torch.dtype) -> None:
        device, n_rows = starts.device, len(starts)
        shape = (n_rows, config.kv_heads, max_tokens, config.head_dim)
        self.keys = [torch.empty(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.values = [torch.empty(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.copy_keys = torch.empty((n_rows, max_tokens, config.copy_dim if config.copy_head else 0), device=device)
        self.ids = torch.zeros((n_rows, max_tokens), dtype=torch.long, device=device)
        self.starts = starts
        self.n_tokens = 0

    @property
    def max_tokens(self) -> int:
        """Columns there is room for."""
        return self.ids.shape[1]

    @property
    def is_padded(self) -> bool:
        """Whether any row starts later than the first column."""
        return bool(self.starts.any())

    def extend(
        self, layer: int, keys: Float[Tensor, "B K T Dh"], values: Float[Tensor, "B K T Dh"]
    ) -> tuple[Float[Tensor, "B K S Dh"], Float[Tensor, "B K S Dh"]]:
        """Append T columns to one layer and return all that are written."""
        end = self.n_tokens + keys.shape[2]
        assert end <= self.max_tokens, f"{end} tokens in a cache made for {self.max_tokens}"
        self.keys[layer][:, :, self.n_tokens : end] = keys
        self.values[layer][:, :, self.n_tokens : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def followed_by(self, ids: Int[Tensor, "B T"]) -> Int[Tensor, "B S"]:
        """What was read before and then these new tokens."""
        return torch.cat((self.ids[:, : self.n_tokens], ids), dim=1)

    def positions(self, n_new: int) -> Int[Tensor, "B T"]:
        """The position within its own row of each of the next columns; columns left of a row's start count as its first."""
        columns = torch.arange(self.n_tokens, self.n_tokens + n_new, device=self.starts.device)
        return (columns - self.starts.unsqueeze(1)).clamp_(min=0)

    def is_written(self, n_columns: int) -> Bool[Tensor, "B S"]:
        """Which of the first columns hold a token of their row."""
        return torch.arange(n_columns, device=self.starts.device) >= self.starts.unsqueeze(1)

    def keep(self, rows: Int[Tensor, " N"]) -> None:
        """Forget the other rows."""
        self.keys = [keys[rows] for keys in self.keys]
        self.values = [values[rows] for values in self.values]
        self.copy_keys, self.ids, self.starts = self.copy_keys[rows], self.ids[rows], self.starts[rows]
