"""Which keys each query sees, and what that adds to the attention scores."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

Slopes = tuple[float, ...] | None
"""ALiBi's slope of each head; None for layers without."""


@dataclass(frozen=True)
class View:
    """Which keys each query sees, shared by all layers of one forward pass.

    Queries are the last T of S columns. A query sees keys up to itself that are of its own segment.
    """

    n_queries: int
    n_keys: int
    device: torch.device
    segments: Int[Tensor, "B S"] | None = None

    @property
    def is_plain(self) -> bool:
        """Nothing but the order of tokens limits what is seen."""
        return self.segments is None

    @property
    def distance(self) -> Int[Tensor, "T S"]:
        """How many columns the key lies before the query; negative where it comes after."""
        columns = torch.arange(self.n_keys, device=self.device)
        return columns[self.n_keys - self.n_queries :].unsqueeze(1) - columns

    @property
    def allowed(self) -> Bool[Tensor, "#B 1 T S"]:
        """True where the query may look at the key."""
        allowed = (self.distance >= 0)[None, None]
        if self.segments is not None:
            of_queries = self.segments[:, self.n_keys - self.n_queries :]
            allowed = allowed & (of_queries[:, None, :, None] == self.segments[:, None, None, :])
        return allowed

    def blocks(self) -> BlockMask:
        """What is allowed as flex_attention takes it, which skips blocks that no query sees. For whole rows with segments."""
        segments = self.segments
        assert segments is not None and self.n_queries == self.n_keys
        return create_block_mask(
            lambda row, _, query, key: (key <= query) & (segments[row, query] == segments[row, key]),
            *(len(segments), None, self.n_queries, self.n_keys),
            device=self.device.type,
        )

    def bias(self, slopes: Slopes, dtype: torch.dtype) -> Float[Tensor, "#B H T S"]:
        """What is added to the scores: -inf where it may not look, minus slope · distance under ALiBi."""
        bias = torch.zeros(1, device=self.device)
        if slopes is not None:
            bias = torch.tensor(slopes, device=self.device)[:, None, None] * -self.distance
        return torch.where(self.allowed, bias, float("-inf")).to(dtype)


class Biases:
    """What one forward pass adds to its scores, each made once: layers with the same slopes share theirs.

    A single query at the end of a row takes its own from that at the end of a `longer` row, which begins with more of the same.
    """

    def __init__(self, view: View, dtype: torch.dtype, longer: "Biases | None" = None) -> None:
        self.view, self.dtype, self.longer = view, dtype, longer
        self.made: dict[Slopes, Tensor] = {}
        self.made_blocks: BlockMask | None = None

    def of(self, slopes: Slopes) -> Float[Tensor, "#B H T S"]:
        """The bias for a layer with these slopes, or with none."""
        if slopes not in self.made:
            longer = None if self.longer is None else self.longer.of(slopes)[..., -self.view.n_keys :]
            self.made[slopes] = self.view.bias(slopes, self.dtype) if longer is None else longer
        return self.made[slopes]

    def blocks(self) -> BlockMask:
        """The view in blocks, for flex_attention."""
        if self.made_blocks is None:
            self.made_blocks = self.view.blocks()
        return self.made_blocks
